"""How far people's ratings can be relied on: agreement of raters, of halves of them, and of a rater with herself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.metrics.bootstrap import UNDEFINED, Interval, interval_of

RESAMPLES = 1000
HALVES = 100
"""Ways of dividing raters into halves that are averaged."""
MIN_SONGS = 5
"""Songs below which agreement says nothing."""

Figure = Callable[[NDArray[np.float64]], float]


def icc(ratings: NDArray[np.floating], *, mean: bool = False) -> float:
    """Intraclass correlation for absolute agreement, with songs and raters drawn at random.

    ICC(2,1) of Shrout & Fleiss (1979): how much of the variance of one rating is the song's. With `mean`, ICC(2,k): the
    same of the mean over these raters.

    Args:
        ratings: One value of each song by each rater [songs, raters], at least 2 of both.
        mean: Whether the mean over raters is meant.

    Returns:
        At most 1; NaN where all ratings are equal.
    """
    values = np.asarray(ratings, dtype=np.float64)
    songs, raters = values.shape
    of_song, of_rater, whole = values.mean(axis=1), values.mean(axis=0), values.mean()
    between = raters * ((of_song - whole) ** 2).sum() / (songs - 1)
    judges = songs * ((of_rater - whole) ** 2).sum() / (raters - 1)
    rest = ((values - of_song[:, None] - of_rater + whole) ** 2).sum() / ((songs - 1) * (raters - 1))
    scale = (
        between + (judges - rest) / songs if mean else between + (raters - 1) * rest + raters * (judges - rest) / songs
    )
    return float((between - rest) / scale) if scale > 1e-12 else float("nan")


def split_half(ratings: NDArray[np.floating], seed: int = 0) -> float:
    """Correlation of the means of two halves of the raters, stepped up to all of them (Spearman 1910, Brown 1910).

    The mean over random ways of dividing them. Of an odd number one rater is left out each time.

    Args:
        ratings: One value of each song by each rater [songs, raters], at least 2 of both.
        seed: Random seed.

    Returns:
        At most 1; NaN where a half does not vary.
    """
    values = np.asarray(ratings, dtype=np.float64)
    raters = values.shape[1]
    # Place of each rater in each division: the first places are one half, the next the other.
    place = np.random.default_rng(seed).permuted(np.tile(np.arange(raters), (HALVES, 1)), axis=1).T
    half = raters // 2
    first, second = (values @ chosen / half for chosen in (place < half, (place >= half) & (place < 2 * half)))
    first, second = (means - means.mean(axis=0) for means in (first, second))
    scale = np.sqrt((first**2).mean(axis=0) * (second**2).mean(axis=0))
    varied = scale > 1e-12
    together = (first * second).mean(axis=0)[varied] / scale[varied]
    together = together[together > -1 + 1e-9]
    return float(np.mean(2 * together / (1 + together))) if len(together) else float("nan")


def with_interval(figure: Figure, ratings: NDArray[np.floating], seed: int = 0) -> Interval:
    """A figure of ratings with its bootstrap 95% interval over songs.

    Args:
        figure: Computes it from ratings [songs, raters].
        ratings: The ratings.
        seed: Random seed of the bootstrap.

    Returns:
        Undefined for fewer than 5 songs, or one rater.
    """
    values = np.asarray(ratings, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < MIN_SONGS or values.shape[1] < 2:
        return UNDEFINED
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(values), (RESAMPLES, len(values)))
    return interval_of(np.array([figure(values), *(figure(values[rows]) for rows in drawn)]))
