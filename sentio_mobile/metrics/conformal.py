"""Split-conformal prediction intervals from validation songs, and how often they hold on other songs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.metrics.evaluation import Coverage, Evaluation, OutputCoverage
from sentio_mobile.metrics.significance import wilson_interval
from sentio_mobile.spec import ModelSpec, Uncertainty

COVERAGE = 0.9
"""Coverage of the intervals that a model states."""


def uncertainty_of(
    truth: NDArray[np.floating], predicted: NDArray[np.floating], coverage: float = COVERAGE
) -> Uncertainty | None:
    """Half widths of intervals that contain a new song's value with probability `coverage` (split conformal).

    The half width is the ceil((n + 1) coverage)-th smallest absolute error of n songs (Lei et al. 2018, section 2.2).
    The coverage holds for songs that are exchangeable with these, in the mean over songs and for each output by itself.
    Validation songs have also chosen the best epoch, which makes errors a little too small; songs of one group are
    alike, which makes the effective n smaller. `coverage_on` measures the actual coverage.

    Args:
        truth: Labels [songs, 2] in [-1, 1].
        predicted: Predictions [songs, 2] in [-1, 1].
        coverage: Probability, from 0 to 1.

    Returns:
        None for fewer songs than the coverage needs: 9 for 0.9.
    """
    songs = len(truth)
    # (n + 1) * coverage may be a rounding error above a whole number.
    rank = math.ceil(round((songs + 1) * coverage, 9))
    if rank > songs:
        return None
    errors = np.sort(np.abs(np.asarray(predicted, dtype=np.float64) - truth), axis=0)
    valence, arousal = (float(width) for width in errors[rank - 1])
    return Uncertainty(coverage, (valence, arousal), songs)


def coverage_on(uncertainty: Uncertainty, truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> Coverage:
    """The share of songs whose value lies in its interval, by output, with a Wilson 95% interval.

    Args:
        uncertainty: Intervals made from other songs than these.
        truth: Labels [songs, 2] in [-1, 1].
        predicted: Predictions [songs, 2] in [-1, 1].
    """
    errors = np.abs(np.asarray(predicted, dtype=np.float64) - truth)
    valence, arousal = (
        _coverage(int((errors[:, i] <= half_width).sum()), len(truth), half_width)
        for i, half_width in enumerate(uncertainty.half_width)
    )
    return Coverage(target=uncertainty.coverage, n=len(truth), valence=valence, arousal=arousal)


def with_uncertainty(spec: ModelSpec, evaluation: Evaluation) -> tuple[ModelSpec, Evaluation]:
    """The spec with the uncertainty that validation songs show, and the evaluation with its coverage on test songs.

    Both are None where there are too few validation songs.

    Args:
        spec: Spec of the evaluated model.
        evaluation: Its evaluation on validation and test songs.
    """
    val, test = evaluation.val, evaluation.test
    if val is None or test is None:
        return spec, evaluation
    uncertainty = uncertainty_of(val.labels, val.predictions)
    coverage = None if uncertainty is None else coverage_on(uncertainty, test.labels, test.predictions)
    return replace(spec, uncertainty=uncertainty), replace(evaluation, test=replace(test, coverage=coverage))


def _coverage(inside: int, songs: int, half_width: float) -> OutputCoverage:
    low, high = wilson_interval(inside, songs)
    return OutputCoverage(share=inside / songs, low=low, high=high, half_width=half_width)
