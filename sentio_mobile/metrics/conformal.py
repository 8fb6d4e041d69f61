"""How far a model may be off, from songs that it did not learn from: split-conformal intervals, and if they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from sentio_mobile._internal.records import replace
from sentio_mobile.spec import OUTPUTS, ModelSpec, Uncertainty

COVERAGE = 0.9


def uncertainty_of(
    truth: NDArray[np.floating], predicted: NDArray[np.floating], coverage: float = COVERAGE
) -> Uncertainty | None:
    """The half widths of intervals that hold a new song's value with probability `coverage` (split conformal).

    The ceil((n + 1) coverage)-th smallest absolute error of n songs (Lei et al. 2018, section 2.2). It holds for songs
    that are exchangeable with these ones, in the mean over songs and for each output by itself. Validation songs have
    also chosen the best epoch, which makes errors a little small; songs of a group are alike, which makes n less than
    it looks. `coverage_on` measures what comes of it.

    Args:
        truth: labels [songs, 2] in [-1, 1].
        predicted: answers [songs, 2] in [-1, 1].
        coverage: from 0 to 1.

    Returns:
        None for fewer songs than the coverage needs: 9 for 0.9.
    """
    songs = len(truth)
    # (n + 1) * coverage may come out a rounding error above a whole number.
    place = math.ceil(round((songs + 1) * coverage, 9))
    if place > songs:
        return None
    errors = np.sort(np.abs(np.asarray(predicted, dtype=np.float64) - truth), axis=0)
    valence, arousal = (float(width) for width in errors[place - 1])
    return Uncertainty(coverage, (valence, arousal), songs)


def coverage_on(
    uncertainty: Uncertainty, truth: NDArray[np.floating], predicted: NDArray[np.floating]
) -> dict[str, Any]:
    """The share of songs whose value lies in its interval, by output, with a Wilson 95% interval.

    Args:
        uncertainty: from other songs than these.
        truth: labels [songs, 2] in [-1, 1].
        predicted: answers [songs, 2] in [-1, 1].

    Returns:
        `asked`, `n`, and for each output `share`, `low`, `high` and `half_width`.
    """
    found: dict[str, Any] = {"asked": uncertainty.coverage, "n": len(truth)}
    for i, name in enumerate(OUTPUTS):
        inside = np.abs(np.asarray(predicted[:, i], dtype=np.float64) - truth[:, i]) <= uncertainty.half_width[i]
        interval = binomtest(int(inside.sum()), len(inside)).proportion_ci(0.95, "wilson")
        found[name] = {
            "share": float(inside.mean()),
            "low": float(interval.low),
            "high": float(interval.high),
            "half_width": uncertainty.half_width[i],
        }
    return found


def with_uncertainty(spec: ModelSpec, evaluation: Mapping[str, Any]) -> tuple[ModelSpec, dict[str, Any] | None]:
    """The spec with the uncertainty that validation songs show, and its coverage on test songs; None for too few.

    Args:
        spec: of the evaluated model.
        evaluation: what `metrics.evaluate` says of `val` and `test`.
    """
    (truth, predicted), tested = (
        (np.array(evaluation[name]["truth"]), np.array(evaluation[name]["predicted"])) for name in ("val", "test")
    )
    uncertainty = uncertainty_of(truth, predicted)
    coverage = None if uncertainty is None else coverage_on(uncertainty, *tested)
    return replace(spec, uncertainty=uncertainty), coverage
