"""The 0-100 score: how near made-up clips come to real ones in five respects that a spectrogram shows.

It measures looks. Clips that ignore their labels, or that are copies of real ones, can score full marks; what sees
those stands beside the score in a judgement.

Each part is a distance between two sets of clips. The scale of each is what two halves of the real clips, without a
common group, lie apart: r is the made-up clips' distance from a half, over that. The share of its points that a part
gives is

    1 / (1 + max(0, r - 1) ** 2)

so that real clips get them all, what lies twice as far as real clips do gets half, and eleven times as far a
hundredth. All distances are means over draws of equally many clips, because they shrink as sets grow: scores of 40 and
of 4,000 clips compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import DataError
from sentio_mobile.teacher.gan.evaluation.features import PATCH

Array = NDArray[np.floating]
Tier = Literal["good", "usable", "poor"]

POINTS: Mapping[str, int] = {"frechet": 30, "moments": 20, "smoothness": 20, "correlation": 15, "range": 15}
GOOD, USABLE = 70.0, 50.0
DRAWN, DRAWS = 32, 50
"""Clips of each side in a draw, and how many draws are averaged."""

FEWEST = 8
"""Clips of a side without which there is no score."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: its name, how many points it gives at most, its two mean distances, and the points that it gave."""

    name: str
    most: int
    distance: float
    between_real: float
    points: float


@dataclass(frozen=True)
class Score:
    """The score and its parts. `drawn` clips of each side were compared at a time, less than `DRAWN` where few are."""

    total: float
    tier: Tier
    parts: tuple[Part, ...]
    drawn: int


def tier_of(total: float) -> Tier:
    """Good from 70 points on, usable from 50 on, poor below."""
    return "good" if total >= GOOD else "usable" if total >= USABLE else "poor"


def frechet(one: Array, other: Array) -> float:
    """Fréchet distance between the normal distributions fitted to all patches of two sets (Dowson and Landau 1982).

    Args:
        one: of each clip, mean and second moments of its patches [n, PATCH + PATCH * PATCH], as `patches` gives them.
        other: the same [m, PATCH + PATCH * PATCH].

    Returns:
        The square root of |mean difference|^2 + trace(A + B - 2 (A B)^(1/2)), in dB.
    """
    (mean, a), (other_mean, b) = (_normal(x) for x in (one, other))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    squared = ((mean - other_mean) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * shared
    return float(np.sqrt(max(0.0, squared)))


def _normal(moments: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean [PATCH] and covariance [PATCH, PATCH] of all patches of a set."""
    sums = moments.mean(axis=0, dtype=np.float64)
    mean, second = sums[:PATCH], sums[PATCH:].reshape(PATCH, PATCH)
    return mean, second - np.outer(mean, mean)


def transport(one: Array, other: Array) -> float:
    """Mean over the numbers of the 1-Wasserstein distance between two sets of equal size.

    In one dimension that is the mean difference between the sorted values. It sees a shift, and a spread that is too
    narrow or too wide.
    """
    return float(np.abs(np.sort(one, axis=0) - np.sort(other, axis=0)).mean())


def root_mean_square(one: Array, other: Array) -> float:
    """Root mean square difference between the means of two sets."""
    return float(np.sqrt(((one.mean(axis=0) - other.mean(axis=0)) ** 2).mean()))


DISTANCES: Mapping[str, Callable[[Array, Array], float]] = {
    "frechet": frechet,
    "moments": transport,
    "smoothness": transport,
    "correlation": root_mean_square,
    "range": transport,
}


def score(made: Mapping[str, Array], real: Mapping[str, Array], groups: Sequence[str], seed: int) -> Score:
    """Score made-up clips against real ones.

    Args:
        made: descriptions of the made-up clips, [n, numbers] for each part of `POINTS`.
        real: the same of the real clips [m, numbers].
        groups: of the real clips [m]; halves have none in common.
        seed: of the draws.

    Raises:
        DataError: there are fewer than `FEWEST` clips on a side or in a half of the real ones.
    """
    rng = np.random.default_rng(seed)
    halves = [split_groups(groups, rng) for _ in range(DRAWS)]
    smallest = min(min(len(half) for half in pair) for pair in halves)
    count = len(made["moments"])
    if min(count, smallest) < FEWEST:
        raise DataError(
            f"{count} made-up clips against halves of {smallest} real songs: a score needs {FEWEST} of each; "
            "make more samples, or prepare more songs"
        )
    drawn = min(DRAWN, count, smallest)
    # Numbers of one part have different units; what real clips spread over is the unit of each.
    units = {name: np.maximum(real[name].std(axis=0), 1e-6) for name in POINTS}
    distances: dict[str, list[tuple[float, float]]] = {name: [] for name in POINTS}
    for first, second in halves:
        one, other = (rng.permutation(half)[:drawn] for half in (first, second))
        chosen = rng.permutation(count)[:drawn]
        for name, distance in DISTANCES.items():
            a, b, c = real[name][one], real[name][other], made[name][chosen]
            if distance is transport:
                a, b, c = a / units[name], b / units[name], c / units[name]
            distances[name].append((distance(a, c), distance(a, b)))
    parts = tuple(_part(name, *np.mean(distances[name], axis=0)) for name in POINTS)
    total = sum(part.points for part in parts)
    return Score(total, tier_of(total), parts, drawn)


def share(distance: float, between_real: float) -> float:
    """The share of its points that a part gives: 1 where made-up clips are as near as real ones, falling to 0."""
    ratio = distance / max(between_real, 1e-12)
    return 1 / (1 + max(0.0, ratio - 1) ** 2)


def split_groups(groups: Sequence[str], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of two halves of nearly one size without a common group; of one group, two halves of its clips."""
    names, of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) == 1:
        of = np.arange(len(groups))
    order = rng.permutation(of.max() + 1)
    halves: tuple[list[int], list[int]] = ([], [])
    for group in order:
        smaller = halves[len(halves[1]) < len(halves[0])]
        smaller.extend(np.flatnonzero(of == group).tolist())
    return np.array(halves[0], dtype=np.int64), np.array(halves[1], dtype=np.int64)


def _part(name: str, distance: float, between_real: float) -> Part:
    most = POINTS[name]
    return Part(
        name=name,
        most=most,
        distance=float(distance),
        between_real=float(between_real),
        points=most * share(distance, between_real),
    )
