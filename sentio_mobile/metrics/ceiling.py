"""What raters' disagreement means for labels: the ceiling of a concordance, and how much each song's label says."""

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


def known_ceiling(
    labels: NDArray[np.floating], errors: NDArray[np.floating]
) -> tuple[float | None, float | None] | None:
    """The ceiling that raters' disagreement puts on the CCC of valence and of arousal, as `ceiling_of`.

    Args:
        labels: Labels [songs, 2].
        errors: Standard error of each [songs, 2]; NaN where it is unknown.

    Returns:
        None where the error of a label is unknown; None for an output whose labels are all equal.
    """
    if not len(errors) or not np.isfinite(errors).all():
        return None
    valence, arousal = (None if np.isnan(one) else round(float(one), 4) for one in ceiling_of(labels, errors))
    return valence, arousal


MIN_TRUE_SHARE = 0.1
"""Smallest variance between songs that weights assume, as a share of the mean noise: it limits how far they differ."""


def noise_weights(labels: NDArray[np.floating], errors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Weights of songs whose labels are means of ratings: the less sure a label is, the less it counts.

    The weight is that of a study in a random-effects meta-analysis, 1 / (tau2 + error^2) (DerSimonian & Laird 1986,
    section 2), with a song for a study. tau2, the variance of what all people would say, is estimated as the variance
    of labels minus the mean squared error (Hedges 1983). Since no model explains all of it, part of it is a model's
    own error, which every song has alike; so weights never differ more than a model of any accuracy could ask for.

    Args:
        labels: Labels [songs, outputs].
        errors: Standard error of each: the raters' standard deviation over the square root of their number. NaN where
            it is unknown: such a label counts like one of mean noise.

    Returns:
        [songs, outputs], above 0, with a mean of 1 in each output.
    """
    noise = np.asarray(errors, dtype=np.float64) ** 2
    known = np.isfinite(noise)
    counts = known.sum(axis=0)
    mean = np.divide(np.where(known, noise, 0).sum(axis=0), counts, out=np.zeros(noise.shape[1]), where=counts > 0)
    between = np.asarray(labels, dtype=np.float64).var(axis=0, ddof=min(1, len(labels) - 1)) - mean
    tau2 = np.maximum(between, MIN_TRUE_SHARE * mean)
    # Equal where raters never differ: nothing tells the songs apart.
    total = np.where(mean > 0, tau2 + np.where(known, noise, mean), 1.0)
    weights = 1 / total
    return np.asarray(weights / weights.mean(axis=0), dtype=np.float32)


def ceiling_in_words(ceiling: tuple[float | None, float | None]) -> str:
    """What the ceiling of valence and of arousal means, in a sentence without its full stop."""
    valence, arousal = ("unknown" if one is None else f"{one:.2f}" for one in ceiling)
    return (
        f"Raters disagree: their means allow no model to be expected above a CCC of {valence} in valence and {arousal} "
        "in arousal"
    )
