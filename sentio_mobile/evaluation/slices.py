"""Agreement on parts of the songs: by group, by quadrant of the valence-arousal plane, by how extreme the label is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Record, Text
from sentio_mobile.evaluation.evaluated_model import Predictions
from sentio_mobile.metrics.bootstrap import (
    UNDEFINED,
    Interval,
    Intervals,
    Resampling,
    by_dimension,
    interval_of,
    measure,
)
from sentio_mobile.spec import OUTPUTS

MIN_SONGS = 5
"""Songs that a slice needs to be reported."""
MIN_SONGS_FOR_CCC = 10
QUADRANTS = ("joyful (V+ A+)", "tense (V- A+)", "sad (V- A-)", "peaceful (V+ A-)")
"""Russell's quadrants, numbered as in EMOPIA."""
THIRDS = ("mild", "middling", "extreme")

Criterion = Literal["source", "quadrant", "extremity", "group"]

ByDimension = Intervals
"""A figure with its interval for valence and arousal, and for most figures for their mean."""


class Slice(Record, frozen=True, kw_only=True):
    """Agreement on some of the songs."""

    by: Criterion  # criterion of the slice
    name: Text  # name of the group, quadrant or third
    songs: Count  # number of songs
    mae: ByDimension  # mean absolute error
    bias: ByDimension  # mean prediction minus mean label, of valence and arousal
    # CCC; undefined for few songs. It is lower than over all songs, because labels vary less within a slice.
    ccc: ByDimension
    # Mean distance by which predictions lie farther from the middle of the plane than labels, measured along the
    # label's direction. Below zero, predictions are pulled towards neutral.
    outward: Interval


def quadrant_of(labels: NDArray[np.floating]) -> NDArray[np.int64]:
    """Index into `QUADRANTS` of each song [songs], from labels [songs, 2]. Zero counts as high."""
    high = np.asarray(labels) >= 0
    return np.select([high[:, 0] & high[:, 1], high[:, 1], ~high[:, 0]], [0, 1, 2], default=3)


def third_of(labels: NDArray[np.floating]) -> NDArray[np.int64]:
    """Index into `THIRDS` of each song [songs], by the distance of its label from the middle of the plane."""
    distance = np.linalg.norm(labels, axis=1)
    return np.searchsorted(np.quantile(distance, (1 / 3, 2 / 3)), distance, side="right")


def slices(
    truth: NDArray[np.floating],
    predicted: Predictions,
    groups: Sequence[str],
    resampling: Resampling,
    *,
    sources: Sequence[str] = (),
) -> list[Slice]:
    """Measure every slice of at least `MIN_SONGS` songs: sets, quadrants, thirds by extremity, groups, largest first.

    Args:
        truth: Labels [songs, 2].
        predicted: Predictions [songs, 2].
        groups: Group of each song.
        resampling: Bootstrap weights of these songs.
        sources: Data set of each song, where several were prepared together.
    """
    quadrant, third, group = quadrant_of(truth), third_of(truth), np.asarray(groups)
    masks: list[tuple[Criterion, str, NDArray[np.bool_]]]
    source = np.asarray(sources)
    masks = [("source", str(name), source == name) for name in np.unique(source)] if len(set(sources)) > 1 else []
    masks += [("quadrant", name, quadrant == i) for i, name in enumerate(QUADRANTS)]
    masks += [("extremity", name, third == i) for i, name in enumerate(THIRDS)]
    names, sizes = np.unique(group, return_counts=True)
    masks += [("group", str(names[i]), group == names[i]) for i in np.argsort(-sizes, kind="stable")]
    return [
        _slice(by, name, truth=truth[mask], predicted=predicted[mask], resampling=resampling.of(mask))
        for by, name, mask in masks
        if mask.sum() >= MIN_SONGS
    ]


def _slice(
    by: Criterion, name: str, *, truth: NDArray[np.floating], predicted: Predictions, resampling: Resampling
) -> Slice:
    measured = measure(truth, predicted, resampling)
    enough = len(truth) >= MIN_SONGS_FOR_CCC
    return Slice(
        by=by,
        name=name,
        songs=len(truth),
        mae=by_dimension(measured["mae"]),
        bias={key: value for key, value in by_dimension(measured["bias"]).items() if key in OUTPUTS},
        ccc=by_dimension(measured["ccc"]) if enough else dict.fromkeys((*OUTPUTS, "mean"), UNDEFINED),
        outward=_outward(truth, predicted, resampling),
    )


def _outward(truth: NDArray[np.floating], predicted: Predictions, resampling: Resampling) -> Interval:
    distance = np.linalg.norm(truth, axis=1, keepdims=True)
    direction = np.divide(truth, distance, out=np.zeros_like(truth, dtype=np.float64), where=distance > 0)
    outward = ((predicted - truth) * direction).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return interval_of(resampling.weights @ outward / resampling.weights.sum(axis=1))
