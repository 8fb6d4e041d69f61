"""Records of what a model's evaluation found: written with a checkpoint, copied into a bundle, read by every report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Finite, Name, NonNegative, Record, Seed, Share, Text
from sentio_mobile.errors import RecordError
from sentio_mobile.metrics.bootstrap import (
    RESAMPLES,
    Interval,
    Intervals,
    MetricTable,
    measure,
    resample,
    table_of,
)
from sentio_mobile.metrics.by_source import SourceEvaluation, by_source
from sentio_mobile.metrics.ceiling import known_ceiling
from sentio_mobile.spec import OUTPUTS, DataOrigin, ModelSpec

MAX_SONGS = 1_000_000
"""Songs of the largest set that is read."""

Emotion = Annotated[float, Meta(ge=-1, le=1)]
Pairs = Annotated[tuple[tuple[Emotion, Emotion], ...], Meta(max_length=MAX_SONGS)]
"""Valence and arousal of songs."""

SongId = Annotated[str, Meta(min_length=1, max_length=4096)]
"""The id of a song: a path is one."""

HistoryRow = Annotated[dict[Name, Finite | None], Meta(max_length=256)]
"""What one epoch logged: `epoch`, `val_ccc_valence`, `train_loss` and so on. None where undefined."""
History = Annotated[tuple[HistoryRow, ...], Meta(max_length=100_000)]


class Bootstrap(Record, frozen=True, kw_only=True):
    """How intervals were computed."""

    resamples: Count  # number of resamples
    seed: Seed  # random seed of the resamples
    over: Literal["songs", "groups"]  # what was drawn: single songs, or whole groups of them


class OutputMetrics(Record, frozen=True, kw_only=True):
    """Metrics of valence or of arousal. None where a metric is undefined, as for labels that are all alike."""

    ccc: Interval  # Lin's concordance correlation coefficient, with its 95% interval
    mae: NonNegative | None  # mean absolute error
    rmse: NonNegative | None  # root mean squared error
    r2: Finite | None  # coefficient of determination
    pearson: Finite | None  # Pearson's correlation coefficient


class MeanMetrics(Record, frozen=True, kw_only=True):
    """Metrics in the mean over valence and arousal."""

    ccc: Interval  # mean of the two CCCs, with its 95% interval


class Metrics(Record, frozen=True, kw_only=True):
    """Metrics of one model on one set of songs."""

    valence: OutputMetrics
    arousal: OutputMetrics
    mean: MeanMetrics


class OutputCoverage(Record, frozen=True, kw_only=True):
    """Share of songs whose value of one output lies in the model's interval."""

    share: Share  # share of songs
    low: Share  # lower end of its Wilson 95% interval
    high: Share  # upper end of its Wilson 95% interval
    half_width: Annotated[float, Meta(ge=0, le=2)]  # half width of the model's interval


class Coverage(Record, frozen=True, kw_only=True):
    """How often the model's intervals hold, on songs that they were not made from."""

    target: Annotated[float, Meta(gt=0, lt=1)]  # coverage that the intervals are meant to have
    n: Count  # number of songs
    valence: OutputCoverage
    arousal: OutputCoverage

    @property
    def outputs(self) -> dict[str, OutputCoverage]:
        """The coverage of each output, by its name."""
        return {"valence": self.valence, "arousal": self.arousal}


class SplitEvaluation(Record, frozen=True, kw_only=True):
    """One model on one set of songs, with the predictions that its metrics were computed from."""

    n: Count  # number of songs
    bootstrap: Bootstrap  # how the intervals were computed
    metrics: Metrics  # the metrics
    songs: Annotated[tuple[SongId, ...], Meta(max_length=MAX_SONGS)]  # song ids; empty where they were left out
    truth: Pairs  # labels of the songs
    predicted: Pairs  # predictions for the songs
    coverage: Coverage | None = None  # how often the model's intervals hold; None where it has none
    # highest CCC of valence and of arousal that the raters' disagreement lets a model reach (`ceiling_of`), each None
    # where all labels are equal; None where the disagreement is not known of every song
    ceiling: tuple[Share | None, Share | None] | None = None
    # the same model on each data set; None where the songs come from one
    sources: Annotated[tuple[SourceEvaluation, ...], Meta(max_length=1000)] | None = None

    def check(self) -> None:
        """Every song must have a label and a prediction."""
        if self.songs and len(self.songs) != self.n:
            raise RecordError(f"songs must be as many as n, {self.n}, not {len(self.songs)}")
        for name in ("truth", "predicted"):
            if len(getattr(self, name)) != len(self.songs):
                raise RecordError(f"{name} must have a value for each of {len(self.songs)} songs")

    @property
    def ccc(self) -> Intervals:
        """CCC of valence, arousal and the mean of the two."""
        return {"valence": self.metrics.valence.ccc, "arousal": self.metrics.arousal.ccc, "mean": self.metrics.mean.ccc}

    @property
    def mae(self) -> dict[str, float | None]:
        """Mean absolute error of valence and arousal."""
        return {"valence": self.metrics.valence.mae, "arousal": self.metrics.arousal.mae}

    @property
    def labels(self) -> NDArray[np.float64]:
        """Labels [songs, 2]."""
        return np.array(self.truth, dtype=np.float64).reshape(-1, len(OUTPUTS))

    @property
    def predictions(self) -> NDArray[np.float64]:
        """Predictions [songs, 2]."""
        return np.array(self.predicted, dtype=np.float64).reshape(-1, len(OUTPUTS))


