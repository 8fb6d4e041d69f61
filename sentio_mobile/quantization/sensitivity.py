"""What it costs to round each layer of a network by itself to 8 bits, and all of them at once.

PyTorch does the rounding here, with the arithmetic that formats have in common: weights symmetric with a scale for each
output channel, activations asymmetric with one range a tensor. A runtime rounds in other places, too, and leaves some
of these: the order of layers is what to take from here, not the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.quantization.activation_ranges import Range, Ranges, ranges_of
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import Layer, layers_of
from sentio_mobile.spec import ModelSpec

CLIPS = 16
"""Each is heard once for every layer: more of them hardly change the order, and take minutes."""

_LARGEST_WEIGHT, _LARGEST_ACTIVATION = 127, 255


@dataclass(frozen=True)
class Change:
    """How far answers moved: root mean square over clips and both outputs, and the largest."""

    rms: float
    largest: float


@dataclass(frozen=True)
class LayerCost:
    """What rounding one layer, its input and its output, does to the answers. `weights` is how many it has."""

    layer: str
    kind: str
    weights: int
    change: Change


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Every layer, the one that costs most first.

    Attributes:
        clips: how many were heard.
        spread: standard deviation of valence and arousal over them, to hold the changes against.
        layers: each rounded by itself.
        together: all of them rounded at once.
        origin: where the clips are from.
    """

    clips: int
    spread: tuple[float, ...]
    layers: tuple[LayerCost, ...]
    together: Change
    origin: Mapping[str, Any]


def rank_layers(
    model: nn.Module, spec: ModelSpec, calibration: Calibration, progress: Progress | None = None
) -> Sensitivity:
    """Round each layer alone, and see how far the answers move.

    Args:
        model: in evaluation mode, its norms folded; it is left as it was.
        spec: of the model.
        calibration: clips for the ranges and for the answers.
        progress: shown layer by layer.
    """
    progress = progress or NoProgress()
    clips = torch.from_numpy(np.concatenate(list(calibration.inputs(spec))))
    layers = layers_of(model)
    progress.start("rounding layer by layer", len(layers) + 1)
    with torch.no_grad():
        ranges = ranges_of(model, layers, clips)
        answers = model(clips)
        costs = []
        for name, layer in layers.items():
            progress.advance(0, note=name)
            change = change_of(model, clips, answers=answers, layers=[layer], ranges=ranges)
            costs.append(LayerCost(name, _kind(layer), layer.weight.numel(), change))
            progress.advance()
        together = change_of(model, clips, answers=answers, layers=list(layers.values()), ranges=ranges)
    progress.finish()
    # By name where two cost the same, so that the order never hangs on anything else.
    ranked = sorted(costs, key=lambda cost: (-cost.change.rms, cost.layer))
    spread = tuple(float(sd) for sd in answers.std(dim=0, correction=0))
    return Sensitivity(
        clips=len(clips), spread=spread, layers=tuple(ranked), together=together, origin=calibration.origin
    )


def change_of(
    model: nn.Module, clips: torch.Tensor, *, answers: torch.Tensor, layers: Sequence[Layer], ranges: Ranges
) -> Change:
    """How far the answers move when these layers are rounded.

    Args:
        model: the network.
        clips: [clips, 3, height, width].
        answers: of the network in 32 bits [clips, 2].
        layers: of the network.
        ranges: of their inputs and outputs.
    """
    with rounded(layers, ranges):
        moved = (model(clips) - answers).abs().double()
    return Change(float(moved.square().mean().sqrt()), float(moved.max()))


@contextmanager
def rounded(layers: Sequence[Layer], ranges: Ranges) -> Iterator[None]:
    """Within the block these layers compute as in 8 bits; after it they are as before."""
    before = [layer.weight.data for layer in layers]
    hooks = []
    try:
        for layer in layers:
            layer.weight.data = round_weight(layer.weight.data)
            # A layer that its parent computes in one piece with others was never seen at work, and has no ranges.
            if layer in ranges:
                taken, given = ranges[layer]
                hooks.append(layer.register_forward_pre_hook(_rounding_input(taken)))
                hooks.append(layer.register_forward_hook(_rounding_output(given)))
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer, weight in zip(layers, before, strict=True):
            layer.weight.data = weight


def round_weight(weight: torch.Tensor) -> torch.Tensor:
    """To 8 bits and back: symmetric, with a scale for each output channel."""
    largest = weight.abs().flatten(1).amax(dim=1)
    scale = (largest / _LARGEST_WEIGHT).clamp_min(torch.finfo(torch.float32).tiny)
    zero = torch.zeros(len(scale), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)


def round_activation(values: torch.Tensor, limits: Range) -> torch.Tensor:
    """To 8 bits and back: asymmetric, with one range, which is widened so that it has nought."""
    low, high = min(limits.low, 0.0), max(limits.high, 0.0)
    scale = max((high - low) / _LARGEST_ACTIVATION, float(torch.finfo(torch.float32).tiny))
    return torch.fake_quantize_per_tensor_affine(values, scale, round(-low / scale), 0, _LARGEST_ACTIVATION)


def _kind(layer: Layer) -> str:
    # An attention's own output map is of a class that derives from Linear.
    return "Linear" if isinstance(layer, nn.Linear) else type(layer).__name__


def _rounding_input(limits: Range) -> Any:
    def hook(layer: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (round_activation(given[0], limits), *given[1:])

    return hook


def _rounding_output(limits: Range) -> Any:
    def hook(layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> torch.Tensor:
        return round_activation(made, limits)

    return hook
