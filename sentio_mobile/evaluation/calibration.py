"""Do a model's intervals hold what they promise? From validation songs to test songs, at many levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.evaluation.evaluated_model import Answers
from sentio_mobile.metrics.conformal import coverage_on, uncertainty_of
from sentio_mobile.spec import Uncertainty

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Calibration:
    """What split-conformal intervals come to on songs that they were not made from.

    Attributes:
        levels: for each level that the validation songs suffice for, what `coverage_on` says.
        shipped: the same of the intervals that the model itself states; None where it states none.
    """

    levels: list[dict[str, Any]]
    shipped: dict[str, Any] | None


def calibration(
    val_truth: NDArray[np.floating],
    val_predicted: Answers,
    *,
    truth: NDArray[np.floating],
    predicted: Answers,
    shipped: Uncertainty | None,
) -> Calibration:
    """Intervals from the errors on validation songs, and how many of the evaluated songs lie in them.

    Args:
        val_truth: labels of validation songs [songs, 2].
        val_predicted: answers for them.
        truth: labels of the evaluated songs [songs, 2].
        predicted: answers for them.
        shipped: the model's own.
    """
    made = [uncertainty_of(val_truth, val_predicted, level) for level in LEVELS]
    return Calibration(
        [coverage_on(one, truth, predicted) for one in made if one is not None],
        None if shipped is None else coverage_on(shipped, truth, predicted),
    )