class TeacherEvaluation(Record, frozen=True, kw_only=True):
    """The teacher of a student, on the same test songs."""

    test: SplitEvaluation  # its metrics
    kind: Text | None = None  # what it is, where it is no network: pseudo-labels by their file, or a probe
    spec: ModelSpec | None = None  # its spec; None where it is no network
    parameters: Count | None = None  # number of its weights; None where it is no network
    history: History = ()  # its training, one row per epoch
    data: DataOrigin | None = None  # the songs it was trained on; None where that is not known


class QuantizationError(Record, frozen=True, kw_only=True):
    """Root mean square difference between predictions with fake quantization and in fp32, on validation songs."""

    before: NonNegative  # before quantization-aware training
    after: NonNegative  # after it


class Evaluation(Record, frozen=True, kw_only=True):
    """Everything that was measured when a checkpoint was trained. None is what was not measured."""

    val: SplitEvaluation | None = None  # validation songs, which chose the epoch
    test: SplitEvaluation | None = None  # test songs, read once
    # songs of a cross-validation, each predicted by a model that was trained alike, but without the song's group
    cross_validated: SplitEvaluation | None = None
    cross_validated_by: Text | None = None  # in a line, what the models of the cross-validation had learned from
    retention: Interval | None = None  # the student's mean CCC over the teacher's
    no_retention: Text | None = None  # why there is no retention, where test songs could have shown it
    teacher: TeacherEvaluation | None = None  # a student's teacher
    fake_quantized: SplitEvaluation | None = None  # test songs, with fake quantization
    quantization_error: QuantizationError | None = None  # what quantization-aware training gained
    history: History = ()  # the training, one row per epoch

    @property
    def held_out(self) -> SplitEvaluation | None:
        """What the model is judged by: test songs, or those of a cross-validation where it was trained on all songs."""
        return self.test or self.cross_validated


@dataclass(frozen=True, kw_only=True)
class LearningCurves:
    """Validation CCC and loss terms by epoch. None where a value is undefined.

    Attributes:
        epochs: Numbers of the epochs.
        ccc: Validation CCC of valence and arousal.
        terms: Terms of the loss; empty where the loss had only one.
    """

    epochs: tuple[int, ...]
    ccc: dict[str, tuple[float | None, ...]]
    terms: dict[str, tuple[float | None, ...]]


def learning_curves(history: tuple[dict[str, float | None], ...]) -> LearningCurves | None:
    """The curves in a training's history; None where it has none, as for a teacher that was not trained here."""
    rows = [row for row in history if "epoch" in row and any(f"val_ccc_{name}" in row for name in OUTPUTS)]
    if not rows:
        return None
    terms = [name.removeprefix("gradient_") for name in rows[0] if name.startswith("gradient_")]
    return LearningCurves(
        epochs=tuple(int(row["epoch"] or 0) for row in rows),
        ccc={name: tuple(row.get(f"val_ccc_{name}") for row in rows) for name in OUTPUTS},
        terms={name: tuple(row.get(f"train_{name}") for row in rows) for name in terms},
    )


def evaluate(
    song_ids: tuple[str, ...],
    truth: NDArray[np.floating],
    predicted: NDArray[np.floating],
    seed: int,
    *,
    errors: NDArray[np.floating] | None = None,
    sources: Sequence[str] = (),
) -> SplitEvaluation:
    """Every metric of one set of songs, with the predictions that they were computed from.

    Args:
        song_ids: Ids of the songs.
        truth: Labels [songs, 2] in [-1, 1].
        predicted: Predictions [songs, 2] in [-1, 1].
        seed: Random seed for the bootstrap over songs.
        errors: Standard error of each label, as a mean over raters [songs, 2]; NaN where it is unknown.
        sources: Data set of each song, where several were prepared together.
    """
    draws = resample(len(song_ids), seed)
    return split_evaluation(
        table_of(measure(truth, predicted, draws)),
        songs=song_ids,
        truth=truth,
        predicted=predicted,
        bootstrap=Bootstrap(resamples=RESAMPLES, seed=seed, over="songs"),
        ceiling=None if errors is None else known_ceiling(truth, errors),
        sources=by_source(truth, predicted, sources=sources, draws=draws),
    )


def split_evaluation(
    table: MetricTable,
    *,
    songs: tuple[str, ...],
    truth: NDArray[np.floating],
    predicted: NDArray[np.floating],
    bootstrap: Bootstrap,
    ceiling: tuple[float | None, float | None] | None = None,
    sources: tuple[SourceEvaluation, ...] | None = None,
) -> SplitEvaluation:
    """The record of one set of songs whose metrics are known already.

    Args:
        table: The metrics, as `table_of` gives them.
        songs: Ids of the songs.
        truth: Labels [songs, 2] in [-1, 1].
        predicted: Predictions [songs, 2] in [-1, 1].
        bootstrap: How the intervals of the table were computed.
        ceiling: As `known_ceiling` gives it.
        sources: As `by_source` gives them.
    """
    valence, arousal = (
        OutputMetrics(
            ccc=table[name]["ccc"],
            mae=table[name]["mae"].value,
            rmse=table[name]["rmse"].value,
            r2=table[name]["r2"].value,
            pearson=table[name]["pearson"].value,
        )
        for name in OUTPUTS
    )
    return SplitEvaluation(
        n=len(songs),
        bootstrap=bootstrap,
        metrics=Metrics(valence=valence, arousal=arousal, mean=MeanMetrics(ccc=table["mean"]["ccc"])),
        songs=tuple(songs),
        truth=_pairs(truth),
        predicted=_pairs(predicted),
        ceiling=ceiling,
        sources=sources,
    )


def _pairs(values: NDArray[np.floating]) -> tuple[tuple[float, float], ...]:
    rounded = np.round(np.asarray(values, dtype=np.float64), 4)
    return tuple((float(valence), float(arousal)) for valence, arousal in rounded)
