"""Ranges of the activations that enter and leave each layer, measured as quantizing runtimes measure them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sentio_mobile.quantization.layer_choice import Layer


class Range(NamedTuple):
    """Smallest and largest value of a tensor."""

    low: float
    high: float


class LayerRanges(NamedTuple):
    """Ranges of a layer's input and output."""

    input: Range
    output: Range


_RELUS = (torch.relu, nn.functional.relu, torch.Tensor.relu)


def measure_ranges(model: nn.Module, layers: Mapping[str, Layer], images: torch.Tensor) -> dict[Layer, LayerRanges]:
    """Measure activation ranges in fp32.

    Runtimes fuse a layer with the ReLU after it, so the output range of such a layer starts at 0.

    Args:
        model: The network, in evaluation mode.
        layers: Layers to measure, by name.
        images: Network input [clips, 3, height, width].

    Returns:
        The ranges of each layer that was called. A layer that its parent computes in one fused operation is missing.
    """
    recorder = _RangeRecorder()
    with ExitStack() as hooks, recorder, torch.no_grad():
        for layer in layers.values():
            hooks.callback(layer.register_forward_hook(recorder.record).remove)
        model(images)
    return recorder.ranges


class _RangeRecorder(TorchFunctionMode):
    """Records ranges in forward hooks, and notices a ReLU that directly follows a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges: dict[Layer, LayerRanges] = {}
        self._last: tuple[Layer, torch.Tensor] | None = None

    def record(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        assert isinstance(layer, Layer)
        self.ranges[layer] = LayerRanges(_range_of(inputs[0]), _range_of(output))
        self._last = (layer, output)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _RELUS and self._last is not None and args and args[0] is self._last[1]:
            layer = self._last[0]
            inputs, output = self.ranges[layer]
            self.ranges[layer] = LayerRanges(inputs, Range(max(output.low, 0.0), output.high))
        return func(*args, **(kwargs or {}))


def _range_of(values: torch.Tensor) -> Range:
    return Range(float(values.min()), float(values.max()))
