"""The distribution of labels over the valence-arousal plane, and how much the splits differ in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Finite, Record, Share, Text
from sentio_mobile.data.splits import GRID

Labels = NDArray[np.float64]
Dimension = Literal["valence", "arousal"]

SIGNIFICANCE = 0.01
"""Probability below which a difference between splits is noted. Six are tested: 0.05 would often be chance."""


class SplitComparison(Record, frozen=True, kw_only=True):
    """Two splits compared in one dimension by the two-sample Kolmogorov-Smirnov test.

    Songs of one group are similar, so that p is too small with large groups.
    """

    splits: tuple[Text, Text]  # names of the splits
    dimension: Dimension  # the label that is compared
    distance: Share  # D, the largest gap between the two cumulative distributions
    p: Share  # probability of at least this distance if both were drawn from the same songs
    detectable: Share  # smallest distance that would be significant with so few songs

    @property
    def differs(self) -> bool:
        """Whether the difference is significant."""
        return self.p < SIGNIFICANCE

    @property
    def words(self) -> str:
        """The result in words."""
        if not self.differs:
            return f"may be chance (D would be significant from {self.detectable:.2f} on)"
        size = "slightly" if self.distance < 0.1 else "clearly" if self.distance < 0.3 else "greatly"
        return f"{size} different, hardly by chance"


class Coverage(Record, frozen=True, kw_only=True):
    """The part of the valence-arousal plane that has songs."""

    cells: Share  # share of the grid's cells with a song
    outer: Share  # share of songs in the outermost cells
    # lowest and highest label, of valence and of arousal
    extremes: Annotated[tuple[tuple[Finite, Finite], ...], Meta(min_length=2, max_length=2)]


def grid_of(labels: Labels) -> NDArray[np.int64]:
    """Count the songs in each cell of the plane.

    Args:
        labels: Valence and arousal [songs, 2]. Songs with a label outside [-1, 1], or none, are left out.

    Returns:
        Counts [valence, arousal], from low to high, GRID x GRID.
    """
    inside = labels[(np.abs(labels) <= 1).all(axis=1)]
    cells = np.minimum(((inside + 1) / 2 * GRID).astype(int), GRID - 1)
    return np.bincount(cells @ (GRID, 1), minlength=GRID * GRID).reshape(GRID, GRID)


def compare_splits(splits: Mapping[str, Labels]) -> tuple[SplitComparison, ...]:
    """Compare every two splits in both dimensions, by the exact test for small splits (scipy decides).

    The detectable distance is Smirnov's limit for large samples: sqrt(-ln(p / 2) / 2 * (1/n + 1/m)).

    Args:
        splits: Valence and arousal of the songs of each split [songs, 2].
    """
    from scipy.stats import ks_2samp

    found = []
    dimensions: tuple[Dimension, Dimension] = ("valence", "arousal")
    for (one, a), (other, b) in itertools.combinations(splits.items(), 2):
        for i, dimension in enumerate(dimensions):
            values = [labels[np.isfinite(labels[:, i]), i] for labels in (a, b)]
            if all(len(column) for column in values):
                test = ks_2samp(*values)
                limit = float(np.sqrt(-np.log(SIGNIFICANCE / 2) / 2 * sum(1 / len(column) for column in values)))
                found.append(
                    SplitComparison(
                        splits=(one, other),
                        dimension=dimension,
                        distance=min(1.0, float(test.statistic)),
                        p=min(1.0, float(test.pvalue)),
                        detectable=min(1.0, limit),
                    )
                )
    return tuple(found)


def coverage_of(labels: Labels) -> Coverage | None:
    """Measure how much of the plane songs cover.

    Args:
        labels: Valence and arousal [songs, 2].

    Returns:
        The coverage, or None if no song has both labels.
    """
    labels = labels[np.isfinite(labels).all(axis=1)]
    if not len(labels):
        return None
    grid = grid_of(labels)
    inner = int(grid[1:-1, 1:-1].sum())
    return Coverage(
        cells=float((grid > 0).mean()),
        outer=1 - inner / max(1, int(grid.sum())),
        extremes=tuple((float(column.min()), float(column.max())) for column in labels.T),
    )
