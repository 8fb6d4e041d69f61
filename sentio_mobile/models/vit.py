"""The teacher: torchvision's vision transformer with a head for valence and arousal."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torchvision.models import VisionTransformer
from torchvision.models.vision_transformer import Encoder

from sentio_mobile.models.blocks import PatchDropout
from sentio_mobile.models.settings import ViTSettings
from sentio_mobile.spec import OUTPUTS


class EmotionHead(nn.Sequential):
    """LayerNorm, then linear maps with GELU and dropout down to two outputs with tanh.

    Dropout stands before each linear map: `dropout` has one value for each of them.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], dropout: tuple[float, ...]) -> None:
        layers: list[nn.Module] = [nn.LayerNorm(inputs)]
        sizes = (inputs, *widths, len(OUTPUTS))
        for i, (before, after, rate) in enumerate(zip(sizes[:-1], sizes[1:], dropout, strict=True)):
            layers += [nn.Dropout(rate), nn.Linear(before, after)]
            if i < len(widths):
                layers.append(nn.GELU())
        super().__init__(*layers, nn.Tanh())


class ViT(nn.Module):
    """torchvision's encoder; with the default settings it is `vit_b_16` to the last weight name.

    Args:
        settings: widths and depth.
        image_size: side of the square input, a multiple of the patch size.
    """

    def __init__(self, settings: ViTSettings, image_size: int = 224) -> None:
        super().__init__()
        self.backbone = VisionTransformer(
            image_size=image_size,
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
    def blocks(self) -> nn.Sequential:
        """The transformer blocks, first to last."""
        return self.backbone.encoder.layers

    @property
    def top(self) -> nn.ModuleList:
        """What stands above the blocks."""
        return nn.ModuleList([self.backbone.encoder.ln, self.head])

    @property
    def encoder(self) -> Encoder:
        """The encoder; as in `sentio_mobile.models.observe`."""
        return self.backbone.encoder

    @property
    def grid(self) -> tuple[int, int]:
        """Patches along the height and the width of the picture."""
        side = self.backbone.image_size // self.backbone.patch_size
        return side, side

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, image_size, image_size] -> [batch, 1 + patches, width], the class token first.

        The positions are added here, not by the encoder: a patch keeps its own when others are dropped.
        """
        patches = self.backbone._process_input(image)
        tokens = torch.cat([self.backbone.class_token.expand(image.shape[0], -1, -1), patches], dim=1)
        return self.patch_dropout(tokens + self.encoder.pos_embedding)

    def answer(self, tokens: torch.Tensor) -> torch.Tensor:
        """The last block's tokens [batch, tokens, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self.head(self.encoder.ln(tokens)[:, 0])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, image_size, image_size] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self.answer(self.encoder.layers(self.encoder.dropout(self.tokens(image))))
