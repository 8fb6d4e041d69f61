"""Every figure of agreement with a bootstrap interval, from weighted moments.

A bootstrap draws songs again and again; how often each was drawn is a weight. All resamples of a figure are then a
product of two matrices, and any two figures of the same resampling can be compared, song by song.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.spec import OUTPUTS

RESAMPLES = 2000
Metric = Literal["ccc", "mse", "mae", "rmse", "r2", "pearson", "slope", "bias"]
METRICS: tuple[Metric, ...] = get_args(Metric)
DIMENSIONS: tuple[str, ...] = (*OUTPUTS, "mean")


@dataclass(frozen=True)
class Interval:
    """A figure and its bootstrap 95% interval. None where it is undefined, as for labels that are all alike."""

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return self.words(2)

    def words(self, digits: int) -> str:
        """The figure and its interval, with so many digits after the point."""
        if self.value is None or self.low is None or self.high is None:
            return "undefined"
        # Adding zero takes the sign from what is rounded to nothing.
        value, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside of the interval as it is written, with two digits; never where there is none."""
        return self.low is not None and self.high is not None and (round(self.low, 2) > 0 or round(self.high, 2) < 0)


UNDEFINED = Interval(None, None, None)


@dataclass(frozen=True)
class Resampling:
    """How often each song counts: once in the first row, and as often as it was drawn in each of the others.

    Attributes:
        weights: [1 + resamples, songs].
    """

    weights: NDArray[np.float64]

    def of(self, chosen: NDArray[np.bool_]) -> Resampling:
        """The same draws, for some of the songs [songs]."""
        return Resampling(self.weights[:, chosen])


def resample(songs: int, seed: int, groups: Sequence[str] | None = None, resamples: int = RESAMPLES) -> Resampling:
    """Draw songs with replacement, or, where `groups` says which song is of which, whole groups of them.

    Songs of one group are alike, so that a draw of single songs makes intervals that are too narrow for songs of groups
    that were never heard; a draw of groups says how figures move with other groups.
    """
    of_song = np.arange(songs) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = int(of_song.max()) + 1
    drawn = np.random.default_rng(seed).integers(0, units, size=(resamples, units))
    counts = np.zeros((1 + resamples, units))
    counts[0] = 1
    np.add.at(counts, (np.arange(1, 1 + resamples)[:, None], drawn), 1)
    return Resampling(counts[:, of_song])


def measure(
    truth: NDArray[np.floating], predicted: NDArray[np.floating], resampling: Resampling
) -> dict[Metric, NDArray[np.float64]]:
    """Each metric for all weights, [1 + resamples, outputs]; NaN where it is undefined.

    CCC is Lin's (1989, equation 1) with population moments, R2 the share of the labels' variance that is explained,
    which is negative where the labels' mean would be nearer. `slope` is that of the line from labels to answers: 1 is
    as strong as the labels, 0 always the same; `bias` is mean answer less mean label. What sets answers in relation to
    the labels' variance is undefined for labels that are all alike.

    Args:
        truth: labels [songs, outputs].
        predicted: answers [songs, outputs].
        resampling: of these songs.
    """
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    centre = t.mean(axis=0)
    t, error = t - centre, p - t
    p = p - centre
    weights = resampling.weights
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):

        def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return weights @ values / total

        t_mean, p_mean, mse = mean(t), mean(p), mean(error**2)
        t_var, p_var = mean(t**2) - t_mean**2, mean(p**2) - p_mean**2
        covariance = mean(t * p) - t_mean * p_mean
        # What rounding leaves of a variance that is zero.
        t_var, p_var = (np.where(v > 1e-12, v, 0.0) for v in (t_var, p_var))
        covariance = np.where(t_var * p_var > 0, covariance, 0.0)
        varied = np.where(t_var > 0, 1.0, np.nan)
        return {
            "ccc": varied * 2 * covariance / (t_var + p_var + (t_mean - p_mean) ** 2),
            "mse": mse,
            "mae": mean(np.abs(error)),
            "rmse": np.sqrt(mse),
            "r2": 1 - mse * varied / t_var,
            "slope": covariance * varied / t_var,
            "bias": p_mean - t_mean,
            "pearson": np.clip(covariance / np.sqrt(t_var * np.where(p_var > 0, p_var, np.nan)), -1, 1),
        }


def interval_of(samples: NDArray[np.float64]) -> Interval:
    """The first of the samples, and between which values 95% of the others lie.

    Undefined where the first is, or half of the others are.
    """
    value, others = samples[0], samples[1:]
    usable = others[np.isfinite(others)]
    if not np.isfinite(value) or not len(usable) or len(usable) < len(others) // 2:
        return UNDEFINED
    low, high = np.quantile(usable, (0.025, 0.975))
    return Interval(float(value), float(low), float(high))


def by_dimension(samples: NDArray[np.float64]) -> dict[str, Interval]:
    """Intervals of valence, arousal and the mean of the two, from [1 + resamples, 2]."""
    columns = (*samples.T, samples.mean(axis=1))
    return {name: interval_of(column) for name, column in zip(DIMENSIONS, columns, strict=True)}


def table_of(measured: Mapping[Metric, NDArray[np.float64]]) -> dict[str, dict[Metric, Interval]]:
    """Every metric's interval, by dimension, from what `measure` gives."""
    by_metric = {metric: by_dimension(samples) for metric, samples in measured.items()}
    return {name: {metric: intervals[name] for metric, intervals in by_metric.items()} for name in DIMENSIONS}
