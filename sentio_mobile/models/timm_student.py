"""A student whose backbone is a network of timm, with our regression head on it.

timm has the convolutional networks that others made for phones: MobileNetV4, EfficientViT, FastViT, RepViT, MobileOne,
LeViT. Here they start from random weights: nothing is downloaded. A checkpoint needs timm wherever it is loaded; an
artifact needs nothing of it.
"""

from __future__ import annotations

import difflib
from contextlib import suppress
from typing import Any, ClassVar

import timm
import torch
from torch import nn

from sentio_mobile._internal.record_messages import shown
from sentio_mobile.errors import InputError
from sentio_mobile.models.capture import CapturedMap
from sentio_mobile.models.config import MAX_WEIGHTS, TimmSettings
from sentio_mobile.models.timm_fold import fold_backbone
from sentio_mobile.spec import OUTPUTS

_SUGGESTIONS = 3
"""Number of similar names that the error for an unknown network lists."""

_CHANNELS_LAST = "NHWC"
"""timm's name for maps whose channels are their last axis."""


class TimmStudent(nn.Module):
    """A network of timm without its classifier, and the same head as ours: a hidden layer, two outputs, tanh.

    It has no class token and no attention in a common form, so that it learns from labels, predictions and embeddings.
    It has a feature map for what is learned by time step (see `sentio_mobile.models.capture.HasFeatureMap`).

    Args:
        settings: The backbone's name, and the width of the head.
        image_size: Height and width of the image, in pixels.

    Raises:
        InputError: timm has no such network, or it is too large, does not take such an image, or has no `drop_path`.
    """

    # Any: timm's networks share methods that no class of theirs declares.
    backbone: Any

    head_layers: ClassVar[tuple[str, ...]] = ("hidden", "output")
    """The layers of the head. They cost little, and every rounding error in them is an error of the prediction."""

    def __init__(self, settings: TimmSettings, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.settings, self._image_size = settings, image_size
        self.backbone = backbone = _backbone(settings, image_size)
        self.pooled_width = int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)
        self.hidden = nn.Linear(self.pooled_width, settings.output_width)
        self.output = nn.Linear(settings.output_width, len(OUTPUTS))
        self._try(image_size)

    @property
    def map_width(self) -> int:
        """Channels of the feature map."""
        return int(self.backbone.num_features)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self._readout(self._pool(self.backbone.forward_features(image)))

    def capture_map(self, image: torch.Tensor) -> CapturedMap:
        """[batch, 3, height, width] -> the predictions, and what they were made from. Gradients flow through all."""
        features = self.backbone.forward_features(image)
        pooled = self._pool(features)
        return CapturedMap(output=self._readout(pooled), features=self._as_map(features), pooled=pooled)

    def fold_norms(self) -> None:
        """Bring the backbone into its deployed form, in place: parallel branches become one convolution, norms fold.

        The network must be in evaluation mode. Its outputs stay the same up to rounding errors.
        """
        self.backbone = fold_backbone(self.backbone, torch.zeros(1, 3, *self._image_size))

    def _pool(self, features: torch.Tensor) -> torch.Tensor:
        return self.backbone.forward_head(features, pre_logits=True)

    def _readout(self, pooled: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.output(torch.relu(self.hidden(pooled))))

    def _as_map(self, features: torch.Tensor) -> torch.Tensor:
        """What a backbone computes before pooling, as [batch, channels, rows, columns]."""
        if features.ndim == 4:
            last = getattr(self.backbone, "output_fmt", None) == _CHANNELS_LAST
            return features.permute(0, 3, 1, 2) if last else features
        patches = features[:, getattr(self.backbone, "num_prefix_tokens", 0) :]
        height, width = self._image_size
        rows = max(1, round((patches.shape[1] * height / width) ** 0.5))
        return patches.transpose(1, 2).reshape(len(patches), patches.shape[2], rows, patches.shape[1] // rows)

    def _try(self, image_size: tuple[int, int]) -> None:
        """Run the network once, so that an image that does not fit is known at once."""
        training = self.training
        try:
            with torch.no_grad():
                self.eval().capture_map(torch.zeros(1, 3, *image_size))
        except Exception as error:  # a network of somebody else may fail in any way
            raise _refusal(self.settings, image_size, error) from error
        self.train(training)


def _backbone(settings: TimmSettings, image_size: tuple[int, int]) -> Any:
    names = timm.list_models()
    if settings.name not in names:
        similar = ", ".join(difflib.get_close_matches(settings.name, names, _SUGGESTIONS, cutoff=0.0))
        raise InputError(f"timm has no network {shown(settings.name)}; similar names are {similar}")
    options: dict[str, Any] = {"pretrained": False, "num_classes": 0, "in_chans": 3}
    if settings.drop_path > 0:
        options["drop_path_rate"] = settings.drop_path
    if (weights := _count_weights(settings.name, image_size, options)) > MAX_WEIGHTS:
        raise InputError(f"timm's {settings.name} has {weights:,} weights, more than {MAX_WEIGHTS:,}")
    try:
        return _create(settings.name, image_size, options)
    except Exception as error:  # a network of somebody else may fail in any way
        raise _refusal(settings, image_size, error) from error


def _count_weights(name: str, image_size: tuple[int, int], options: dict[str, Any]) -> int:
    """Number of weights, without memory for them; 0 if the network cannot be built in that way."""
    with suppress(Exception), torch.device("meta"):
        return sum(weight.numel() for weight in _create(name, image_size, options).parameters())
    return 0


def _create(name: str, image_size: tuple[int, int], options: dict[str, Any]) -> Any:
    """Build a network. Those with positions need to know the image; convolutional ones do not know the word."""
    try:
        return timm.create_model(name, img_size=image_size, **options)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        return timm.create_model(name, **options)


def _refusal(settings: TimmSettings, image_size: tuple[int, int], error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "drop_path_rate" in reason:
        return InputError(f"timm's {settings.name} has no drop_path: leave it out")
    height, width = image_size
    return InputError(
        f"timm's {settings.name} cannot be built for images of {height} x {width}: {reason}; choose another image_size "
        "or network"
    )
