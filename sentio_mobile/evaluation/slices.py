"""How right a model is on parts of the songs: by group, by quadrant of the plane, by how extreme the label is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.evaluation.evaluated_model import Answers
from sentio_mobile.metrics.bootstrap import UNDEFINED, Interval, Resampling, by_dimension, interval_of, measure
from sentio_mobile.spec import OUTPUTS

FEWEST = 5
"""Songs that a part needs to stand in a table."""
FEWEST_FOR_CCC = 10
QUADRANTS = ("joyful (V+ A+)", "tense (V- A+)", "sad (V- A-)", "peaceful (V+ A-)")
"""Russell's quadrants, counted as EMOPIA counts them."""
THIRDS = ("mild", "middling", "extreme")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Some of the songs.

    Attributes:
        by: what they were chosen by: `group`, `quadrant` or `extremity`.
        name: which of them.
        songs: how many they are.
        mae: mean absolute error, by dimension.
        bias: mean answer less mean label of valence and arousal.
        ccc: by dimension; undefined for few songs. It is lower within a part than over all, for labels vary less there.
        outward: how much farther from the middle of the plane the answers lie than the labels, measured along the
            label's direction: below zero they are pulled to neutral.
    """

    by: str
    name: str
    songs: int
    mae: dict[str, Interval]
    bias: dict[str, Interval]
    ccc: dict[str, Interval]
    outward: Interval


def quadrant_of(labels: NDArray[np.floating]) -> NDArray[np.int64]:
    """The place in `QUADRANTS` of each song [songs], from labels [songs, 2]. Zero counts as high."""
    high = np.asarray(labels) >= 0
    return np.select([high[:, 0] & high[:, 1], high[:, 1], ~high[:, 0]], [0, 1, 2], default=3)


def third_of(labels: NDArray[np.floating]) -> NDArray[np.int64]:
    """The place in `THIRDS` of each song [songs], by its label's distance from the middle of the plane."""
    distance = np.linalg.norm(labels, axis=1)
    return np.searchsorted(np.quantile(distance, (1 / 3, 2 / 3)), distance, side="right")


def slices(
    truth: NDArray[np.floating], predicted: Answers, groups: Sequence[str], resampling: Resampling
) -> list[Slice]:
    """All parts that have `FEWEST` songs or more: quadrants, thirds by extremity, then groups, the largest first.

    Args:
        truth: labels [songs, 2].
        predicted: answers [songs, 2].
        groups: of each song; where no two songs share one, groups are left out.
        resampling: of these songs.
    """
    quadrant, third, group = quadrant_of(truth), third_of(truth), np.asarray(groups)
    chosen = [("quadrant", name, quadrant == i) for i, name in enumerate(QUADRANTS)]
    chosen += [("extremity", name, third == i) for i, name in enumerate(THIRDS)]
    names, sizes = np.unique(group, return_counts=True)
    chosen += [("group", str(names[i]), group == names[i]) for i in np.argsort(-sizes, kind="stable")]
    return [
        _slice(by, name, truth=truth[own], predicted=predicted[own], resampling=resampling.of(own))
        for by, name, own in chosen
        if own.sum() >= FEWEST
    ]


def _slice(by: str, name: str, *, truth: NDArray[np.floating], predicted: Answers, resampling: Resampling) -> Slice:
    measured = measure(truth, predicted, resampling)
    enough = len(truth) >= FEWEST_FOR_CCC
    return Slice(
        by=by,
        name=name,
        songs=len(truth),
        mae=by_dimension(measured["mae"]),
        bias={key: value for key, value in by_dimension(measured["bias"]).items() if key in OUTPUTS},
        ccc=by_dimension(measured["ccc"]) if enough else dict.fromkeys((*OUTPUTS, "mean"), UNDEFINED),
        outward=_outward(truth, predicted, resampling),
    )


def _outward(truth: NDArray[np.floating], predicted: Answers, resampling: Resampling) -> Interval:
    distance = np.linalg.norm(truth, axis=1, keepdims=True)
    direction = np.divide(truth, distance, out=np.zeros_like(truth, dtype=np.float64), where=distance > 0)
    farther = ((predicted - truth) * direction).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return interval_of(resampling.weights @ farther / resampling.weights.sum(axis=1))
