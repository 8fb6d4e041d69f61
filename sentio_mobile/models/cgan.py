"""The conditional GAN: a generator of log-mels, and the discriminator that it learns from.

Both read their label, valence and arousal or a class, as a vector of numbers; nothing else tells the two kinds apart.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu, pad, scaled_dot_product_attention, silu
from torch.nn.utils.parametrizations import spectral_norm

from sentio_mobile.models.config import GanSettings

_GROUPS = 8
_SLOPE = 0.2
SILENCE = -1.0
"""The floor of a log-mel in the networks' range, which is [-1, 1]."""

Wrap = Callable[[nn.Module], nn.Module]
"""What a discriminator does to each of its linear maps: spectral normalization, or nothing."""


class Condition(nn.Sequential):
    """A label [batch, numbers] as an embedding [batch, widths[-1]]."""

    def __init__(self, numbers: int, widths: tuple[int, ...], wrap: Wrap) -> None:
        sizes = (numbers, *widths)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [wrap(nn.Linear(before, after)), nn.LeakyReLU(_SLOPE)]
        super().__init__(*layers)


class ConditionalNorm(nn.Module):
    """Group normalization whose gain and bias depend on a vector (de Vries et al. 2017, with groups for batches).

    Groups, because a sample must not depend on which others are made beside it.
    """

    def __init__(self, channels: int, vector: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(min(_GROUPS, channels), channels, affine=False)
        self.affine = nn.Linear(vector, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """[batch, channels, height, width] and [batch, numbers] -> the shape of the first."""
        gain, bias = self.affine(vector)[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * (1 + gain) + bias


class SelfAttention(nn.Module):
    """Attention over a grid whose keys and values are pooled 2 x 2 (Zhang et al. 2019, section 3)."""

    def __init__(self, channels: int, wrap: Wrap) -> None:
        super().__init__()
        self.inner = max(channels // 4, 4)
        self.query = wrap(nn.Conv2d(channels, self.inner, 1, bias=False))
        self.key = wrap(nn.Conv2d(channels, self.inner, 1, bias=False))
        self.value = wrap(nn.Conv2d(channels, self.inner, 1, bias=False))
        self.out = wrap(nn.Conv2d(self.inner, channels, 1, bias=False))
        self.gain = nn.Parameter(torch.zeros(()))
        self.pool = nn.AvgPool2d(2, ceil_mode=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, channels, height, width] -> the same shape."""
        coarse = self.pool(x)
        query, key, value = (
            part.flatten(2).transpose(1, 2) for part in (self.query(x), self.key(coarse), self.value(coarse))
        )
        seen = scaled_dot_product_attention(query, key, value).transpose(1, 2)
        return x + self.gain * self.out(seen.reshape(len(x), self.inner, *x.shape[2:]))


class UpBlock(nn.Module):
    """A residual block that doubles height and width."""

    def __init__(self, inputs: int, outputs: int, vector: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ConditionalNorm(inputs, vector), ConditionalNorm(outputs, vector)
        # Before the upsampling, where a convolution costs a quarter.
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """[batch, inputs, height, width] -> [batch, outputs, 2 height, 2 width]."""
        y = _double(self.conv1(silu(self.norm1(x, vector))))
        return self.conv2(silu(self.norm2(y, vector))) + _double(self.skip(x))


class DownBlock(nn.Module):
    """A residual block that halves height and width."""

    def __init__(self, inputs: int, outputs: int, wrap: Wrap) -> None:
        super().__init__()
        self.conv1 = wrap(nn.Conv2d(inputs, inputs, 3, padding=1))
        self.conv2 = wrap(nn.Conv2d(inputs, outputs, 3, padding=1))
        self.skip = wrap(nn.Conv2d(inputs, outputs, 1, bias=False))
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, inputs, height, width] -> [batch, outputs, height / 2, width / 2]."""
        y = leaky_relu(self.conv1(leaky_relu(x, _SLOPE)), _SLOPE)
        return self.conv2(self.pool(y)) + self.skip(self.pool(x))


class Generator(nn.Module):
    """Noise and a label become a log-mel.

    Args:
        settings: widths.
        numbers: how many numbers a label has: 2, or one for each class.
        shape: bands and frames of the log-mel.
    """

    def __init__(self, settings: GanSettings, numbers: int, shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape, self.seed_width = shape, settings.seed_width
        self.grid = coarsest(settings, shape)
        widths = settings.widths
        self.condition = Condition(numbers, settings.condition_widths, _plain)
        vector = settings.noise + settings.condition_widths[-1]
        self.seed = nn.Linear(vector, settings.seed_width * self.grid[0] * self.grid[1])
        self.first = nn.Conv2d(settings.seed_width, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(UpBlock(before, after, vector) for before, after in pairwise(widths))
        self.attention_at = settings.attention_at
        self.attention = SelfAttention(widths[settings.attention_at], _plain)
        self.norm = ConditionalNorm(widths[-1], vector)
        self.last = nn.Sequential(nn.Conv2d(widths[-1], 4, 3, padding=1), nn.PixelShuffle(2), nn.Tanh())
        # Fast for few channels at high resolution, on CPUs as on GPUs.
        self.to(memory_format=torch.channels_last)

    def forward(self, noise: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Standard normal noise [batch, noise] and labels [batch, numbers] -> [batch, bands, frames] in (-1, 1)."""
        vector = torch.cat([noise, self.condition(label)], dim=1)
        x = self.first(_channels_last(self.seed(vector).view(-1, self.seed_width, *self.grid)))
        for doubling in range(len(self.blocks) + 1):
            if doubling:
                x = self.blocks[doubling - 1](x, vector)
            if doubling == self.attention_at:
                x = self.attention(x)
        levels = self.last(silu(self.norm(x, vector)))
        return levels[:, 0, : self.shape[0], : self.shape[1]]


class Discriminator(nn.Module):
    """Whether a log-mel is a real one of its label.

    The label stands beside the log-mel as a second picture, and is compared with what was seen in it at the end
    (projection, Miyato & Koyama 2018, section 3): the first alone is easily overlooked.

    Args:
        settings: widths.
        numbers: how many numbers a label has.
        shape: bands and frames of the log-mel.
    """

    def __init__(self, settings: GanSettings, numbers: int, shape: tuple[int, int]) -> None:
        super().__init__()
        wrap: Wrap = spectral_norm if settings.spectral_norm else _plain
        self.grid = coarsest(settings, shape)
        full = [side * 2 ** len(settings.widths) for side in self.grid]
        self.margin = (0, full[1] - shape[1], 0, full[0] - shape[0])
        widths = settings.widths[::-1]
        embedding = settings.condition_widths[-1]
        self.condition = Condition(numbers, settings.condition_widths, wrap)
        self.map = wrap(nn.Linear(embedding, self.grid[0] * self.grid[1]))
        self.first = nn.Sequential(nn.PixelUnshuffle(2), wrap(nn.Conv2d(8, widths[0], 3, padding=1)))
        self.blocks = nn.ModuleList(DownBlock(before, after, wrap) for before, after in pairwise(widths))
        self.attention_at = len(widths) - 1 - settings.attention_at
        self.attention = SelfAttention(widths[self.attention_at], wrap)
        self.answer = wrap(nn.Linear(widths[-1], 1))
        self.projection = wrap(nn.Linear(embedding, widths[-1], bias=False))
        self.to(memory_format=torch.channels_last)

    def forward(self, levels: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Log-mels [batch, bands, frames] in [-1, 1] and labels [batch, numbers] -> logits [batch], high for real."""
        embedding = self.condition(label)
        picture = pad(levels[:, None], self.margin, value=SILENCE)
        beside = interpolate(self.map(embedding).view(-1, 1, *self.grid), size=picture.shape[2:])
        x = self.first(_channels_last(torch.cat([picture, beside], dim=1)))
        for halving in range(len(self.blocks) + 1):
            if halving:
                x = self.blocks[halving - 1](x)
            if halving == self.attention_at:
                x = self.attention(x)
        seen = leaky_relu(x, _SLOPE).mean(dim=(2, 3))
        return self.answer(seen)[:, 0] + (self.projection(embedding) * seen).sum(dim=1)


def coarsest(settings: GanSettings, shape: tuple[int, int]) -> tuple[int, int]:
    """The grid that a log-mel of `shape` is made from: as many bands and frames as its doublings need, at least."""
    doublings = 2 ** len(settings.widths)
    return -(-shape[0] // doublings), -(-shape[1] // doublings)


def _double(x: torch.Tensor) -> torch.Tensor:
    return interpolate(x, scale_factor=2)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _plain(module: nn.Module) -> nn.Module:
    return module
