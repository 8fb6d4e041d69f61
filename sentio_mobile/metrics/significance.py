"""Tests whether one model is better than another, on the same songs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Name, Record, Share, Size
from sentio_mobile.metrics.bootstrap import Intervals, Resampling, by_dimension, measure
from sentio_mobile.spec import OUTPUTS


class McNemarTest(Record, frozen=True, kw_only=True):
    """McNemar's exact test (1947) on hits: songs whose prediction lies within a tolerance of the label."""

    first_only: Size  # songs that only the first model hits
    second_only: Size  # songs that only the second model hits
    p: Share  # probability of so uneven a count, or a more uneven one, between equal models
    p_holm: Share  # the same, corrected for all tests of the table (Holm 1979)


class ModelComparison(Record, frozen=True, kw_only=True):
    """Two models on the same songs."""

    first: Name  # name of the first model
    second: Name  # name of the second model
    difference: Intervals  # the second's CCC minus the first's by dimension, with paired bootstrap intervals
    hits: Annotated[dict[Name, McNemarTest], Meta(max_length=2)]  # hits of valence and of arousal

    @property
    def verdict(self) -> str:
        """The result in words, by the mean CCC."""
        mean = self.difference["mean"]
        if mean.value is None:
            return "undefined"
        if not mean.excludes_zero:
            return "cannot be told apart"
        return f"{self.second if mean.value > 0 else self.first} is better"


def compare_models(
    truth: NDArray[np.floating],
    predictions: Mapping[str, NDArray[np.floating]],
    resampling: Resampling,
    tolerance: float,
) -> list[ModelComparison]:
    """Compare every two models.

    Args:
        truth: Labels [songs, 2].
        predictions: Predictions of each model, by its name [songs, 2].
        resampling: Weights of these songs.
        tolerance: Largest absolute error of a hit.
    """
    ccc = {name: measure(truth, predicted, resampling)["ccc"] for name, predicted in predictions.items()}
    hit = {name: np.abs(predicted - truth) <= tolerance for name, predicted in predictions.items()}
    couples = list(itertools.combinations(predictions, 2))
    counts = [
        (int((hit[a] & ~hit[b])[:, i].sum()), int((hit[b] & ~hit[a])[:, i].sum()))
        for a, b in couples
        for i in range(len(OUTPUTS))
    ]
    raw = [sign_test(one, one + other) for one, other in counts]
    tests = iter(
        McNemarTest(first_only=one, second_only=other, p=p, p_holm=corrected)
        for (one, other), p, corrected in zip(counts, raw, holm(raw), strict=True)
    )
    return [
        ModelComparison(
            first=a,
            second=b,
            difference=by_dimension(ccc[b] - ccc[a]),
            hits={output: next(tests) for output in OUTPUTS},
        )
        for a, b in couples
    ]


def sign_test(successes: int, trials: int) -> float:
    """The two-sided p-value of the exact binomial test of a fair coin; 1 without trials."""
    smaller = min(successes, trials - successes)
    if 2 * smaller >= trials:
        return 1.0
    # Logarithms of the binomial coefficients from 0 to `smaller`: the coefficients themselves overflow.
    steps = np.arange(smaller)
    logs = np.concatenate([[0.0], np.cumsum(np.log((trials - steps) / (steps + 1)))])
    tail = np.exp(logs - logs.max()).sum() * math.exp(logs.max() - trials * math.log(2))
    return min(1.0, 2 * float(tail))


def wilson_interval(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's interval of a share (1927); 95% by default.

    Args:
        successes: Number of successes.
        trials: Number of trials, at least 1.
        z: Quantile of the standard normal distribution.

    Returns:
        The lower and the upper end.
    """
    share = successes / trials
    scale = 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the chance of any false positive is no higher than that of one test alone."""
    order = np.argsort(p)
    raised = np.maximum.accumulate([min(1.0, (len(p) - rank) * p[i]) for rank, i in enumerate(order)] or [0.0])
    corrected = np.empty(len(p))
    corrected[order] = raised[: len(p)]
    return [float(value) for value in corrected]
