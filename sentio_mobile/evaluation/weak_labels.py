"""Agreement with weak labels: the area under the ROC curve, on music of which only high or low is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Count, Name, Record
from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel
from sentio_mobile.evaluation.predictions import predict_from_store
from sentio_mobile.evaluation.slices import ByDimension
from sentio_mobile.metrics.bootstrap import Interval, Resampling, interval_of, resample
from sentio_mobile.spec import OUTPUTS


class WeakLabelResult(Record, frozen=True, kw_only=True):
    """How well one model separates high from low on some music."""

    name: Name  # name of the music
    clips: Count  # number of its clips
    auc: ByDimension  # area under the ROC curve of valence and of arousal: 1 is always right, 0.5 is chance


def evaluate_weak_labels(
    model: EvaluatedModel,
    data: PreparedData,
    *,
    weak_labels: WeakLabels,
    seed: int,
    over_groups: bool,
    progress: Progress,
) -> WeakLabelResult | None:
    """Measure the AUC of a model's predictions on music with weak labels.

    Args:
        model: The model.
        data: The music, prepared without labels.
        weak_labels: High or low, by song.
        seed: Random seed of the bootstrap.
        over_groups: Whether the bootstrap draws whole groups of clips.
        progress: Updated for each clip.

    Returns:
        None for a model that needs PCM: prepared music keeps only log-mels.

    Raises:
        DataError: No clip of the music is listed, or the folder has labels.
    """
    labels = weak_labels.of(data)
    predictions = predict_from_store(model, data, UNLABELLED, progress)
    if predictions is None:
        return None
    groups = data.split(UNLABELLED).groups if over_groups else None
    auc = areas_of_runs(labels, predictions[None], resample(len(labels), seed, groups))
    return WeakLabelResult(name=data.folder.resolve().name, clips=len(labels), auc=auc)


def areas(high: NDArray[np.bool_], answers: NDArray[np.floating], resampling: Resampling) -> NDArray[np.float64]:
    """The share of pairs, one high and one low, of which the high one is answered higher; a tie counts half.

    Args:
        high: whether each song is high [songs].
        answers: what is said of each [songs].
        resampling: of these songs.

    Returns:
        For all weights [1 + resamples]; NaN where there is nothing high, or nothing low. Chance is 0.5.
    """
    upper, lower = answers[high][:, None], answers[~high][None]
    above = (upper > lower) + 0.5 * (upper == lower)
    of_high, of_low = resampling.weights[:, high], resampling.weights[:, ~high]
    pairs = of_high.sum(axis=1) * of_low.sum(axis=1)
    right = ((of_high @ above) * of_low).sum(axis=1)
    return np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def areas_of_runs(
    sides: NDArray[np.floating], answers: NDArray[np.floating], resampling: Resampling
) -> dict[str, Interval]:
    """The area for valence and for arousal in the mean over runs, with bootstrap intervals, over what is known.

    Args:
        sides: -1 low, 1 high, 0 not known [songs, 2].
        answers: of each run [runs, songs, 2].
        resampling: of these songs.
    """
    found = {}
    for i, name in enumerate(OUTPUTS):
        known = sides[:, i] != 0
        high, draws = sides[known, i] > 0, resampling.of(known)
        found[name] = interval_of(np.mean([areas(high, run[known, i], draws) for run in answers], axis=0))
    return found
