"""An embedding in which clips that sound alike lie together, and the distance between two sets of clips in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Record
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.teacher.gan.evaluation.score import split_groups

MAX_DIMENSIONS, MIN_VARIANCE = 32, 0.95
"""Largest number of dimensions, and the share of the real clips' variance that fewer dimensions must hold."""

DRAWS, DRAW_SIZE = 200, 100
"""Draws of a kernel distance, and clips of each set in a draw."""


@dataclass(frozen=True)
class Embedding:
    """Principal directions of the real clips' states, each scaled to variance 1.

    Attributes:
        mean: Mean of the real clips' states [numbers].
        directions: Map from a centred state to its embedding [numbers, dimensions].
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]

    def embed(self, states: NDArray[np.float32]) -> NDArray[np.float64]:
        """Embed states [n, numbers] as vectors [n, dimensions]."""
        return (states - self.mean) @ self.directions


def fit_embedding(states: NDArray[np.float32]) -> Embedding:
    """Standardize the states of real clips [n, numbers] and keep their principal directions."""
    mean, sd = states.mean(axis=0, dtype=np.float64), states.std(axis=0, dtype=np.float64)
    scale = np.where(sd > 1e-6 * max(sd.max(), 1e-12), 1 / np.maximum(sd, 1e-12), 0)
    _, sizes, directions = np.linalg.svd((states - mean) * scale, full_matrices=False)
    cumulative = np.cumsum(sizes**2) / max((sizes**2).sum(), 1e-12)
    count = min(MAX_DIMENSIONS, int(np.searchsorted(cumulative, MIN_VARIANCE)) + 1)
    deviation = np.maximum(sizes[:count] / np.sqrt(len(states)), 1e-12)
    return Embedding(mean, scale[:, None] * directions[:count].T / deviation)


class KernelDistance(Record, frozen=True, kw_only=True):
    """Kernel distances: the mean over draws, and the range of the middle 95% of draws."""

    generated: Interval  # from generated clips to real ones
    between_real: Interval  # between two halves of the real clips without a common group
    draw_size: Count  # clips of each set in a draw


def kernel_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x . y / d + 1)^3 (Bińkowski et al. 2018).

    It is unbiased: two sets of one distribution have 0 on average, however few clips they hold, while a Fréchet
    distance grows as sets shrink. A single draw can be below 0.

    Args:
        first: Embedded clips [n, d], at least 2.
        second: Embedded clips [m, d], at least 2.
    """
    d = first.shape[1]
    a, b, between = ((x @ y.T / d + 1) ** 3 for x, y in ((first, first), (second, second), (first, second)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (a, b)]
    return float(sum(within) - 2 * between.mean())


def compare_kernels(
    generated: NDArray[np.float64], real: NDArray[np.float64], groups: Sequence[str], seed: int
) -> KernelDistance:
    """Compute kernel distances from draws of equally many clips.

    Args:
        generated: Embedded generated clips [n, d].
        real: Embedded real clips [m, d].
        groups: Group of each real clip [m].
        seed: Random seed for the draws.
    """
    rng = np.random.default_rng(seed)
    draws, draw_size = [], DRAW_SIZE
    for _ in range(DRAWS):
        first, second = split_groups(groups, rng)
        draw_size = min(draw_size, len(first), len(second), len(generated))
        first, second = (rng.permutation(half)[:draw_size] for half in (first, second))
        chosen = rng.permutation(len(generated))[:draw_size]
        draws.append((kernel_distance(generated[chosen], real[first]), kernel_distance(real[second], real[first])))
    values = np.array(draws)
    lows, highs = np.quantile(values, (0.025, 0.975), axis=0)
    to_generated, between_real = (
        Interval(*map(float, limits)) for limits in zip(values.mean(axis=0), lows, highs, strict=True)
    )
    return KernelDistance(generated=to_generated, between_real=between_real, draw_size=draw_size)
