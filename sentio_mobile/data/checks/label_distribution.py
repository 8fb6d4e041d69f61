"""How labels lie over the valence-arousal plane, and whether the splits got the same share of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.splits import GRID
from sentio_mobile.spec import OUTPUTS

Labels = NDArray[np.float64]

CHANCE = 0.01
"""Probability under which a difference between splits is noted. Six are tested, so that 0.05 would often be chance."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two splits in one dimension by the two-sample Kolmogorov-Smirnov test.

    `distance` (D) is the largest gap between the two cumulative distributions, from 0 to 1; `p` is how often songs
    drawn at random would lie at least so far apart. Songs of one group are alike, so that with large groups p is too
    small. A gap under `noticed` would pass for chance, given how few songs there are.
    """

    splits: tuple[str, str]
    dimension: str
    distance: float
    p: float
    noticed: float

    @property
    def differs(self) -> bool:
        """Whether chance hardly explains the difference."""
        return self.p < CHANCE

    @property
    def words(self) -> str:
        """The finding for people."""
        if not self.differs:
            return f"may be chance (from D {self.noticed:.2f} on it would hardly be)"
        size = "a little" if self.distance < 0.1 else "clearly" if self.distance < 0.3 else "greatly"
        return f"{size} different, and hardly by chance"


@dataclass(frozen=True)
class Coverage:
    """What of the plane has labels: the share of the grid's cells that has any, and the ends of both dimensions.

    `outer` is the share of songs in the grid's outermost cells; `extremes` are lowest and highest valence and arousal.
    """

    cells: float
    outer: float
    extremes: tuple[tuple[float, float], ...]


def grid_of(labels: Labels) -> NDArray[np.int64]:
    """Songs in each cell of the plane [valence, arousal], counted from low to high.

    Args:
        labels: [songs, 2]; what is not in [-1, 1] is left out.
    """
    inside = labels[(np.abs(labels) <= 1).all(axis=1)]
    cells = np.minimum(((inside + 1) / 2 * GRID).astype(int), GRID - 1)
    return np.bincount(cells @ (GRID, 1), minlength=GRID * GRID).reshape(GRID, GRID)


def compare(splits: Mapping[str, Labels]) -> tuple[Comparison, ...]:
    """Every two splits in both dimensions, by the exact test where the splits are small (scipy decides).

    `noticed` comes from Smirnov's limit for large samples: sqrt(-ln(p / 2) / 2 * (1/n + 1/m)).
    """
    from scipy.stats import ks_2samp

    found = []
    for (one, a), (other, b) in itertools.combinations(splits.items(), 2):
        for i, dimension in enumerate(OUTPUTS):
            values = [labels[np.isfinite(labels[:, i]), i] for labels in (a, b)]
            if all(len(column) for column in values):
                test = ks_2samp(*values)
                gap = float(np.sqrt(-np.log(CHANCE / 2) / 2 * sum(1 / len(column) for column in values)))
                found.append(
                    Comparison(
                        splits=(one, other),
                        dimension=dimension,
                        distance=float(test.statistic),
                        p=float(test.pvalue),
                        noticed=min(1.0, gap),
                    )
                )
    return tuple(found)


def coverage_of(labels: Labels) -> Coverage | None:
    """How much of the plane these songs [songs, 2] cover; None where none of them has both labels as numbers."""
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
