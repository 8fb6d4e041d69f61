"""Is one model better than another? On the same songs, never by looking whether two intervals overlap."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from sentio_mobile.metrics.bootstrap import Interval, Resampling, by_dimension, measure
from sentio_mobile.spec import OUTPUTS


@dataclass(frozen=True)
class McNemarTest:
    """McNemar's exact test (1947) on songs whose answer lies within a tolerance of the label.

    Attributes:
        first_only: songs that the first model hits and the second misses.
        second_only: the other way round.
        p: how likely so uneven a count, or a more uneven one, is between equal models.
        p_holm: the same, corrected for all tests of the table (Holm 1979).
    """

    first_only: int
    second_only: int
    p: float
    p_holm: float


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same songs.

    Attributes:
        first: name of the one.
        second: name of the other.
        difference: the second's CCC less the first's, by dimension, by a paired bootstrap.
        hits: by output.
    """

    first: str
    second: str
    difference: dict[str, Interval]
    hits: dict[str, McNemarTest]

    @property
    def verdict(self) -> str:
        """What the mean CCC says, in words."""
        mean = self.difference["mean"]
        if mean.value is None:
            return "undefined"
        if not mean.excludes_zero:
            return "no difference shown"
        return f"{self.second if mean.value > 0 else self.first} is better"


def compare_models(
    truth: NDArray[np.floating], answers: Mapping[str, NDArray[np.floating]], resampling: Resampling, tolerance: float
) -> list[ModelComparison]:
    """Every two models compared.

    Args:
        truth: labels [songs, 2].
        answers: of each model, by its name [songs, 2].
        resampling: of these songs.
        tolerance: how far an answer may lie from its label to be a hit.
    """
    ccc = {name: measure(truth, given, resampling)["ccc"] for name, given in answers.items()}
    hit = {name: np.abs(given - truth) <= tolerance for name, given in answers.items()}
    couples = list(itertools.combinations(answers, 2))
    counts = [
        (int((hit[a] & ~hit[b])[:, i].sum()), int((hit[b] & ~hit[a])[:, i].sum()))
        for a, b in couples
        for i in range(len(OUTPUTS))
    ]
    raw = [binomtest(one, one + other).pvalue if one + other else 1.0 for one, other in counts]
    tests = iter(McNemarTest(*count, p, q) for count, p, q in zip(counts, raw, holm(raw), strict=True))
    return [
        ModelComparison(a, b, by_dimension(ccc[b] - ccc[a]), {output: next(tests) for output in OUTPUTS})
        for a, b in couples
    ]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): no test is called for by chance more often than one alone would be."""
    order = np.argsort(p)
    raised = np.maximum.accumulate([min(1.0, (len(p) - rank) * p[i]) for rank, i in enumerate(order)] or [0.0])
    corrected = np.empty(len(p))
    corrected[order] = raised[: len(p)]
    return [float(value) for value in corrected]
