"""The student: made of what mobile runtimes have and what INT8 forgives.

By default batch normalization after each linear map (it folds away) and ReLU; explicit softmax attention, a constant
number of tokens and explicit dimensions everywhere: LayerNorm and an erf GELU have no integer kernels, and a size that
is read from the traced tensor breaks converters.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from sentio_mobile.models.blocks import ConvNorm, LinearNorm, PatchDropout
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.spec import OUTPUTS


class Stem(nn.Module):
    """Depthwise-separable patch embedding: one convolution, then separable ones, each halving the picture.

    [batch, 3, size, size] -> [batch, (size / 16) ** 2, width].
    """

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvNorm(3, widths[0], 3, stride=2), nn.ReLU()]
        for inputs, outputs in zip(widths, (*widths[1:], width), strict=True):
            layers += [ConvNorm(inputs, inputs, 3, stride=2, groups=inputs), nn.ReLU(), ConvNorm(inputs, outputs, 1)]
            if outputs != width:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, size, size] -> [batch, tokens, width]."""
        return self.layers(image).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention whose heads are narrower than width / heads, written out operation by operation.

    A fused attention stays undelegated in mobile runtimes; plain matrix products and a softmax do not.
    """

    def __init__(self, settings: MobileViTSettings) -> None:
        super().__init__()
        self.heads, self.head_width = settings.heads, settings.head_width
        self.inner = settings.heads * settings.head_width
        self.qkv = _linear(settings, settings.width, 3 * self.inner)
        # LeViT, section 4.1: a residual branch that starts at zero makes a deep stack trainable without warm-up tricks.
        self.out = _linear(settings, self.inner, settings.width, scale=0.0)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[batch, tokens, width] -> the same, and the weights [batch, heads, tokens, tokens]."""
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).split(self.inner, dim=-1)
        shape = (batch, tokens, self.heads, self.head_width)
        q = q.reshape(shape).transpose(1, 2) * self.head_width**-0.5
        k = k.reshape(shape).permute(0, 2, 3, 1)
        v = v.reshape(shape).transpose(1, 2)
        weights = torch.softmax(torch.matmul(q, k), dim=-1)
        mixed = torch.matmul(weights, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, self.inner)), weights


class Block(nn.Module):
    """Attention and a two-layer perceptron, each beside a residual path."""

    def __init__(self, settings: MobileViTSettings) -> None:
        super().__init__()
        self.attention = Attention(settings)
        self.up = _linear(settings, settings.width, settings.mlp_width)
        self.activation = nn.ReLU() if settings.activation == "relu" else nn.GELU()
        self.down = _linear(settings, settings.mlp_width, settings.width, scale=0.0)
        self.before_attention, self.before_mlp = _norm(settings), _norm(settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, width] -> the same."""
        return self.attend(x)[0]

    def attend(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and the weights with which tokens were mixed [batch, heads, tokens, tokens]."""
        mixed, weights = self.attention(self.before_attention(x))
        x = x + mixed
        return x + self.down(self.activation(self.up(self.before_mlp(x)))), weights


def _linear(settings: MobileViTSettings, inputs: int, outputs: int, scale: float = 1.0) -> nn.Module:
    """A linear map with the normalization that the settings put after it; `scale` is that of its first answers."""
    if settings.norm == "batch":
        return LinearNorm(inputs, outputs, scale)
    linear = nn.Linear(inputs, outputs)
    nn.init.trunc_normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)
    with torch.no_grad():
        linear.weight.mul_(scale)
    return linear


def _norm(settings: MobileViTSettings) -> nn.Module:
    """The normalization that the settings put before a branch, and before the head."""
    return nn.LayerNorm(settings.width) if settings.norm == "layer" else nn.Identity()


class MobileViT(nn.Module):
    """Stem, class token and position embedding, blocks, and a head that reads the class token.

    Its forward is one that `sentio_mobile.models.capture` can walk through.

    Args:
        settings: widths and depth.
        image_size: height and width of the picture, multiples of 16.
    """

    head_layers: ClassVar[tuple[str, ...]] = ("hidden", "output")
    """The layers that make the answer of one token: hardly any work, and every rounding in them is an error of it."""

    def __init__(self, settings: MobileViTSettings, image_size: tuple[int, int] = (224, 224)) -> None:
        super().__init__()
        self.settings = settings
        self.stem = Stem(settings.stem_widths, settings.width)
        step = 2 ** (1 + len(settings.stem_widths))
        self.width = settings.width
        self.grid = (image_size[0] // step, image_size[1] // step)
        tokens = 1 + self.grid[0] * self.grid[1]
        self.class_token = nn.Parameter(torch.zeros(1, 1, settings.width))
        self.position = nn.Parameter(torch.empty(1, tokens, settings.width))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.patch_dropout = PatchDropout(settings.patch_keep)
        self.blocks = nn.Sequential(*(Block(settings) for _ in range(settings.layers)))
        self.norm = _norm(settings)
        self.hidden = nn.Linear(settings.width, settings.output_width)
        self.output = nn.Linear(settings.output_width, len(OUTPUTS))

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, 1 + patches, width], the class token first, positions added."""
        patches = self.stem(image)
        return torch.cat([self.class_token.expand(image.shape[0], 1, -1), patches], dim=1) + self.position

    def attend(self, block: nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A block's tokens, and the weights with which it mixed those that came."""
        assert isinstance(block, Block)
        return block.attend(tokens)

    def answer(self, tokens: torch.Tensor) -> torch.Tensor:
        """The last block's tokens [batch, tokens, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        read = tokens[:, 0:1].reshape(tokens.shape[0], self.settings.width)
        return torch.tanh(self.output(torch.relu(self.hidden(self.norm(read)))))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self.answer(self.blocks(self.patch_dropout(self.tokens(image))))
