"""The audio spectrogram transformer (AST): a teacher that takes spectrograms of any shape."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn.functional import pad
from torchvision.models.vision_transformer import Encoder

from sentio_mobile.models.blocks import PatchDropout
from sentio_mobile.models.config import ASTSettings
from sentio_mobile.models.transformer import EmotionHead, EncoderNetwork


class AST(EncoderNetwork):
    """An audio spectrogram transformer (Gong et al. 2021) with torchvision's encoder.

    Unlike in the paper, patches do not overlap. If a side of the image is not a multiple of the patch size, the last
    row or column is repeated.

    Args:
        settings: Widths and depth.
        image_size: Height and width of the image, in pixels.
    """

    def __init__(self, settings: ASTSettings, image_size: tuple[int, int]) -> None:
        super().__init__()
        size = settings.patch_size
        self._grid = (-(-image_size[0] // size), -(-image_size[1] // size))
        self.margin = (0, self._grid[1] * size - image_size[1], 0, self._grid[0] * size - image_size[0])
        self.patches = nn.Conv2d(3, settings.width, size, stride=size)
        nn.init.trunc_normal_(self.patches.weight, std=(3 * size * size) ** -0.5)
        self.class_token = nn.Parameter(torch.zeros(1, 1, settings.width))
        self.transformer = Encoder(
            1 + self._grid[0] * self._grid[1],
            settings.layers,
            settings.heads,
            settings.width,
            settings.mlp_width,
            dropout=0.0,
            attention_dropout=0.0,
            norm_layer=partial(nn.LayerNorm, eps=settings.norm_eps),
        )
        self.patch_dropout = PatchDropout(settings.patch_keep)
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
        """[batch, 3, height, width] -> [batch, 1 + patches, width], the class token first, positions added."""
        patches = self.patches(pad(image, self.margin, mode="replicate")).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(image.shape[0], -1, -1), patches], dim=1)
        return tokens + self.encoder.pos_embedding
