"""The weights that `MusicnnStudent` takes from the encoder: its channels that say something, in units that fit 8 bits.

Most of musicnn's channels are constant. Its last norm, behind the pooling over time, keeps their variances in training:
for 499 of the 561 filters of the front, and for 44 of the 64 channels behind them, they are 0. Such channels are left
out, and what a constant adds to the next layer goes into that layer's bias. At the edges of a patch, where the
encoder's convolutions see zeros instead, the student is near the encoder and not equal to it.

Variances of the other channels differ by a factor of 1,000, and 8-bit numbers have one scale for all outputs of a
layer, and one for all weights of an output of the next. So each channel is divided by the root of its standard
deviation over the largest weight that it meets in the next layer, whose weights make up for it (Xiao et al. 2023,
"SmoothQuant", equation 4 with alpha 0.5).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import nn

from sentio_mobile.models.config import MusicnnSettings
from sentio_mobile.models.encoders.musicnn import MIDDLE, Musicnn

SMALLEST_VARIANCE = 1e-3
"""A channel of less variance is constant. Variances of musicnn's channels are below 1e-5 or above 1e-2."""


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Channels of the encoder, and which of them the student has."""

    mean: torch.Tensor
    """Mean over music of each channel [channels]."""
    unit: torch.Tensor
    """What each channel is divided by in the student [channels]."""
    kept: torch.Tensor
    """Indices of the channels that the student has, in their order."""

    @property
    def constant(self) -> torch.Tensor:
        """The value of each channel that is left out, and 0 for the others [channels]."""
        return self.mean.index_fill(0, self.kept, 0.0)


def weights_of(network: Musicnn, settings: MusicnnSettings) -> dict[str, torch.Tensor]:
    """The weights of the student's layers but the head, so that it computes what the encoder's network does.

    Of each group of filters as many are kept as `settings` says: those whose channels vary most.

    Args:
        network: The encoder's network; its norms have the statistics of its training.
        settings: The student's.

    Returns:
        Weights by the names that `MusicnnStudent` has for them.
    """
    filters = (*network.timbral, *network.temporal)
    groups = _channels(network, (*settings.filters, settings.middle, MIDDLE, MIDDLE))
    state: dict[str, torch.Tensor] = {}
    state["input_scale"], state["input_shift"] = _affine(network.input_norm)
    for number, (layer, channels) in enumerate(zip(filters, groups, strict=False)):
        state |= {f"front.{number}.{name}": value for name, value in _filter(layer, channels).items()}
    before = _joined(groups[: len(filters)])
    for number, (layer, channels) in enumerate(zip(network.middle, groups[len(filters) :], strict=True)):
        weights = _over_frames(layer, before, channels)
        if number:
            # The encoder adds a layer's input to its output.
            weights["shift"] += (before.constant / channels.unit * weights["scale"][:, 0, 0])[:, None, None]
            past = torch.diag(before.unit / channels.unit)[:, before.kept]
            state[f"past.{number - 1}.weight"] = past[:, :, None, None].contiguous()
        state |= {f"middle.{number}.{name}": value for name, value in weights.items()}
        before = channels
    return state | _dense(network, _joined(groups))


def _channels(network: Musicnn, numbers: tuple[int, ...]) -> list[Channels]:
    """The channels of each layer of filters and of the middle, of which so many are kept."""
    layers = (*network.timbral, *network.temporal, *network.middle)
    widths = [len(_layer(layer)[1]) for layer in layers]
    # The norm has maximum and mean of a channel side by side.
    mean, variance = network.pooled_norm.running_mean, network.pooled_norm.running_var
    assert mean is not None
    assert variance is not None
    weights = torch.cat([_largest_weights(layer) for layer in network.middle])
    sd = torch.sqrt(torch.where(variance[0::2] < SMALLEST_VARIANCE, 1.0, variance[0::2]))
    # What the last layer gives is normalized before the dense layer, whatever its unit.
    unit = torch.cat([torch.sqrt(sd[:-MIDDLE] / weights), sd[-MIDDLE:]])
    found = []
    for means, units, variances, number in zip(
        torch.split(mean[1::2], widths),
        torch.split(unit, widths),
        torch.split(variance[0::2], widths),
        numbers,
        strict=True,
    ):
        kept = torch.argsort(variances, descending=True)[:number].sort().values
        found.append(Channels(mean=means, unit=units, kept=kept))
    return found


def _largest_weights(layer: nn.Module) -> torch.Tensor:
    """Largest weight that each input meets in a layer of the middle, its norm included [inputs]."""
    weight, _, scale, _ = _layer(layer)
    return (weight[:, 0] * scale[:, None, None]).abs().amax(dim=(0, 1)).clamp_min(1e-6)


def _joined(groups: list[Channels]) -> Channels:
    """Channels of several layers as one."""
    starts = itertools.accumulate((len(group.mean) for group in groups[:-1]), initial=0)
    return Channels(
        mean=torch.cat([group.mean for group in groups]),
        unit=torch.cat([group.unit for group in groups]),
        kept=torch.cat([group.kept + start for group, start in zip(groups, starts, strict=True)]),
    )


def _filter(layer: nn.Module, channels: Channels) -> dict[str, torch.Tensor]:
    """Weights of a filter of the front."""
    weight, bias, scale, shift = _layer(layer)
    # A channel of a negative scale is the least over all bands of what ReLU leaves: as good as constant.
    gain = scale.clamp_min(0) / channels.unit
    kernel = (weight * gain[:, None, None, None])[channels.kept].transpose(2, 3)
    if kernel.shape[3] % 2 == 0:
        kernel = torch.nn.functional.pad(kernel, (1, 0))
    return {
        "conv.weight": kernel.contiguous(),
        "conv.bias": (bias * gain)[channels.kept],
        "shift": (shift / channels.unit)[channels.kept, None, None],
    }


def _over_frames(layer: nn.Module, inputs: Channels, outputs: Channels) -> dict[str, torch.Tensor]:
    """Weights of a layer of the middle."""
    weight, bias, scale, shift = _layer(layer)
    kernel = weight[:, 0].transpose(1, 2)
    bias = bias + kernel.sum(dim=2) @ inputs.constant
    gain, sign = scale.abs() / outputs.unit, torch.where(scale < 0, -1.0, 1.0)
    kernel = (kernel * inputs.unit[:, None] * gain[:, None, None])[outputs.kept][:, inputs.kept]
    return {
        "conv.weight": kernel[:, :, None].contiguous(),
        "conv.bias": (bias * gain)[outputs.kept],
        "scale": sign[outputs.kept, None, None],
        "shift": (shift * sign / outputs.unit)[outputs.kept, None, None],
    }


def _dense(network: Musicnn, channels: Channels) -> dict[str, torch.Tensor]:
    """Weights of the dense layer, and of what brings maxima and means to one range before it."""
    norm, dense = network.pooled_norm, network.dense
    assert norm.running_mean is not None
    assert norm.running_var is not None
    sd, weight = torch.sqrt(norm.running_var + norm.eps), dense.weight.detach()
    # The encoder has maximum and mean of a channel side by side, the student all maxima first.
    order = torch.cat([2 * channels.kept, 2 * channels.kept + 1])
    unit = channels.unit[channels.kept].repeat(2)
    return {
        "pooled_scale": unit / sd[order],
        "pooled_shift": -norm.running_mean[order] / unit,
        "dense.weight": (weight * norm.weight.detach())[:, order],
        "dense.bias": dense.bias.detach() + weight @ norm.bias.detach(),
    }


def _layer(layer: nn.Module) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weight and bias of a filter's convolution, scale and shift of its norm."""
    conv = layer.get_submodule("conv")
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return conv.weight.detach(), conv.bias.detach(), *_affine(layer.get_submodule("norm"))


def _affine(norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift of a batch norm after training."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale
