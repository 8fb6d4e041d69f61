"""The area under the ROC curve: how well predictions tell high from low, where only that is known of songs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.metrics.bootstrap import Intervals, Resampling, interval_of
from sentio_mobile.spec import OUTPUTS


def auc(high: NDArray[np.bool_], predicted: NDArray[np.floating], resampling: Resampling) -> NDArray[np.float64]:
    """Share of pairs, one high and one low song, in which the high song has the higher prediction; ties count half.

    Args:
        high: Whether each song is high [songs].
        predicted: Prediction for each song [songs].
        resampling: Weights of these songs.

    Returns:
        The area for all weights [1 + resamples]; NaN where no song is high, or none is low. Chance is 0.5.
    """
    upper, lower = predicted[high][:, None], predicted[~high][None]
    above = (upper > lower) + 0.5 * (upper == lower)
    high_weights, low_weights = resampling.weights[:, high], resampling.weights[:, ~high]
    pairs = high_weights.sum(axis=1) * low_weights.sum(axis=1)
    right = ((high_weights @ above) * low_weights).sum(axis=1)
    return np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def auc_of_runs(
    weak_labels: NDArray[np.floating], predictions: NDArray[np.floating], resampling: Resampling
) -> Intervals:
    """The area for valence and for arousal in the mean over runs, with bootstrap intervals.

    Args:
        weak_labels: -1 for low, 1 for high, 0 where it is not known [songs, 2].
        predictions: Predictions of each run [runs, songs, 2].
        resampling: Weights of these songs.
    """
    found: Intervals = {}
    for i, name in enumerate(OUTPUTS):
        known = weak_labels[:, i] != 0
        high, draws = weak_labels[known, i] > 0, resampling.of(known)
        found[name] = interval_of(np.mean([auc(high, run[known, i], draws) for run in predictions], axis=0))
    return found
