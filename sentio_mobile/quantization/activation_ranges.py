"""Smallest and largest values that go into a network's layers and come out of them, as a runtime would measure them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sentio_mobile.quantization.layer_choice import Layer


class Range(NamedTuple):
    """From the smallest to the largest value."""

    low: float
    high: float


Ranges = Mapping[Layer, tuple[Range, Range]]
"""Of a layer's input, and of its output."""

_RELUS = (torch.relu, nn.functional.relu, torch.Tensor.relu)


def ranges_of(model: nn.Module, layers: Mapping[str, Layer], clips: torch.Tensor) -> dict[Layer, tuple[Range, Range]]:
    """Run clips through a network in 32 bits.

    Runtimes make one operation of a layer and the ReLU after it: the range of such an output begins at nought.

    Args:
        model: the network.
        layers: whose ranges are wanted.
        clips: [clips, 3, height, width].

    Returns:
        The ranges of those layers that were called.
    """
    found: dict[Layer, tuple[Range, Range]] = {}
    watch = _Watch(found)
    with ExitStack() as hooks, watch, torch.no_grad():
        for layer in layers.values():
            handle = layer.register_forward_hook(watch.see)
            hooks.callback(handle.remove)
        model(clips)
    return found


class _Watch(TorchFunctionMode):
    """Sees each layer's values go by, and whether a ReLU takes them next."""

    def __init__(self, found: dict[Layer, tuple[Range, Range]]) -> None:
        super().__init__()
        self.found = found
        self.last: tuple[Layer, torch.Tensor] | None = None

    def see(self, layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        assert isinstance(layer, Layer)
        self.found[layer] = (_range(given[0]), _range(made))
        self.last = (layer, made)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _RELUS and self.last is not None and args and args[0] is self.last[1]:
            layer = self.last[0]
            taken, given = self.found[layer]
            self.found[layer] = (taken, Range(max(given.low, 0.0), given.high))
        return func(*args, **(kwargs or {}))


def _range(values: torch.Tensor) -> Range:
    return Range(float(values.min()), float(values.max()))
