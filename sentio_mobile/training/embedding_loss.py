"""Learning an encoder's embeddings, moment by moment: what a large network has heard becomes a small one's target.

One target for a whole clip is too little to learn from: ten targets, each for its three seconds, teach a student ten
times as much about the same music. Each is learned by the tokens of its own moment, wherever augmentation moved them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import TrainingError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.training.clip_features import ClipFeatures, feature_widths
from sentio_mobile.training.clips import Batch, TrainingClips
from sentio_mobile.training.config import EmbeddingSettings, TrainingSettings
from sentio_mobile.training.sources import TrainingSources, WindowEmbeddings

_MIN_SD = 1e-4
"""Smallest standard deviation that embeddings are divided by: a value that never changes stays 0."""

_MIN_SHARE = 0.01
"""The same as a share of the mean standard deviation: of what hardly changes, only rounding errors would be learned."""

_CHUNK = 4096
"""Clips whose embeddings are converted to single precision at once."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingPredictions:
    """What is predicted of embeddings; None where a term is off.

    Attributes:
        steps: Standardized embedding of each time step [clips, time, size].
        clip: Standardized mean and standard deviation over time of a clip's embeddings [clips, 2 * size].
        step_tags: Logits of the tags of each time step [clips, time, n_tags].
        clip_tags: Logits of the tags of the clip [clips, n_tags].
    """

    steps: torch.Tensor | None
    clip: torch.Tensor | None
    step_tags: torch.Tensor | None
    clip_tags: torch.Tensor | None


