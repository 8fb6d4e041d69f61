"""The conditional GAN: a generator of log-mels, and the discriminator that trains it.

A label is a vector of numbers: valence and arousal, or a one-hot class. The networks treat both kinds alike.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu, pad, scaled_dot_product_attention, silu
from torch.nn.utils.parametrizations import spectral_norm

from sentio_mobile.models.config import NORM_GROUPS, GanSettings

_SLOPE = 0.2
SILENCE = -1.0
"""The floor of a log-mel in the networks' value range, [-1, 1]."""

Wrap = Callable[[nn.Module], nn.Module]
"""A wrapper for each linear map of a network: spectral normalization, or the identity."""


class Condition(nn.Sequential):
    """Embeds labels [batch, numbers] as vectors [batch, widths[-1]]."""

    def __init__(self, numbers: int, widths: tuple[int, ...], wrap: Wrap) -> None:
        sizes = (numbers, *widths)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [wrap(nn.Linear(before, after)), nn.LeakyReLU(_SLOPE)]
        super().__init__(*layers)


class ConditionalNorm(nn.Module):
    """Group normalization whose gain and bias depend on a vector (after de Vries et al. 2017, who normalize batches).

    Group statistics keep a sample independent of the other samples in its batch.
    """

    def __init__(self, channels: int, vector: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(min(NORM_GROUPS, channels), channels, affine=False)
        self.affine = nn.Linear(vector, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """Normalize x [batch, channels, height, width] given a vector [batch, numbers]; the shape of x stays."""
        gain, bias = self.affine(vector)[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * (1 + gain) + bias


class SelfAttention(nn.Module):
    """Self-attention over a grid, with keys and values pooled 2 x 2 (Zhang et al. 2019, section 3)."""

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
        """Map [batch, channels, height, width] to the same shape."""
        coarse = self.pool(x)
        query, key, value = (
            part.flatten(2).transpose(1, 2) for part in (self.query(x), self.key(coarse), self.value(coarse))
        )
        attended = scaled_dot_product_attention(query, key, value).transpose(1, 2)
        return x + self.gain * self.out(attended.reshape(len(x), self.inner, *x.shape[2:]))


class UpBlock(nn.Module):
    """A residual block that doubles height and width."""

    def __init__(self, inputs: int, outputs: int, vector: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ConditionalNorm(inputs, vector), ConditionalNorm(outputs, vector)
        # The first convolution runs before the upsampling, where it costs a quarter.
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """Map [batch, inputs, height, width] to [batch, outputs, 2 height, 2 width]."""
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
        """Map [batch, inputs, height, width] to [batch, outputs, height / 2, width / 2]."""
        y = leaky_relu(self.conv1(leaky_relu(x, _SLOPE)), _SLOPE)
        return self.conv2(self.pool(y)) + self.skip(self.pool(x))


class Generator(nn.Module):
    """Turns noise and a label into a log-mel.

    Args:
        settings: Widths and depths.
        numbers: Length of a label vector: 2, or the number of classes.
        shape: Bands and frames of the log-mel.
    """

    def __init__(self, settings: GanSettings, numbers: int, shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape, self.seed_width = shape, settings.seed_width
        self.grid = coarsest_grid(settings, shape)
        widths = settings.widths
        self.condition = Condition(numbers, settings.condition_widths, _identity)
        vector = settings.noise + settings.condition_widths[-1]
        self.seed = nn.Linear(vector, settings.seed_width * self.grid[0] * self.grid[1])
        self.first = nn.Conv2d(settings.seed_width, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(UpBlock(before, after, vector) for before, after in pairwise(widths))
        self.attention_at = settings.attention_at
        self.attention = SelfAttention(widths[settings.attention_at], _identity)
        self.norm = ConditionalNorm(widths[-1], vector)
        self.last = nn.Sequential(nn.Conv2d(widths[-1], 4, 3, padding=1), nn.PixelShuffle(2), nn.Tanh())
        # Faster for few channels at high resolution, on CPUs and GPUs alike.
        self.to(memory_format=torch.channels_last)

    def forward(self, noise: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Map normal noise [batch, noise] and labels [batch, numbers] to log-mels [batch, bands, frames] in (-1, 1)."""
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
    """Tells real log-mels of a label from generated ones.

    The label enters twice: as a second input channel, and as a projection onto the final features (Miyato and Koyama
    2018, section 3). A network easily ignores the input channel alone.

    Args:
        settings: Widths and depths.
        numbers: Length of a label vector.
        shape: Bands and frames of the log-mel.
    """

    def __init__(self, settings: GanSettings, numbers: int, shape: tuple[int, int]) -> None:
        super().__init__()
        wrap: Wrap = spectral_norm if settings.spectral_norm else _identity
        self.grid = coarsest_grid(settings, shape)
        full = [side * 2 ** len(settings.widths) for side in self.grid]
        self.margin = (0, full[1] - shape[1], 0, full[0] - shape[0])
        widths = settings.widths[::-1]
        embedding = settings.condition_widths[-1]
        self.condition = Condition(numbers, settings.condition_widths, wrap)
        self.label_map = wrap(nn.Linear(embedding, self.grid[0] * self.grid[1]))
        self.first = nn.Sequential(nn.PixelUnshuffle(2), wrap(nn.Conv2d(8, widths[0], 3, padding=1)))
        self.blocks = nn.ModuleList(DownBlock(before, after, wrap) for before, after in pairwise(widths))
        self.attention_at = len(widths) - 1 - settings.attention_at
        self.attention = SelfAttention(widths[self.attention_at], wrap)
        self.output = wrap(nn.Linear(widths[-1], 1))
        self.projection = wrap(nn.Linear(embedding, widths[-1], bias=False))
        self.to(memory_format=torch.channels_last)

    def forward(self, log_mels: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Map log-mels [batch, bands, frames] in [-1, 1] and labels [batch, numbers] to logits, high for real."""
        embedding = self.condition(label)
        padded = pad(log_mels[:, None], self.margin, value=SILENCE)
        label_channel = interpolate(self.label_map(embedding).view(-1, 1, *self.grid), size=padded.shape[2:])
        x = self.first(_channels_last(torch.cat([padded, label_channel], dim=1)))
        for halving in range(len(self.blocks) + 1):
            if halving:
                x = self.blocks[halving - 1](x)
            if halving == self.attention_at:
                x = self.attention(x)
        features = leaky_relu(x, _SLOPE).mean(dim=(2, 3))
        return self.output(features)[:, 0] + (self.projection(embedding) * features).sum(dim=1)


def coarsest_grid(settings: GanSettings, shape: tuple[int, int]) -> tuple[int, int]:
    """The smallest grid whose doublings cover a log-mel of `shape`: bands and frames divided by 2^n, rounded up."""
    doublings = 2 ** len(settings.widths)
    return -(-shape[0] // doublings), -(-shape[1] // doublings)


def _double(x: torch.Tensor) -> torch.Tensor:
    return interpolate(x, scale_factor=2)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _identity(module: nn.Module) -> nn.Module:
    return module
