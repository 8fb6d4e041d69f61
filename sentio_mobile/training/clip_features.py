"""What a network makes of a batch of clips: predictions, and features of the image's parts and of the whole clip."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from sentio_mobile.errors import TrainingError
from sentio_mobile.models.capture import Capturable, Captured, HasFeatureMap, capture


@dataclass(frozen=True, kw_only=True)
class ClipFeatures:
    """What a network made of a batch of clips.

    Attributes:
        output: Valence and arousal [clips, 2].
        tokens: Features of the parts of the image [clips, parts, width].
        columns: The column of the image, counted from 0, that each part is in [clips, parts], or [1, parts] if it is
            the same for all clips.
        column_count: Columns of the image.
        pooled: Features of the whole clip [clips, pooled width].
    """

    output: torch.Tensor
    tokens: torch.Tensor
    columns: torch.Tensor
    column_count: int
    pooled: torch.Tensor


def clip_features(model: nn.Module, images: torch.Tensor) -> ClipFeatures:
    """Run a network on images [clips, 3, height, width] and keep what embeddings are learned from."""
    if isinstance(model, Capturable):
        last = len(model.blocks) - 1
        return features_of_tokens(model, capture(model, images, hidden={last}))
    if not isinstance(model, HasFeatureMap):
        raise _no_features(model)
    found = model.capture_map(images)
    rows, columns = found.features.shape[2:]
    return ClipFeatures(
        output=found.output,
        tokens=found.features.flatten(2).transpose(1, 2),
        columns=torch.arange(columns, device=images.device).repeat(rows)[None],
        column_count=columns,
        pooled=found.pooled,
    )


def features_of_tokens(model: Capturable, captured: Captured) -> ClipFeatures:
    """What embeddings are learned from, out of captured tokens of the last block."""
    hidden = captured.hidden[len(model.blocks) - 1]
    kept = captured.token_indices
    if kept is None:
        kept = torch.arange(hidden.shape[1], device=hidden.device)[None]
    return ClipFeatures(
        output=captured.output,
        tokens=hidden[:, 1:],
        columns=(kept[:, 1:] - 1) % model.grid[1],
        column_count=model.grid[1],
        pooled=hidden[:, 0],
    )


def feature_widths(model: nn.Module) -> tuple[int, int]:
    """Widths of the features of parts and of the whole clip."""
    if isinstance(model, Capturable):
        return model.width, model.width
    if isinstance(model, HasFeatureMap):
        return model.map_width, model.pooled_width
    raise _no_features(model)


def _no_features(model: nn.Module) -> TrainingError:
    return TrainingError(
        f"a {type(model).__name__} has neither tokens nor a feature map to learn embeddings with; use a mobilevit, a "
        "vit, an ast or a network with `capture_map`, or leave the embeddings out"
    )
