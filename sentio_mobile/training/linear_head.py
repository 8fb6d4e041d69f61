"""The head of a network that has heard music before: solved for by ridge regression, before anything is trained.

Gradients from a random head would first spoil the features that it reads. A head that fits them keeps them (Kumar et
al. 2022, "Fine-tuning can distort pretrained features and underperform out-of-distribution", section 4).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import TrainingError
from sentio_mobile.models.capture import HasLinearHead
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.clips import Batch, TrainingClips
from sentio_mobile.training.config import HEAD_CLIPS, AugmentSettings, TrainingSettings
from sentio_mobile.training.sources import TrainingSources

PENALTIES = tuple(float(alpha) for alpha in np.logspace(0, 4, 9))
"""Ridge penalties; leave-one-out errors choose one."""

LARGEST = 0.95
"""Largest target before atanh, which is infinite at 1."""

MOST_SPREAD = 2.0
"""Largest factor by which predictions are spread."""

_FOLDS = 5
_AS_IT_IS = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
_BATCH = 8


def solve_linear_head(
    model: HasLinearHead,
    spec: ModelSpec,
    data: PreparedData,
    *,
    settings: TrainingSettings,
    sources: TrainingSources,
    hard: float,
    soft: float,
    progress: Progress,
) -> int:
    """Set a network's last layer, so that it fits labels and pseudo-labels.

    Args:
        model: The network; its other layers are those that it shall keep. Changed in place.
        spec: Its spec.
        data: Prepared songs.
        settings: Training settings, of which the seed is used.
        sources: What else the network will learn from.
        hard: Weight of a clip's label, where it has one.
        soft: Weight of its pseudo-label, where it has one.
        progress: Receives each clip.

    Returns:
        Number of clips that the head was solved from.

    Raises:
        TrainingError: No clip has a label or pseudo-label.
    """
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    clips = TrainingClips(data, replace(settings, augment=_AS_IT_IS), replace(sources, views=0, teacher_outputs=None))
    labelled = len(data.split("train"))
    others = np.random.default_rng(settings.seed).permutation(np.arange(labelled, len(clips)))
    chosen = [*range(labelled), *others.tolist()][: max(HEAD_CLIPS, labelled)]
    features, targets, counts = [], [], []
    network = model.eval()  # type: ignore[attr-defined]
    progress.start("solving the student's head", len(chosen))
    for start in range(0, len(chosen), _BATCH):
        batch = [clips[(0, song)] for song in chosen[start : start + _BATCH]]
        images = to_input_batch(torch.stack([clip.log_mel for clip in batch]), spec)
        with torch.inference_mode():
            features.append(network.capture_map(images).pooled.numpy())
        for clip in batch:
            target, count = _target(clip, hard=hard, soft=soft)
            targets.append(target)
            counts.append(count)
        progress.advance(len(batch))
    progress.finish()
    pooled, wanted = np.concatenate(features), np.stack(targets)
    known = np.isfinite(wanted).all(axis=1)
    if not known.any():
        raise TrainingError(f"{data.folder}: no training song has a label or a pseudo-label; give some")
    pooled, logits = pooled[known], np.arctanh(np.clip(wanted[known], -LARGEST, LARGEST))
    # One weight for both outputs, whose penalty is chosen together.
    weighed = {"sample_weight": np.array(counts)[known]} if settings.weigh_by_raters else {}
    scaler = StandardScaler().fit(pooled)
    solved = RidgeCV(PENALTIES).fit(scaler.transform(pooled), logits, **weighed)
    fresh = make_pipeline(StandardScaler(), Ridge(solved.alpha_))
    folds = KFold(_FOLDS, shuffle=True, random_state=settings.seed)
    params = {f"ridge__{name}": values for name, values in weighed.items()}
    predicted = cross_val_predict(fresh, pooled, logits, cv=folds, params=params)
    # A regression's predictions lie closer together than what it learned from, which costs CCC.
    spread = np.clip(logits.std(axis=0) / np.maximum(predicted.std(axis=0), 1e-6), 1, MOST_SPREAD)
    weight = spread[:, None] * solved.coef_ / scaler.scale_
    bias = spread * solved.intercept_ + (1 - spread) * logits.mean(axis=0) - weight @ scaler.mean_
    with torch.no_grad():
        model.linear_head.weight.copy_(torch.from_numpy(weight))
        model.linear_head.bias.copy_(torch.from_numpy(bias))
    return int(known.sum())


def _target(clip: Batch, *, hard: float, soft: float) -> tuple[NDArray[np.float32], float]:
    """The mean of label and pseudo-label by their weights; the one that there is; NaN where there is none.

    Beside it stands how much the clip counts: 1, or more or less where its label does.
    """
    both = np.stack([clip.labels.numpy(), clip.pseudo_labels.numpy()])
    plain = np.array([hard, soft], dtype=np.float32)[:, None] * np.isfinite(both)
    weights = plain * np.stack([clip.weights.numpy(), np.ones(2, dtype=np.float32)])
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore"):
        target = np.asarray((np.nan_to_num(both) * weights).sum(axis=0) / total, dtype=np.float32)
        return target, float((total / plain.sum(axis=0)).mean())
