"""The score from 0 to 100: how near generated clips come to real ones in five respects that a log-mel shows.

The score measures looks. Clips that ignore their labels, or that are copies of real ones, can reach full marks; the
evaluation reports those faults beside the score.

Each part is a distance between two sets of clips. Its scale is the distance between two halves of the real clips
without a common group: r is the distance from generated clips to one half, divided by that. A part gives the share

    1 / (1 + max(0, r - 1) ** 2)

of its points, so that real clips get all of them, clips twice as far as real ones get half, and clips eleven times as
far a hundredth. All distances are means over draws of equally many clips, because distances shrink as sets grow:
scores of 40 and of 4,000 clips can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, NonNegative, Record
from sentio_mobile.errors import DataError
from sentio_mobile.teacher.gan.evaluation.features import PATCH

Array = NDArray[np.floating]
PartName = Literal["frechet", "moments", "smoothness", "correlation", "range"]
Tier = Literal["good", "usable", "poor"]
Points = Annotated[float, Meta(ge=0, le=100)]

MAX_POINTS: Mapping[PartName, int] = {"frechet": 30, "moments": 20, "smoothness": 20, "correlation": 15, "range": 15}
GOOD, USABLE = 70.0, 50.0
"""Fewest points of the tiers good and usable."""

DRAW_SIZE, DRAWS = 32, 50
"""Clips of each set in a draw, and number of draws that are averaged."""

MIN_CLIPS = 8
"""Fewest clips of each set for a score."""

PART_NAMES: Mapping[PartName, str] = {
    "frechet": "Fréchet distance of patches",
    "moments": "moments",
    "smoothness": "temporal smoothness",
    "correlation": "frequency correlation",
    "range": "dynamic range",
}

PART_MEANINGS: Mapping[PartName, str] = {
    "frechet": "normal distributions fitted to patches of 16 groups of bands by three quarters of a second",
    "moments": "mean, standard deviation, skewness and kurtosis of a clip's cells, over clips",
    "smoothness": "mean change over 1, 4, 16 and 64 frames, over clips",
    "correlation": "mean correlations between 32 groups of bands",
    "range": "5th to 95th percentile of all cells, of loudness, and within frames, over clips",
}


class ScorePart(Record, frozen=True, kw_only=True):
    """One part of the score."""

    name: PartName  # what is compared
    max_points: Count  # largest number of points
    distance: NonNegative  # mean distance from generated to real clips
    between_real: NonNegative  # mean distance between halves of the real clips
    points: Points  # points reached


class Score(Record, frozen=True, kw_only=True):
    """The score of looks and its parts."""

    total: Points  # sum of the parts' points
    tier: Tier  # the total in words
    parts: Annotated[tuple[ScorePart, ...], Meta(max_length=10)]  # the parts
    draw_size: Count  # clips of each set that were compared at a time; less than 32 if a set is small


def tier_of(total: float) -> Tier:
    """The tier of a score: good from 70 points on, usable from 50 on, poor below."""
    return "good" if total >= GOOD else "usable" if total >= USABLE else "poor"


def frechet(first: Array, second: Array) -> float:
    """Fréchet distance between normal distributions fitted to the patches of two sets (Dowson and Landau 1982).

    Args:
        first: Mean and second moments of each clip's patches [n, PATCH + PATCH * PATCH], from `patches`.
        second: The same of the other set [m, PATCH + PATCH * PATCH].

    Returns:
        The square root of |mean difference|^2 + trace(A + B - 2 (A B)^(1/2)), in dB.
    """
    (mean, a), (other_mean, b) = (_fit_normal(moments) for moments in (first, second))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    squared = ((mean - other_mean) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * shared
    return float(np.sqrt(max(0.0, squared)))


def _fit_normal(moments: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean [PATCH] and covariance [PATCH, PATCH] of all patches of a set."""
    sums = moments.mean(axis=0, dtype=np.float64)
    mean, second = sums[:PATCH], sums[PATCH:].reshape(PATCH, PATCH)
    return mean, second - np.outer(mean, mean)


