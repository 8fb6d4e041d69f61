"""The default teacher: torchvision's vision transformer with a head for valence and arousal."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torchvision.models import VisionTransformer
from torchvision.models.vision_transformer import Encoder

from sentio_mobile.errors import InputError
from sentio_mobile.models.blocks import PatchDropout
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.transformer import EmotionHead, EncoderNetwork


class ViT(EncoderNetwork):
    """A vision transformer (Dosovitskiy et al. 2021). The default settings give torchvision's `vit_b_16`.

    Args:
        settings: Widths and depth.
        image_size: Height and width of the image, in pixels: equal, and multiples of the patch size.

    Raises:
        InputError: The image is not square. An `ast` takes any shape.
    """

    def __init__(self, settings: ViTSettings, image_size: tuple[int, int] = (224, 224)) -> None:
        super().__init__()
        side, width = image_size
        if side != width:
            raise InputError(f"a vit takes square images, not {side} by {width}; use an ast, or another image_size")
        self.backbone = VisionTransformer(
            image_size=side,
            patch_size=settings.patch_size,
            num_layers=settings.layers,
            num_heads=settings.heads,
            hidden_dim=settings.width,
            mlp_dim=settings.mlp_width,
            norm_layer=partial(nn.LayerNorm, eps=settings.norm_eps),
        )
        self.backbone.heads = nn.Sequential()
        self.patch_dropout = PatchDropout(settings.patch_keep)
        self.head = EmotionHead(settings.width, settings.head_widths, settings.head_dropout)

    @property
    def encoder(self) -> Encoder:
        """The transformer encoder."""
        return self.backbone.encoder

    @property
    def grid(self) -> tuple[int, int]:
        """Number of patches along the height and the width of the image."""
        side = self.backbone.image_size // self.backbone.patch_size
        return side, side

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, 1 + patches, width], the class token first, positions added.

        Positions are added here and not in the encoder, so that a patch keeps its position when others are dropped.
        """
        patches = self.backbone._process_input(image)
        tokens = torch.cat([self.backbone.class_token.expand(image.shape[0], -1, -1), patches], dim=1)
        return tokens + self.encoder.pos_embedding
