"""Agreement with weak labels: the area under the ROC curve, on music of which only high or low is known."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Count, Name, Record
from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.data.song_audio import find_split_audio
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel
from sentio_mobile.evaluation.predictions import predict_from_audio, predict_from_store
from sentio_mobile.evaluation.slices import ByDimension
from sentio_mobile.metrics.auc import auc_of_runs
from sentio_mobile.metrics.bootstrap import resample


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
    music: Path | None = None,
) -> WeakLabelResult | None:
    """Measure the AUC of a model's predictions on music with weak labels.

    Args:
        model: The model.
        data: The music, prepared without labels.
        weak_labels: High or low, by song.
        seed: Random seed of the bootstrap.
        over_groups: Whether the bootstrap draws whole groups of clips.
        progress: Updated for each clip.
        music: The folder that the music was prepared from, for models that need PCM.

    Returns:
        None for a model that needs PCM or another front end where `music` is not given: prepared music keeps only
        log-mels.

    Raises:
        DataError: No clip of the music is listed, the folder has labels, or an audio file is missing.
    """
    labels = weak_labels.of(data)
    predictions = predict_from_store(model, data, UNLABELLED, progress)
    if predictions is None and music is not None:
        predictions = predict_from_audio(model, find_split_audio(data, UNLABELLED, music), progress)
    if predictions is None:
        return None
    groups = data.split(UNLABELLED).groups if over_groups else None
    auc = auc_of_runs(labels, predictions[None], resample(len(labels), seed, groups))
    return WeakLabelResult(name=data.folder.resolve().name, clips=len(labels), auc=auc)
