"""The teacher: torchvision's vision transformer with a head for valence and arousal."""

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
    """torchvision's encoder; with the default settings it is `vit_b_16` to the last weight name.

    Args:
        settings: widths and depth.
        image_size: height and width of the picture: a square, of a multiple of the patch size.

    Raises:
        InputError: the picture is no square; an `ast` takes any.
    """

    def __init__(self, settings: ViTSettings, image_size: tuple[int, int] = (224, 224)) -> None:
        super().__init__()
        side, width = image_size
        if side != width:
            raise InputError(f"a vit looks at squares, not at {side} by {width}; take an ast, or another image_size")
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
        """The encoder; as in `sentio_mobile.models.capture`."""
        return self.backbone.encoder

    @property
    def grid(self) -> tuple[int, int]:
        """Patches along the height and the width of the picture."""
        side = self.backbone.image_size // self.backbone.patch_size
        return side, side

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, 1 + patches, width], the class token first.

        The positions are added here, not by the encoder: a patch keeps its own when others are dropped later.
        """
        patches = self.backbone._process_input(image)
        tokens = torch.cat([self.backbone.class_token.expand(image.shape[0], -1, -1), patches], dim=1)
        return tokens + self.encoder.pos_embedding
