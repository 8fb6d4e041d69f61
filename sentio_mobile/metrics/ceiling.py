"""The ceiling that raters' disagreement puts on a concordance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ceiling_of(labels: NDArray[np.floating], errors: NDArray[np.floating]) -> NDArray[np.float64]:
    """The highest CCC that any model can be expected to reach against labels that are means of ratings.

    A label is what all people would say, plus the error of a mean over few of them. No prediction correlates with it
    more than the square root of its reliability (Spearman 1904), and no CCC is above the correlation (Lin 1989).

    Args:
        labels: Labels [songs, outputs].
        errors: Standard error of each: the raters' standard deviation over the square root of their number.

    Returns:
        [outputs] in [0, 1]; NaN where all labels are equal.
    """
    variance = np.asarray(labels, dtype=np.float64).var(axis=0)
    noise = (np.asarray(errors, dtype=np.float64) ** 2).mean(axis=0)
    reliability = 1 - np.divide(noise, variance, out=np.full_like(variance, np.nan), where=variance > 0)
    return np.asarray(np.sqrt(np.clip(reliability, 0, 1)))
