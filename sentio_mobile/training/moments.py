"""R2, correlation and CCC from running sums, so that a large set is measured batch by batch and process by process."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics import Metric

from sentio_mobile.metrics.bootstrap import concordance


class Moments(Metric):
    """First and second moments of a true and a predicted value, for each of `size` values.

    Values should be of the order of 1: sums are kept in single precision where the device has no other.

    Args:
        size: Number of values.
    """

    sums: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        # Rows: count, truth, predicted, truth squared, predicted squared, product.
        self.add_state("sums", torch.zeros(6, size, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, truth: torch.Tensor, predicted: torch.Tensor) -> None:
        """Add values [..., size]. Where the truth has a NaN in the last dimension, nothing is added."""
        t, p = (values.detach().flatten(0, -2).to(self.sums.dtype) for values in (truth, predicted))
        known = ~t.isnan().any(dim=1)
        t, p = t[known], p[known]
        self.sums += torch.stack([x.sum(dim=0) for x in (torch.ones_like(t), t, p, t * t, p * p, t * p)])

    def compute(self) -> Any:
        """The sums over all batches and processes [6, size]."""
        return self.sums


def r2(sums: NDArray[np.float64]) -> float:
    """Share of the variance that is predicted, all values together, from the sums of `Moments`; NaN without values."""
    count, truth, _, truth2, predicted2, product = sums
    variance = (truth2 - truth**2 / np.maximum(count, 1)).sum()
    error = (truth2 - 2 * product + predicted2).sum()
    return float(1 - error / variance) if variance > 0 else float("nan")


def correlation(sums: NDArray[np.float64]) -> float:
    """Mean over the values of Pearson's correlation; values that do not vary are left out, and NaN if none varies."""
    covariance, truth, predicted, _ = _central(sums)
    scale = np.sqrt(truth * predicted)
    defined = scale > 1e-12
    return float((covariance[defined] / scale[defined]).mean()) if defined.any() else float("nan")


def agreement(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """CCC of each value; NaN where the truth does not vary."""
    covariance, truth, predicted, difference = _central(sums)
    return concordance(covariance, truth, predicted, difference)


def _central(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Covariance, both variances (not below 0, whatever the rounding) and the difference of the means."""
    _, truth, predicted, truth2, predicted2, product = sums / np.maximum(sums[0], 1)
    return (
        product - truth * predicted,
        np.maximum(truth2 - truth**2, 0),
        np.maximum(predicted2 - predicted**2, 0),
        truth - predicted,
    )
