"""Calibration: whether prediction intervals from validation songs hold for the evaluated songs, at many levels."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Record
from sentio_mobile.evaluation.evaluated_model import Predictions
from sentio_mobile.metrics.conformal import coverage_on, uncertainty_of
from sentio_mobile.metrics.evaluation import Coverage
from sentio_mobile.spec import Uncertainty

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Nominal coverages that are measured."""


class Calibration(Record, frozen=True, kw_only=True):
    """Measured coverage of split-conformal intervals on songs that they were not made from."""

    levels: Annotated[tuple[Coverage, ...], Meta(max_length=100)]  # each level that the validation songs suffice for
    shipped: Coverage | None  # the intervals that the model itself states; None where it states none


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
        levels=tuple(coverage_on(one, truth, predicted) for one in uncertainties if one is not None),
        shipped=None if shipped is None else coverage_on(shipped, truth, predicted),
    )
