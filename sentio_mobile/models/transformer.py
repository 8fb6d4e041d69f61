"""What every network around torchvision's transformer encoder shares: its blocks, its head, and how they follow."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn
from torchvision.models.vision_transformer import Encoder, EncoderBlock

from sentio_mobile.models.blocks import PatchDropout
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


class EncoderNetwork(nn.Module, ABC):
    """A network whose forward `sentio_mobile.models.capture` can walk through; the class token answers.

    Below it are `encoder`, `head`, `patch_dropout`, `grid` and `tokens`.
    """

    head: EmotionHead
    patch_dropout: PatchDropout

    @property
    @abstractmethod
    def encoder(self) -> Encoder:
        """The encoder."""

    @property
    def blocks(self) -> nn.Sequential:
        """The transformer blocks, first to last."""
        return self.encoder.layers

    @property
    def width(self) -> int:
        """Of each token."""
        return int(self.encoder.pos_embedding.shape[-1])

    @property
    def top(self) -> nn.ModuleList:
        """What stands above the blocks."""
        return nn.ModuleList([self.encoder.ln, self.head])

    @abstractmethod
    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, 1 + patches, width], the class token first, positions added."""

    def attend(self, block: nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A block's tokens, and the weights with which it mixed those that came; these cost half an attention more.

        torchvision's blocks keep their weights to themselves, so they are worked out a second time.
        """
        assert isinstance(block, EncoderBlock)
        normed = block.ln_1(tokens)
        _, weights = block.self_attention(normed, normed, normed, need_weights=True, average_attn_weights=False)
        return block(tokens), weights

    def answer(self, tokens: torch.Tensor) -> torch.Tensor:
        """The last block's tokens [batch, tokens, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self.head(self.encoder.ln(tokens)[:, 0])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self.answer(self.blocks(self.patch_dropout(self.tokens(image))))
