"""What an evaluation of several models found, as written to evaluation.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Finite, Name, NonNegative, Record, Size, Text, Versions, read_record
from sentio_mobile.benchmarks.latency import Latency
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import RecordError
from sentio_mobile.evaluation.calibration import Calibration
from sentio_mobile.evaluation.robustness import PerturbationResult
from sentio_mobile.evaluation.slices import Slice
from sentio_mobile.evaluation.weak_labels import WeakLabelResult
from sentio_mobile.evaluation.worst_songs import WorstSongs
from sentio_mobile.metrics.bootstrap import MetricTable
from sentio_mobile.metrics.evaluation import Bootstrap, Emotion
from sentio_mobile.metrics.significance import ModelComparison
from sentio_mobile.spec import DataOrigin

EVALUATION = "evaluation.json"
MAX_SONGS = 100_000
"""Songs of the largest evaluation that is read."""

MIN_SONGS_TO_RANK = 10
"""Songs below which figures are shown in grey, and nothing is ranked by them."""

SplitName = Literal["test", "val"]
Over = Literal["songs", "groups"]


class Published(Record, frozen=True, kw_only=True):
    """Figures that others have published on DEAM."""

    name: Name  # name of the model
    r2: tuple[Finite, Finite]  # coefficient of determination of valence and of arousal
    remark: Text  # where the figures come from


PUBLISHED_ON_DEAM: tuple[Published, ...] = (
    Published(name="Music2Emo", r2=(0.51, 0.60), remark="as published, on its own split of DEAM"),
    Published(
        name="ceiling",
        r2=(0.83, 0.86),
        remark="approximately what the raters' own disagreement leaves to be explained",
    ),
)
"""Shown beside one's own figures for DEAM with people's labels, never instead of them."""


def published_for(data: PreparedData) -> tuple[Published, ...]:
    """The published figures that may be compared with these songs: none except for DEAM with people's labels."""
    is_deam = data.sheet.layout == "deam" and data.sheet.labels == "rated"
    return PUBLISHED_ON_DEAM if is_deam else ()


class ModelEvaluation(Record, frozen=True, kw_only=True):
    """One model on the evaluated songs."""

    name: Name  # name for tables
    kind: Text  # what the model is, in a few words
    parameters: Size | None  # number of trained parameters; None where that has no meaning
    training_seconds: NonNegative | None  # duration of the training in seconds; None where it was not recorded
    is_baseline: bool  # whether it was trained only for comparison
    # Every metric, by valence, arousal and mean.
    metrics: MetricTable
    slices: Annotated[tuple[Slice, ...], Meta(max_length=MAX_SONGS)]  # agreement on parts of the songs
    worst_songs: WorstSongs  # the songs with the largest errors
    calibration: Calibration | None  # coverage of intervals from validation songs; None where those songs are evaluated
    # One result for each perturbation and other rendering; empty where it was not measured.
    robustness: Annotated[tuple[PerturbationResult, ...], Meta(max_length=1000)] = ()
    # One result for each set of weakly labelled music; empty where there was none.
    weak_labels: Annotated[tuple[WeakLabelResult, ...], Meta(max_length=1000)] = ()
    latency: Latency | None = None  # time from PCM to the prediction; None where it was not measured
    # Predictions of valence and arousal for each song.
    predicted: Annotated[tuple[tuple[Finite, Finite], ...], Meta(max_length=MAX_SONGS)]


class EvaluationRun(Record, frozen=True, kw_only=True):
    """Several models on the same songs."""

    split: SplitName  # the evaluated split
    bootstrap: Bootstrap  # how intervals were computed
    tolerance: Annotated[float, Meta(gt=0, le=2)]  # largest absolute error of a hit, in McNemar's test
    data: DataOrigin  # origin and fingerprint of the songs
    notes: Annotated[tuple[Text, ...], Meta(max_length=1000)]  # what a reader must know to interpret the figures
    models: Annotated[tuple[ModelEvaluation, ...], Meta(min_length=1, max_length=1000)]  # the models
    comparisons: Annotated[tuple[ModelComparison, ...], Meta(max_length=500_000)]  # every pair of models
    published: Annotated[tuple[Published, ...], Meta(max_length=100)]  # published figures for comparison
    songs: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=MAX_SONGS)]  # song ids
    # Labels of valence and arousal for each song.
    truth: Annotated[tuple[tuple[Emotion, Emotion], ...], Meta(min_length=1, max_length=MAX_SONGS)]
    versions: Versions  # versions of the packages that were used

    def check(self) -> None:
        """Check that there are a label and a prediction for every song."""
        if len(self.truth) != len(self.songs):
            raise RecordError(f"truth must have a label for each of {len(self.songs)} songs, not {len(self.truth)}")
        for model in self.models:
            if len(model.predicted) != len(self.songs):
                raise RecordError(
                    f"models must have a prediction for each of {len(self.songs)} songs; {model.name!r} has "
                    f"{len(model.predicted)}"
                )

    @property
    def best(self) -> ModelEvaluation:
        """The model with the highest mean CCC; the first where none is defined."""
        return max(self.models, key=lambda one: -9.0 if (ccc := one.metrics["mean"]["ccc"].value) is None else ccc)

    @property
    def best_group(self) -> tuple[ModelEvaluation, ...]:
        """The best model, first, and those that its paired comparisons cannot tell apart from it."""
        best = self.best
        alike = {
            pair.first if pair.second == best.name else pair.second
            for pair in self.comparisons
            if best.name in (pair.first, pair.second) and not pair.difference["mean"].excludes_zero
        }
        return (best, *(one for one in self.models if one.name in alike))

    @property
    def headline(self) -> str:
        """The outcome in a line: no model is called the best that cannot be told apart from another."""
        best, *alike = self.best_group
        on = f"{len(self.songs)} {self.split} songs"
        figure = f"mean CCC {best.metrics['mean']['ccc']} on {on}"
        if len(self.models) == 1:
            return f"{best.name}: {figure}"
        if len(self.songs) < MIN_SONGS_TO_RANK:
            return f"{len(self.models)} models, not ranked: {on} are fewer than {MIN_SONGS_TO_RANK}"
        if not alike:
            return f"Best of {len(self.models)}, {best.name}: {figure}"
        if len(alike) == 1:
            return f"{best.name} and {alike[0].name} cannot be told apart; {best.name}: {figure}"
        return f"{best.name} and {len(alike)} others cannot be told apart; {best.name}: {figure}"


def read_evaluation(path: Path) -> EvaluationRun:
    """Read the evaluation.json of `sentio-mobile evaluate`.

    Raises:
        InputError: The file is missing, or is not such an evaluation.
    """
    return read_record(EvaluationRun, path)
