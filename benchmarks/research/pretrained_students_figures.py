"""The figures of `pretrained_students.py`: what is measured of each model, how they are compared, and the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Name, Record, Size, Text, Versions
from sentio_mobile.benchmarks.machine import Machine
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.metrics.auc import auc
from sentio_mobile.metrics.bootstrap import Interval, Resampling, interval_of, measure, resample

Array: TypeAlias = NDArray[np.float32]
Samples: TypeAlias = NDArray[np.float64]
"""A figure and its bootstrap samples, the figure itself first [1 + resamples]."""

Figure = Literal[
    "auc valence",
    "auc arousal",
    "auc valence, calm",
    "auc valence, energetic",
    "ccc valence",
    "ccc arousal",
    "ccc",
]
Figures = Annotated[dict[Figure, Interval], Meta(max_length=7)]
"""Figures of one model, with intervals over groups."""

PROBE, STUDENT, REGRESSION = "probe", "student", "regression"
BEST = "best regression"
SOUND = ", on "
"""Stands between the name of a model and that of a sound which is not the one it was trained on."""


class ModelFigures(Record, frozen=True, kw_only=True):
    """What was measured of one model on one sound of the test songs, in the mean over seeds."""

    figures: Figures  # the model's own figures
    ccc_by_seed: Annotated[tuple[float, ...], Meta(max_length=64)]  # mean CCC of each seed
    of_probe: Interval | None = None  # CCC relative to the probe's on the sound that both were trained on
    kept: Interval | None = None  # CCC on this sound relative to the same model's on the sound it was trained on
    # paired differences, this model's figures minus another's, by the name of the other
    more_than: Annotated[dict[Name, Figures], Meta(max_length=64)]


class CrossValidation(Record, frozen=True, kw_only=True):
    """record.json: every test song was predicted by models that were trained on no song of its group."""

    songs: Count  # tested songs
    groups: Count  # their groups, which intervals are over
    labels: Size  # training songs with labels in each fold; 0 for all that there are
    unlabelled_clips: Size  # clips without labels that the student learned from
    start: Text  # weights that the student started from
    precision: Name  # precision in which the student was tested
    seeds: Annotated[tuple[int, ...], Meta(max_length=64)]  # seeds of the students
    recipe: DistillRecipe  # the student's recipe, but for the seed
    # name of the regression with the largest CCC, by sound; it was chosen on the test songs, which flatters it
    best_regression: Annotated[dict[Name, Name], Meta(max_length=64)]
    models: Annotated[dict[Name, ModelFigures], Meta(max_length=512)]  # each model on each sound
    machine: Machine  # where it ran
    versions: Versions  # packages


def compare(
    labels: Array,
    high: NDArray[np.bool_],
    *,
    groups: Sequence[str],
    found: Mapping[str, Sequence[Array]],
    others: Mapping[str, Mapping[str, Sequence[Array]]],
) -> tuple[dict[str, ModelFigures], dict[str, str]]:
    """Figures of each model, and the best regression on each sound.

    Args:
        labels: Valence and arousal of the tested songs [songs, 2].
        high: Whether they are high [songs, 2].
        groups: Group of each song.
        found: Predictions [songs, 2] of each seed, by model and sound.
        others: The same of other runs on the same songs, by the name of the run.
    """
    draws = resample(len(labels), 0, groups)

    def mean_samples(runs: Sequence[Array]) -> dict[Figure, Samples]:
        each = [samples_of(labels, high, run, draws) for run in runs]
        return {figure: np.mean([one[figure] for one in each], axis=0) for figure in each[0]}

    means = {name: mean_samples(runs) for name, runs in found.items()}
    best = _best_regressions(means)
    rival = {name: best[sound] for name in means if (sound := _split(name)[1]) in best}
    elsewhere = {
        run: {name: mean_samples(runs) for name, runs in models.items() if name in means}
        for run, models in others.items()
    }
    table = {}
    for name, own in means.items():
        model, sound = _split(name)
        compared = {run: models[name] for run, models in elsewhere.items() if name in models}
        if model in (PROBE, STUDENT) and name in rival:
            compared[BEST] = means[rival[name]]
        table[name] = ModelFigures(
            figures=intervals(own),
            ccc_by_seed=tuple(mean_ccc(labels, run) for run in found[name]),
            of_probe=_share(own, means[PROBE]) if model == STUDENT else None,
            kept=_share(own, means[model]) if sound and model in means else None,
            more_than={other: intervals(own, minus=theirs) for other, theirs in compared.items()},
        )
    return table, {sound or "the sound of training": name for sound, name in best.items()}


def samples_of(labels: Array, high: NDArray[np.bool_], predicted: Array, draws: Resampling) -> dict[Figure, Samples]:
    """Bootstrap samples of each figure of one run."""
    everywhere, energetic = np.ones(len(labels), dtype=bool), high[:, 1]

    def area(output: int, chosen: NDArray[np.bool_]) -> Samples:
        return auc(high[chosen, output], predicted[chosen, output], draws.of(chosen))

    ccc = measure(labels, predicted, draws)["ccc"]
    return {
        "auc valence": area(0, everywhere),
        "auc arousal": area(1, everywhere),
        "auc valence, calm": area(0, ~energetic),
        "auc valence, energetic": area(0, energetic),
        "ccc valence": ccc[:, 0],
        "ccc arousal": ccc[:, 1],
        "ccc": ccc.mean(axis=1),
    }


def mean_ccc(labels: Array, predicted: Array) -> float:
    """Mean of the CCC of valence and of arousal; 0 where it is undefined."""
    found = measure(labels, predicted, Resampling(np.ones((1, len(labels)))))["ccc"][0]
    return float(np.nan_to_num(found).mean())


def read_other_run(record: Path, tested: NDArray[np.int64]) -> dict[str, list[Array]]:
    """Predictions of another run, which stand beside its record.

    Raises:
        SystemExit: It tested other songs.
    """
    with np.load(record.parent / "predictions.npz", allow_pickle=False) as other:
        if not np.array_equal(other["tested"], tested):
            raise SystemExit(f"{record}: tested other songs")
        return {name: list(other[name]) for name in other.files if name != "tested"}


def intervals(own: Mapping[Figure, Samples], minus: Mapping[Figure, Samples] | None = None) -> Figures:
    """Figures with intervals from their bootstrap samples, or paired differences to another model's."""
    return {figure: interval_of(values if minus is None else values - minus[figure]) for figure, values in own.items()}


def _best_regressions(means: Mapping[str, Mapping[Figure, Samples]]) -> dict[str, str]:
    best: dict[str, str] = {}
    for name, own in means.items():
        model, sound = _split(name)
        if model.startswith(REGRESSION) and (
            sound not in best or own["ccc"][0] > means[best[sound]]["ccc"][0]
        ):  # fmt: skip
            best[sound] = name
    return best


def _split(name: str) -> tuple[str, str]:
    """Model and sound; the sound is empty for the one that was trained on."""
    model, _, sound = name.partition(SOUND)
    return model, sound


def _share(own: Mapping[Figure, Samples], whole: Mapping[Figure, Samples]) -> Interval:
    """The CCC as a share of another; undefined where the other is not above 0."""
    above, below = own["ccc"], whole["ccc"]
    return interval_of(np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0))