class EmbeddingLoss(nn.Module):
    """Linear maps from a network's features to an encoder's embeddings and tags, and the loss of their predictions.

    It has up to three terms: `steps`, the mean squared error of each time step's standardized embedding; `clip`, that
    of the mean and the standard deviation over the clip; and `tags`, the cross entropy of the tags of time steps and
    clip. Time steps without embeddings contribute nothing, nor do clips that have none.

    Args:
        model: The network that learns: one with tokens or with a feature map.
        known: Embeddings of the training clips, which the mean and standard deviation of each dimension come from.
        settings: Weights of the terms.
        clip_seconds: Length of a clip in seconds.

    Raises:
        TrainingError: The network has neither tokens nor a feature map, or the settings ask for nothing that there is.
    """

    times: torch.Tensor
    mean: torch.Tensor
    sd: torch.Tensor
    clip_mean: torch.Tensor
    clip_sd: torch.Tensor

    def __init__(
        self,
        model: nn.Module,
        known: Sequence[WindowEmbeddings],
        *,
        settings: EmbeddingSettings,
        clip_seconds: float,
    ) -> None:
        super().__init__()
        width, pooled_width = feature_widths(model)
        clips = known[0].clips
        self.info, self.clip_seconds, self.tag_count = clips.info, clip_seconds, len(clips.tag_names)
        size, n_tags = clips.embeddings.shape[2], self.tag_count
        weights = {"steps": settings.steps, "clip": settings.clip, "tags": settings.tags if n_tags else 0.0}
        self.weights: Mapping[str, float] = {name: weight for name, weight in weights.items() if weight > 0}
        if not self.weights:
            raise TrainingError(f"{clips.path}: has no tags, and the recipe learns nothing else of the embeddings")
        self.signature = f"embeddings {settings} {clips.info} {clip_seconds} {clips.embeddings.shape[1:]} {n_tags}"
        self.register_buffer("times", step_times(clips.info, clips.embeddings.shape[1]))
        for name, values in zip(("mean", "sd", "clip_mean", "clip_sd"), _statistics(known), strict=True):
            self.register_buffer(name, torch.from_numpy(values))
        self.maps = nn.ModuleDict()
        if "steps" in self.weights:
            self.maps["steps"] = nn.Linear(width, size)
        if "clip" in self.weights:
            self.maps["clip"] = nn.Linear(pooled_width, 2 * size)
        if "tags" in self.weights:
            self.maps["step_tags"] = nn.Linear(width, n_tags)
            self.maps["clip_tags"] = nn.Linear(pooled_width, n_tags)

    def forward(self, features: ClipFeatures, batch: Batch) -> dict[str, torch.Tensor]:
        """The terms that have a weight, each a scalar; 0, but part of the graph, if no clip has embeddings."""
        predicted = self.predict(features, batch.shift)
        heard = ~batch.embeddings.isnan().any(dim=2)  # [clips, time]
        known = heard.any(dim=1)
        embeddings = torch.where(heard[..., None], batch.embeddings, 0.0)
        terms: dict[str, torch.Tensor] = {}
        if predicted.steps is not None:
            terms["steps"] = _mean(mse_loss(predicted.steps, self.standardized(embeddings), reduction="none"), heard)
        if predicted.clip is not None:
            summary = self.summary(embeddings, heard)
            terms["clip"] = _mean(mse_loss(predicted.clip, summary, reduction="none"), known)
        if predicted.step_tags is not None and predicted.clip_tags is not None:
            tags = torch.where(heard[..., None], batch.tags, 0.0)
            of_clips = tags.sum(dim=1) / _count(heard)
            terms["tags"] = _mean(
                binary_cross_entropy_with_logits(predicted.step_tags, tags, reduction="none"), heard
            ) + _mean(binary_cross_entropy_with_logits(predicted.clip_tags, of_clips, reduction="none"), known)
        return terms

    def predict(self, features: ClipFeatures, shift: torch.Tensor) -> EmbeddingPredictions:
        """Predict embeddings and tags of clips that were rotated by a share `shift` of their length [clips]."""
        steps = step_tags = clip = clip_tags = None
        if "steps" in self.maps or "step_tags" in self.maps:
            count = features.column_count
            moments = column_times(count, shift, self.clip_seconds)
            # A step counts as far as the encoder hears for it, and a column at least for itself.
            reach = max(self.info.window_s, self.info.hop_s, self.clip_seconds / count)
            weights = step_weights(self.times, moments, features.columns, reach)
            of_steps = torch.matmul(weights.to(features.tokens.dtype), features.tokens)
            steps = self.maps["steps"](of_steps) if "steps" in self.maps else None
            step_tags = self.maps["step_tags"](of_steps) if "step_tags" in self.maps else None
        if "clip" in self.maps:
            clip = self.maps["clip"](features.pooled)
        if "clip_tags" in self.maps:
            clip_tags = self.maps["clip_tags"](features.pooled)
        return EmbeddingPredictions(
            steps=_single(steps), clip=_single(clip), step_tags=_single(step_tags), clip_tags=_single(clip_tags)
        )

    def standardized(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings [..., size] with mean 0 and standard deviation 1 in each dimension."""
        return (embeddings - self.mean) / self.sd

    def summary(self, embeddings: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        """Standardized mean and standard deviation over the time steps that are known.

        Args:
            embeddings: Embeddings [clips, time, size].
            heard: Which time steps are known [clips, time].

        Returns:
            [clips, 2 * size]; without a meaning for a clip of which nothing is known.
        """
        mean = (embeddings * heard[..., None]).sum(dim=1) / _count(heard)
        squares = ((embeddings - mean[:, None]) ** 2 * heard[..., None]).sum(dim=1)
        return (torch.cat([mean, (squares / _count(heard)).sqrt()], dim=1) - self.clip_mean) / self.clip_sd


def embedding_loss(
    model: nn.Module,
    data: PreparedData,
    *,
    settings: TrainingSettings,
    sources: TrainingSources,
    weights: EmbeddingSettings,
) -> EmbeddingLoss | None:
    """The terms for the clips that training draws; None if none of them has embeddings.

    Args:
        model: The network that learns.
        data: The labelled songs.
        settings: The training schedule.
        sources: What training draws from besides the labelled songs.
        weights: Weights of the terms.

    Raises:
        DataError: The embeddings of the training songs are not complete.
        TrainingError: As for `EmbeddingLoss`; or mixup is on, or embeddings are of different encoders.
    """
    if not sources.embeddings:
        return None
    known = TrainingClips(data, settings, sources).embeddings
    return EmbeddingLoss(model, known, settings=weights, clip_seconds=data.audio.seconds)


def step_times(info: EncoderInfo, count: int) -> torch.Tensor:
    """The middle of each of `count` time steps, in seconds from the start of the clip [time]."""
    return torch.arange(count) * info.hop_s + info.window_s / 2


def column_times(count: int, shift: torch.Tensor, clip_seconds: float) -> torch.Tensor:
    """When the middle of each of `count` columns sounded in the clip before it was rotated, in seconds.

    Args:
        count: Columns of the image.
        shift: Share of the clip by which it was rotated [clips]; see `Augmented`.
        clip_seconds: Length of the clip in seconds.

    Returns:
        Seconds from the start of the clip [clips, count].
    """
    middle = (torch.arange(count, device=shift.device) + 0.5) / count
    return (middle + shift[:, None]) % 1 * clip_seconds


def step_weights(times: torch.Tensor, moments: torch.Tensor, columns: torch.Tensor, reach: float) -> torch.Tensor:
    """How much each part of the image counts for each time step: a triangle around the step's middle.

    Args:
        times: Middle of each step in seconds [time].
        moments: When each column sounded, in seconds [clips, columns of the image].
        columns: The column of each part [clips, parts], or [1, parts].
        reach: Distance in seconds at which the weight becomes 0.

    Returns:
        Weights [clips, time, parts]. They sum to 1 for each step, or are all 0 if no part is near.
    """
    sounded = moments.gather(1, columns.expand(len(moments), -1))
    weights = (1 - (sounded[:, None] - times[:, None]).abs() / reach).clamp_min(0)
    return weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-6)


def _statistics(known: Sequence[WindowEmbeddings]) -> list[NDArray[np.float32]]:
    """Mean and standard deviation of embeddings over clips and time, then those of the clips' summaries."""
    sums: list[NDArray[np.float64]] = []
    squares: list[NDArray[np.float64]] = []
    steps = clips = 0
    for each in known:
        rows = np.unique(each.rows[each.rows >= 0])
        for start in range(0, len(rows), _CHUNK):
            values = each.clips.embeddings[rows[start : start + _CHUNK]].astype(np.float64)
            summary = np.concatenate([values.mean(axis=1), values.std(axis=1)], axis=1)
            values = values.reshape(-1, values.shape[2])
            sums = _added(sums, [values.sum(axis=0), summary.sum(axis=0)])
            squares = _added(squares, [(values**2).sum(axis=0), (summary**2).sum(axis=0)])
            steps, clips = steps + len(values), clips + len(summary)
    if not clips:
        raise TrainingError("no training clip has embeddings; make them with `sentio-mobile teacher embed`")
    found: list[NDArray[np.float32]] = []
    for total, square, count in zip(sums, squares, (steps, clips), strict=True):
        mean = total / count
        sd = np.sqrt(np.maximum(square / count - mean**2, _MIN_SD**2))
        sd = np.maximum(sd, _MIN_SHARE * sd.mean())
        found += [mean.astype(np.float32), sd.astype(np.float32)]
    return found


def _added(a: list[NDArray[np.float64]], b: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    return [x + y for x, y in zip(a, b, strict=True)] if a else b


def _mean(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The mean of values [..., size] over what is known [...]; 0 if nothing is."""
    return (values.mean(dim=-1) * known).sum() / known.sum().clamp_min(1)


def _count(heard: torch.Tensor) -> torch.Tensor:
    """Known time steps of each clip [clips, 1], at least 1."""
    return heard.sum(dim=1, keepdim=True).clamp_min(1)


def _single(values: torch.Tensor | None) -> torch.Tensor | None:
    """Half-precision results of mixed-precision training in single precision, for the loss."""
    return None if values is None else values.float()
