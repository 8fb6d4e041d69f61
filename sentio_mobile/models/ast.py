"""The audio spectrogram transformer (AST): a teacher that takes spectrograms of any shape."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn.functional import pad
from torchvision.models.vision_transformer import Encoder

from sentio_mobile.errors import InputError
from sentio_mobile.models.blocks import PatchDropout
from sentio_mobile.models.config import ASTSettings
from sentio_mobile.models.transformer import EmotionHead, EncoderNetwork


class AST(EncoderNetwork):
    """An audio spectrogram transformer (Gong et al. 2021) with torchvision's encoder.

    In the paper patches overlap by 6 pixels and there is a distillation token; by default there is neither here. If
    patches do not fill the image, the last row or column is repeated; where they overlap it is left out, as in the
    paper.

    Args:
        settings: Widths and depth.
        image_size: Height and width of the image, in pixels.

    Raises:
        InputError: A patch that overlaps others is larger than the image.
    """

    def __init__(self, settings: ASTSettings, image_size: tuple[int, int]) -> None:
        super().__init__()
        size = settings.patch_size
        self._grid = patch_grid(settings, image_size)
        self.margin = (0, 0)
        if not settings.patch_overlap:
            self.margin = (self._grid[0] * size - image_size[0], self._grid[1] * size - image_size[1])
        self.patches = nn.Conv2d(3, settings.width, size, stride=size - settings.patch_overlap)
        nn.init.trunc_normal_(self.patches.weight, std=(3 * size * size) ** -0.5)
        self.class_token = nn.Parameter(torch.zeros(1, 1, settings.width))
        first = 1
        if settings.distillation_token:
            self.distillation_token = nn.Parameter(torch.zeros(1, 1, settings.width))
            first = 2
        self.transformer = Encoder(
            first + self._grid[0] * self._grid[1],
            settings.layers,
            settings.heads,
            settings.width,
            settings.mlp_width,
            dropout=0.0,
            attention_dropout=0.0,
            norm_layer=partial(nn.LayerNorm, eps=settings.norm_eps),
        )
        self.patch_dropout = PatchDropout(settings.patch_keep, first)
        self.head = EmotionHead(settings.width, settings.head_widths, settings.head_dropout)

    @property
    def encoder(self) -> Encoder:
        """The transformer encoder."""
        return self.transformer

    @property
    def grid(self) -> tuple[int, int]:
        """Number of patches along the height and the width of the image."""
        return self._grid

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, first + patches, width], the class token first, positions added."""
        height, width = self.margin
        patches = self.patches(pad(image, (0, width, 0, height), mode="replicate")).flatten(2).transpose(1, 2)
        first = [self.class_token]
        if self.patch_dropout.first > 1:
            first.append(self.distillation_token)
        tokens = torch.cat([*(token.expand(image.shape[0], -1, -1) for token in first), patches], dim=1)
        return tokens + self.encoder.pos_embedding


def patch_grid(settings: ASTSettings, image_size: tuple[int, int]) -> tuple[int, int]:
    """Number of patches along the height and the width of an image.

    Raises:
        InputError: A patch that overlaps others is larger than the image.
    """
    size = settings.patch_size
    if not settings.patch_overlap:
        return -(-image_size[0] // size), -(-image_size[1] // size)
    if min(image_size) < size:
        raise InputError(
            f"an image of {image_size[0]} by {image_size[1]} has no patch of {size}; take a larger image_size"
        )
    step = size - settings.patch_overlap
    return (image_size[0] - size) // step + 1, (image_size[1] - size) // step + 1
