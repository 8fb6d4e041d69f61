"""Base class and head of the networks built on torchvision's transformer encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn
from torchvision.models.vision_transformer import Encoder, EncoderBlock

from sentio_mobile.models.blocks import PatchDropout
from sentio_mobile.spec import OUTPUTS


class EmotionHead(nn.Sequential):
    """Regression head: LayerNorm, linear maps with GELU, and two outputs with tanh.

    Args:
        inputs: Input width.
        widths: Hidden widths.
        dropout: Dropout rate before each linear map, so one value more than `widths`.
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
    """A transformer whose head reads the class token, or the mean of it and of a distillation token.

    It is `Capturable` (see `sentio_mobile.models.capture`).

    Subclasses provide `encoder`, `head`, `patch_dropout`, `grid` and `tokens`.
    """

    head: EmotionHead
    patch_dropout: PatchDropout

    @property
    @abstractmethod
    def encoder(self) -> Encoder:
        """The transformer encoder."""

    @property
    def blocks(self) -> nn.Sequential:
        """The transformer blocks, first to last."""
        return self.encoder.layers

    @property
    def width(self) -> int:
        """Width of a token."""
        return int(self.encoder.pos_embedding.shape[-1])

    @property
    def top(self) -> nn.ModuleList:
        """The layers after the blocks: the last norm and the head."""
        return nn.ModuleList([self.encoder.ln, self.head])

    @abstractmethod
    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, first + patches, width], the class token first, positions added."""

    def attend(self, block: nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run a block; return its output tokens and attention weights [batch, heads, tokens, tokens].

        torchvision's blocks do not return their weights, so the attention is computed a second time for them.
        """
        assert isinstance(block, EncoderBlock)
        normed = block.ln_1(tokens)
        _, weights = block.self_attention(normed, normed, normed, need_weights=True, average_attn_weights=False)
        return block(tokens), weights

    def readout(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens of the last block [batch, tokens, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self._read(tokens[:, : self.patch_dropout.first])

    def _read(self, first: torch.Tensor) -> torch.Tensor:
        normed = self.encoder.ln(first)
        return self.head(normed[:, 0] if self.patch_dropout.first == 1 else normed.mean(dim=1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        tokens = self.patch_dropout(self.tokens(image))
        *before, last = self.blocks
        for block in before:
            tokens = block(tokens)
        return self._read(self._for_first_tokens(last, tokens))

    def _for_first_tokens(self, block: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        """The output of the last block for the tokens that the head reads [batch, first, width]."""
        assert isinstance(block, EncoderBlock)
        normed, first = block.ln_1(tokens), self.patch_dropout.first
        mixed, _ = block.self_attention(normed[:, :first], normed, normed, need_weights=False)
        mixed = block.dropout(mixed) + tokens[:, :first]
        return mixed + block.mlp(block.ln_2(mixed))