def wasserstein(first: Array, second: Array) -> float:
    """1-Wasserstein distance between two sets of equal size, averaged over their columns.

    In one dimension it is the mean difference between the sorted values. It sees a shift, and a spread that is too
    narrow or too wide.
    """
    return float(np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean())


def root_mean_square(first: Array, second: Array) -> float:
    """Root mean square difference between the means of two sets."""
    return float(np.sqrt(((first.mean(axis=0) - second.mean(axis=0)) ** 2).mean()))


DISTANCES: Mapping[PartName, Callable[[Array, Array], float]] = {
    "frechet": frechet,
    "moments": wasserstein,
    "smoothness": wasserstein,
    "correlation": root_mean_square,
    "range": wasserstein,
}


def score(generated: Mapping[str, Array], real: Mapping[str, Array], groups: Sequence[str], seed: int) -> Score:
    """Score generated clips against real ones.

    Args:
        generated: Features of the generated clips, [n, numbers] for each part of `MAX_POINTS`.
        real: The same features of the real clips [m, numbers].
        groups: Group of each real clip [m]; two halves have no group in common.
        seed: Random seed for the draws.

    Raises:
        DataError: There are fewer than `MIN_CLIPS` generated clips, or real clips in a half.
    """
    rng = np.random.default_rng(seed)
    halves = [split_groups(groups, rng) for _ in range(DRAWS)]
    smallest_half = min(min(len(half) for half in pair) for pair in halves)
    count = len(generated["moments"])
    if min(count, smallest_half) < MIN_CLIPS:
        raise DataError(
            f"{count} generated clips against halves of {smallest_half} real songs: a score needs {MIN_CLIPS} of "
            "each; make more samples, or prepare more songs"
        )
    draw_size = min(DRAW_SIZE, count, smallest_half)
    # Columns of one part have different units; each is divided by its standard deviation over real clips.
    units = {name: np.maximum(real[name].std(axis=0), 1e-6) for name in MAX_POINTS}
    distances: dict[PartName, list[tuple[float, float]]] = {name: [] for name in MAX_POINTS}
    for pair in halves:
        first, second = (rng.permutation(half)[:draw_size] for half in pair)
        chosen = rng.permutation(count)[:draw_size]
        for name, distance in DISTANCES.items():
            a, b, c = real[name][first], real[name][second], generated[name][chosen]
            if distance is wasserstein:
                a, b, c = a / units[name], b / units[name], c / units[name]
            distances[name].append((distance(a, c), distance(a, b)))
    parts = tuple(_score_part(name, *map(float, np.mean(distances[name], axis=0))) for name in MAX_POINTS)
    total = sum(part.points for part in parts)
    return Score(total=total, tier=tier_of(total), parts=parts, draw_size=draw_size)


def points_share(distance: float, between_real: float) -> float:
    """The share of its points that a part gives: 1 if generated clips are as near as real ones, falling to 0."""
    ratio = distance / max(between_real, 1e-12)
    return 1 / (1 + max(0.0, ratio - 1) ** 2)


def split_groups(groups: Sequence[str], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of two halves of nearly equal size without a common group; a single group is split by clips."""
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) == 1:
        group_of = np.arange(len(groups))
    order = rng.permutation(group_of.max() + 1)
    halves: tuple[list[int], list[int]] = ([], [])
    for group in order:
        smaller = halves[len(halves[1]) < len(halves[0])]
        smaller.extend(np.flatnonzero(group_of == group).tolist())
    return np.array(halves[0], dtype=np.int64), np.array(halves[1], dtype=np.int64)


def _score_part(name: PartName, distance: float, between_real: float) -> ScorePart:
    return ScorePart(
        name=name,
        max_points=MAX_POINTS[name],
        distance=distance,
        between_real=between_real,
        points=MAX_POINTS[name] * points_share(distance, between_real),
    )
