"""The student: a vision transformer with a convolutional stem, made for mobile runtimes and int8.

It is a ViT with a convolutional stem and batch normalization, after LeViT (Graham et al. 2021). It does not use the
unfold/fold blocks of the MobileViT of Mehta & Rastegari (2022).

Design decisions for mobile runtimes: batch normalization after each linear map, which is folded away for export, and
ReLU, because LayerNorm and GELU have no integer kernels; attention written as plain matrix products and a softmax; a
constant number of tokens and constant sizes everywhere, because converters fail on sizes read from a traced tensor.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from sentio_mobile.models.blocks import ConvNorm, LinearNorm, PatchDropout
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.spec import OUTPUTS


class Stem(nn.Module):
    """Patch embedding: one convolution, then depthwise-separable convolutions, each halving the image.

    With a time stride the first convolution takes so many columns as one: its filters see the frames of the log-mel,
    where a narrower image would have a few of them. It reads one of the three equal channels then.

    Args:
        settings: Widths of the convolutions and of a token.
        image_width: Width of the image in pixels.
    """

    def __init__(self, settings: MobileViTSettings, image_width: int) -> None:
        super().__init__()
        widths, width, self.time_stride = settings.stem_widths, settings.width, settings.time_stride
        layers: list[nn.Module] = [self._first(settings, image_width), nn.ReLU()]
        for inputs, outputs in zip(widths, (*widths[1:], width), strict=True):
            layers += [ConvNorm(inputs, inputs, 3, stride=2, groups=inputs), nn.ReLU(), ConvNorm(inputs, outputs, 1)]
            if outputs != width:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width of the image] -> [batch, patches, width]."""
        seen = image if self.time_stride == 1 else image[:, :1]
        return self.layers(self.in_order(seen)).flatten(2).transpose(1, 2)

    @staticmethod
    def _first(settings: MobileViTSettings, image_width: int) -> ConvNorm:
        step = settings.time_stride
        if step == 1:
            return ConvNorm(3, settings.stem_widths[0], 3, stride=2)
        stride = settings.stride[1]
        columns = -(-image_width // stride) * stride // (2 * step)
        # As many zeros at both ends as bring the columns to a multiple of the stride.
        missing = 2 * step * (columns - 1) + 3 * step - image_width
        return ConvNorm(1, settings.stem_widths[0], (3, 3 * step), stride=(2, 2 * step), padding=(1, -(-missing // 2)))

    def in_order(self, image: torch.Tensor) -> torch.Tensor:
        """In training, the channels of a pixel lie side by side: convolutions and norms on processors are faster so."""
        return image.contiguous(memory_format=torch.channels_last) if self.training else image


class Attention(nn.Module):
    """Multi-head self-attention whose heads are narrower than width / heads.

    It is written as plain matrix products and a softmax, because mobile runtimes do not delegate a fused attention
    operation to an accelerator.
    """

    def __init__(self, settings: MobileViTSettings) -> None:
        super().__init__()
        self.heads, self.head_width = settings.heads, settings.head_width
        self.inner = settings.heads * settings.head_width
        self.qkv = _linear(settings, settings.width, 3 * self.inner)
        # Residual branches start at zero (LeViT, section 4.1), which makes a deep stack trainable.
        self.out = _linear(settings, self.inner, settings.width, scale=0.0)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[batch, tokens, width] -> the same shape, and attention weights [batch, heads, tokens, tokens]."""
        q, k, v = self.qkv(x).split(self.inner, dim=-1)
        return self._mix(q, k, v, x.shape[1])

    def for_class_token(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, width] -> what `forward` gives for the first token alone [batch, 1, width].

        One layer makes queries, keys and values, so that the queries of the other tokens are made and left out: 1% of
        the network's work, for which weights, quantizers and people find one layer wherever it stands.
        """
        q, k, v = self.qkv(x).split(self.inner, dim=-1)
        return self._mix(q[:, 0:1], k, v, 1)[0]

    def _mix(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, queries: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        batch, tokens, _ = k.shape
        shape = (batch, tokens, self.heads, self.head_width)
        q = q.reshape(batch, queries, self.heads, self.head_width).transpose(1, 2) * self.head_width**-0.5
        k = k.reshape(shape).permute(0, 2, 3, 1)
        v = v.reshape(shape).transpose(1, 2)
        weights = torch.softmax(torch.matmul(q, k), dim=-1)
        mixed = torch.matmul(weights, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, queries, self.inner)), weights


class Block(nn.Module):
    """A transformer block: attention and a two-layer perceptron, each with a residual connection."""

    def __init__(self, settings: MobileViTSettings) -> None:
        super().__init__()
        self.attention = Attention(settings)
        self.up = _linear(settings, settings.width, settings.mlp_width)
        self.activation = nn.ReLU() if settings.activation == "relu" else nn.GELU()
        self.down = _linear(settings, settings.mlp_width, settings.width, scale=0.0)
        self.before_attention, self.before_mlp = _norm(settings), _norm(settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, width] -> the same shape."""
        return self.attend(x)[0]

    def attend(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the block; return its output tokens and attention weights [batch, heads, tokens, tokens]."""
        mixed, weights = self.attention(self.before_attention(x))
        return self._perceive(x + mixed), weights

    def for_class_token(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, width] -> the block's output for the first token alone [batch, 1, width]."""
        return self._perceive(x[:, 0:1] + self.attention.for_class_token(self.before_attention(x)))

    def _perceive(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(self.activation(self.up(self.before_mlp(x))))


def _linear(settings: MobileViTSettings, inputs: int, outputs: int, scale: float = 1.0) -> nn.Module:
    """A linear map, followed by batch normalization if the settings say so; `scale` multiplies its initial output."""
    if settings.norm == "batch":
        return LinearNorm(inputs, outputs, scale)
    linear = nn.Linear(inputs, outputs)
    nn.init.trunc_normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)
    with torch.no_grad():
        linear.weight.mul_(scale)
    return linear


def _norm(settings: MobileViTSettings) -> nn.Module:
    """LayerNorm before a residual branch or the head, if the settings say so."""
    return nn.LayerNorm(settings.width) if settings.norm == "layer" else nn.Identity()


class MobileViT(nn.Module):
    """A ViT with a convolutional stem and batch normalization, after LeViT (Graham et al. 2021).

    It does not use the unfold/fold blocks of the MobileViT of Mehta & Rastegari (2022). The head reads the class token,
    so that in evaluation the last block computes nothing else; in training its batch norms see all tokens. The network
    is `Capturable` (see `sentio_mobile.models.capture`).

    Args:
        settings: Widths and depth.
        image_size: Height and width of the image, in pixels: multiples of the stem's stride, 16 by default. With a time
            stride the width may be any; what is missing of the last token is filled up.
    """

    head_layers: ClassVar[tuple[str, ...]] = ("hidden", "output")
    """The layers of the head. They cost little, and every rounding error in them is an error of the prediction."""

    def __init__(self, settings: MobileViTSettings, image_size: tuple[int, int] = (224, 224)) -> None:
        super().__init__()
        self.settings = settings
        self.stem = Stem(settings, image_size[1])
        height, width = settings.stride
        self.width = settings.width
        self.grid = (image_size[0] // height, -(-image_size[1] // width))
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
        """Run a block; return its output tokens and attention weights [batch, heads, tokens, tokens]."""
        assert isinstance(block, Block)
        return block.attend(tokens)

    def readout(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens of the last block [batch, tokens, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self._read(tokens[:, 0:1])

    def _read(self, class_token: torch.Tensor) -> torch.Tensor:
        # Not sliced a second time: a slice of all there is becomes an operation that converters do not know.
        values = class_token.reshape(class_token.shape[0], self.settings.width)
        return torch.tanh(self.output(torch.relu(self.hidden(self.norm(values)))))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        tokens = self.patch_dropout(self.tokens(image))
        if self.training:
            return self.readout(self.blocks(tokens))
        *before, last = self.blocks
        for block in before:
            tokens = block(tokens)
        assert isinstance(last, Block)
        return self._read(last.for_class_token(tokens))
