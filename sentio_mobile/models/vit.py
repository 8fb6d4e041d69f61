"""The teacher: torchvision's vision transformer with a head for valence and arousal."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import VisionTransformer

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
        )
        self.backbone.heads = nn.Sequential()
        self.patch_dropout = PatchDropout(settings.patch_keep)
        self.head = EmotionHead(settings.width, settings.head_widths, settings.head_dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, image_size, image_size] -> valence and arousal [batch, 2] in (-1, 1)."""
        vit = self.backbone
        patches = vit._process_input(image)
        tokens = torch.cat([vit.class_token.expand(image.shape[0], -1, -1), patches], dim=1)
        # The positions are added here, not by `vit.encoder`: a patch keeps its own when others are dropped.
        tokens = self.patch_dropout(tokens + vit.encoder.pos_embedding)
        tokens = vit.encoder.ln(vit.encoder.layers(vit.encoder.dropout(tokens)))
        return self.head(tokens[:, 0])
