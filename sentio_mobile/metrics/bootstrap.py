"""The bootstrap: every figure of agreement with its interval, from weighted moments.

A bootstrap draws songs with replacement; how often each was drawn is a weight. All resamples of a figure are then one
product of two matrices, and any two figures of the same resampling can be compared, song by song.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Finite, Name, Record
from sentio_mobile.errors import RecordError
from sentio_mobile.spec import OUTPUTS

RESAMPLES = 2000
Metric = Literal["ccc", "mse", "mae", "rmse", "r2", "pearson", "slope", "bias"]
METRICS: tuple[Metric, ...] = get_args(Metric)
DIMENSIONS: tuple[str, ...] = (*OUTPUTS, "mean")


class Interval(Record, frozen=True):
    """A figure and its bootstrap 95% interval. None where it is undefined, as for labels that are all alike."""

    value: Finite | None  # the figure itself
    low: Finite | None  # lower end of the interval
    high: Finite | None  # upper end of the interval

    def check(self) -> None:
        """A figure is stated with its interval, or not at all."""
        if len({self.value is None, self.low is None, self.high is None}) > 1:
            raise RecordError("value, low and high must all be numbers, or all be null")

    def __str__(self) -> str:
        return self.words(2)

    def words(self, digits: int) -> str:
        """The figure and its interval, with `digits` digits after the point."""
        if self.value is None or self.low is None or self.high is None:
            return "undefined"
        # Adding zero removes the sign of a negative number that is rounded to zero.
        value, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval as it is written, with two digits; False without an interval."""
        return self.low is not None and self.high is not None and (round(self.low, 2) > 0 or round(self.high, 2) < 0)


UNDEFINED = Interval(None, None, None)

Intervals = Annotated[dict[Name, Interval], Meta(max_length=3)]
"""Intervals of valence, arousal and the mean of the two."""

MetricTable = Annotated[dict[Name, dict[Metric, Interval]], Meta(max_length=3)]
"""Intervals by dimension and metric."""


@dataclass(frozen=True)
class Resampling:
    """Weights of songs: 1 for each song in the first row, and how often it was drawn in each of the other rows.

    Attributes:
        weights: [1 + resamples, songs].
    """

    weights: NDArray[np.float64]

    def of(self, chosen: NDArray[np.bool_]) -> Resampling:
        """The same draws, for the chosen songs [songs] alone."""
        return Resampling(self.weights[:, chosen])


def resample(songs: int, seed: int, groups: Sequence[str] | None = None, resamples: int = RESAMPLES) -> Resampling:
    """Draw songs with replacement, or whole groups of them.

    Songs of one group are alike. Drawing single songs therefore makes intervals too narrow for songs of new groups;
    drawing groups shows how figures vary with the groups.

    Args:
        songs: Number of songs.
        seed: Random seed.
        groups: Group of each song [songs]; None draws single songs.
        resamples: Number of resamples.
    """
    unit_of_song = np.arange(songs) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = int(unit_of_song.max()) + 1
    drawn = np.random.default_rng(seed).integers(0, units, size=(resamples, units))
    counts = np.zeros((1 + resamples, units))
    counts[0] = 1
    np.add.at(counts, (np.arange(1, 1 + resamples)[:, None], drawn), 1)
    return Resampling(counts[:, unit_of_song])


def measure(
    truth: NDArray[np.floating], predicted: NDArray[np.floating], resampling: Resampling
) -> dict[Metric, NDArray[np.float64]]:
    """Each metric for all weights, [1 + resamples, outputs]; NaN where it is undefined.

    CCC is Lin's (1989, equation 1) with population moments. R2 is the share of the labels' variance that is explained;
    it is negative where predicting the labels' mean would be better. `slope` is the slope of the regression of
    predictions on labels: 1 where predictions vary as much as labels, 0 where they are constant. `bias` is the mean
    prediction minus the mean label. Metrics relative to the labels' variance are undefined where all labels are equal.

    Args:
        truth: Labels [songs, outputs].
        predicted: Predictions [songs, outputs].
        resampling: Weights of these songs.
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
        # Rounding leaves a little of a variance that is zero.
        t_var, p_var = (np.where(v > 1e-12, v, 0.0) for v in (t_var, p_var))
        covariance = np.where(t_var * p_var > 0, covariance, 0.0)
        varied = np.where(t_var > 0, 1.0, np.nan)
        return {
            "ccc": concordance(covariance, t_var, p_var, t_mean - p_mean),
            "mse": mse,
            "mae": mean(np.abs(error)),
            "rmse": np.sqrt(mse),
            "r2": 1 - mse * varied / t_var,
            "slope": covariance * varied / t_var,
            "bias": p_mean - t_mean,
            "pearson": np.clip(covariance / np.sqrt(t_var * np.where(p_var > 0, p_var, np.nan)), -1, 1),
        }


def concordance(
    covariance: NDArray[np.float64],
    truth_variance: NDArray[np.float64],
    predicted_variance: NDArray[np.float64],
    mean_difference: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Lin's concordance correlation coefficient (1989, equation 1) from moments; NaN where all labels are equal."""
    scale = truth_variance + predicted_variance + mean_difference**2
    defined = truth_variance > 0
    return np.divide(2 * covariance, scale, out=np.full_like(scale, np.nan), where=defined)


def interval_of(samples: NDArray[np.float64]) -> Interval:
    """The first sample, with the interval that holds 95% of the others.

    Undefined where the first sample is undefined, or half of the others are.
    """
    value, others = samples[0], samples[1:]
    usable = others[np.isfinite(others)]
    if not np.isfinite(value) or not len(usable) or len(usable) < len(others) // 2:
        return UNDEFINED
    low, high = np.quantile(usable, (0.025, 0.975))
    return Interval(float(value), float(low), float(high))


def resampled_medians(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Medians of `RESAMPLES` samples of the values, drawn with replacement.

    The places that a sample draws are uniform, so that the place of its median in the sorted values has a beta
    distribution. It is drawn from that, and not by drawing samples: the cost does not grow with their size.
    """
    ordered, n = np.sort(values), len(values)
    middle = (n + 1) // 2  # the lower of two where n is even
    lower = rng.beta(middle, n + 1 - middle, RESAMPLES)
    places = [lower] if n % 2 else [lower, lower + (1 - lower) * rng.beta(1, n - middle, RESAMPLES)]
    medians: NDArray[np.float64] = np.mean(
        [ordered[np.minimum((n * place).astype(int), n - 1)] for place in places], axis=0
    )
    return medians


def by_dimension(samples: NDArray[np.float64]) -> Intervals:
    """Intervals of valence, arousal and the mean of the two, from [1 + resamples, 2]."""
    columns = (*samples.T, samples.mean(axis=1))
    return {name: interval_of(column) for name, column in zip(DIMENSIONS, columns, strict=True)}


def table_of(measured: Mapping[Metric, NDArray[np.float64]]) -> MetricTable:
    """The interval of every metric, by dimension, from the result of `measure`."""
    by_metric = {metric: by_dimension(samples) for metric, samples in measured.items()}
    return {name: {metric: intervals[name] for metric, intervals in by_metric.items()} for name in DIMENSIONS}
