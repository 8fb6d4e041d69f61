"""A space in which clips that sound alike lie together, and how far two sets of clips lie apart in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.teacher.gan.evaluation.score import split_groups

DIRECTIONS, VARIANCE = 32, 0.95
"""Most directions of the space, and the share of the real clips' variance that it holds when they are enough."""

SUBSETS, SUBSET = 200, 100
"""Draws of a kernel distance, and clips of each side in a draw."""


@dataclass(frozen=True)
class Embedding:
    """Principal directions of real clips' inner states, each scaled to variance 1.

    Attributes:
        mean: of the real clips' states [numbers].
        directions: from a state, less the mean, to a place [numbers, dimensions].
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]

    def place(self, states: NDArray[np.float32]) -> NDArray[np.float64]:
        """States [n, numbers] to places [n, dimensions]."""
        return (states - self.mean) @ self.directions


def fit_embedding(states: NDArray[np.float32]) -> Embedding:
    """Standardize the states of real clips [n, numbers], and keep the directions in which they differ most."""
    mean, sd = states.mean(axis=0, dtype=np.float64), states.std(axis=0, dtype=np.float64)
    scale = np.where(sd > 1e-6 * max(sd.max(), 1e-12), 1 / np.maximum(sd, 1e-12), 0)
    _, size, directions = np.linalg.svd((states - mean) * scale, full_matrices=False)
    held = np.cumsum(size**2) / max((size**2).sum(), 1e-12)
    count = min(DIRECTIONS, int(np.searchsorted(held, VARIANCE)) + 1)
    deviation = np.maximum(size[:count] / np.sqrt(len(states)), 1e-12)
    return Embedding(mean, scale[:, None] * directions[:count].T / deviation)


@dataclass(frozen=True)
class Kernel:
    """Kernel distances: made-up clips to real ones, and between two halves of the real ones without a common group.

    Of each, the mean over `SUBSETS` draws of `drawn` clips a side, and what the middle 95% of the draws gave.
    """

    made: Interval
    between_real: Interval
    drawn: int


def kernel_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x . y / d + 1)^3 (Bińkowski et al. 2018).

    Unbiased: sets of one distribution have 0 on average, however few clips they hold, where a Fréchet distance grows as
    they shrink. A draw can be below 0.

    Args:
        one: places [n, d], at least 2.
        other: places [m, d], at least 2.
    """
    d = one.shape[1]
    a, b, between = ((x @ y.T / d + 1) ** 3 for x, y in ((one, one), (other, other), (one, other)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (a, b)]
    return float(sum(within) - 2 * between.mean())


def compare_kernels(made: NDArray[np.float64], real: NDArray[np.float64], groups: Sequence[str], seed: int) -> Kernel:
    """Kernel distances by draws of equally many clips.

    Args:
        made: places of the made-up clips [n, d].
        real: places of real ones [m, d].
        groups: of the real ones [m].
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    found, drawn = [], SUBSET
    for _ in range(SUBSETS):
        one, other = split_groups(groups, rng)
        drawn = min(drawn, len(one), len(other), len(made))
        one, other = (rng.permutation(half)[:drawn] for half in (one, other))
        chosen = rng.permutation(len(made))[:drawn]
        found.append((kernel_distance(made[chosen], real[one]), kernel_distance(real[other], real[one])))
    draws = np.array(found)
    lows, highs = np.quantile(draws, (0.025, 0.975), axis=0)
    made_up, between = (Interval(*map(float, x)) for x in zip(draws.mean(axis=0), lows, highs, strict=True))
    return Kernel(made_up, between, drawn)
