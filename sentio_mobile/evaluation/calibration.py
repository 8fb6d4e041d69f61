"""Calibration: whether prediction intervals from validation songs hold for the evaluated songs, at many levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.evaluation.evaluated_model import Predictions
from sentio_mobile.metrics.conformal import coverage_on, uncertainty_of
from sentio_mobile.spec import Uncertainty

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Nominal coverages that are measured."""


@dataclass(frozen=True)
class Calibration:
    """Measured coverage of split-conformal intervals on songs that they were not made from.

    Attributes:
        levels: Coverage at each level that the validation songs suffice for, as `coverage_on` gives it.
        shipped: Coverage of the intervals that the model itself states; None where it states none.
    """

    levels: list[dict[str, Any]]
    shipped: dict[str, Any] | None


def calibration(
    val_truth: NDArray[np.floating],
    val_predicted: Predictions,
    *,
    truth: NDArray[np.floating],
    predicted: Predictions,
    shipped: Uncertainty | None,
) -> Calibration:
    """Make intervals from the errors on validation songs, and count how many evaluated songs lie in them.

    Args:
        val_truth: Labels of the validation songs [songs, 2].
        val_predicted: Predictions for the validation songs [songs, 2].
        truth: Labels of the evaluated songs [songs, 2].
        predicted: Predictions for the evaluated songs [songs, 2].
        shipped: Uncertainty that the model itself states.
    """
    uncertainties = [uncertainty_of(val_truth, val_predicted, level) for level in LEVELS]
    return Calibration(
        [coverage_on(one, truth, predicted) for one in uncertainties if one is not None],
        None if shipped is None else coverage_on(shipped, truth, predicted),
    )
