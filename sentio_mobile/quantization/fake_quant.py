"""Fake quantization: a network that computes in floating point with numbers rounded to 8 bits.

There are two ways to use the same arithmetic. `fake_quantize` rewrites a whole student, so that it computes as a
strictly integer artifact does; quantization-aware training finetunes the result. `fake_quantized_layers` rounds
chosen layers of any network for a while; the sensitivity analysis compares layers with it.

Weights are symmetric with one scale per output channel, activations asymmetric with one range per tensor. Gradients
pass through the rounding (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", section 3).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import fx, nn
from torch.nn.functional import conv2d, linear

from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.config import MAX_LOGIT
from sentio_mobile.quantization.activation_ranges import LayerRanges, Range
from sentio_mobile.quantization.layer_choice import Layer

MIN_INT8, MAX_INT8 = -128, 127
RANGE_MOMENTUM = 0.02
"""Step of a running range towards the range of the current batch, per training step."""
_MIN_SCALE = 1e-8

_ROUNDED = ("placeholder", "FakeQuantWeight", "ReLU", "relu", "mul", "matmul", "cat")
"""Operations whose outputs have 8 bits with a measured range."""
_FIXED_RANGES = {"softmax": Range(0.0, 255 / 256), "tanh": Range(-1.0, 127 / 128)}
"""Operations whose output range the integer kernels prescribe."""
_SUM, _PART = "add", "getitem"


def fake_quantize_weight(weight: torch.Tensor) -> torch.Tensor:
    """Round weights [outputs, ...] to 8 bits and back: symmetric, one scale per output channel."""
    largest = weight.detach().abs().flatten(1).amax(dim=1)
    scale = (largest / MAX_INT8).clamp_min(_MIN_SCALE)
    zero_point = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero_point, 0, -MAX_INT8, MAX_INT8)


def fake_quantize_activation(values: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Round activations of any shape to 8 bits and back: asymmetric, one range per tensor.

    Args:
        values: Activations; those outside the range are clipped to it.
        low: Lower end of the range, a scalar; 0 if it is above 0, so that 0 is represented exactly.
        high: Upper end of the range, a scalar; 0 if it is below 0.
    """
    low, high = low.clamp_max(0), high.clamp_min(0)
    scale = ((high - low) / (MAX_INT8 - MIN_INT8)).clamp_min(_MIN_SCALE)
    zero_point = (MIN_INT8 - low / scale).round().clamp(MIN_INT8, MAX_INT8).to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, MIN_INT8, MAX_INT8)


class FakeQuantWeight(nn.Module):
    """A linear map or convolution whose weights are rounded to 8 bits."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the layer with rounded weights."""
        layer, weight = self.layer, fake_quantize_weight(self.layer.weight)
        if isinstance(layer, nn.Linear):
            return linear(x, weight, layer.bias)
        return conv2d(x, weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)


class FakeQuant(nn.Module):
    """Rounds activations to 8 bits over a range that contains 0.

    While the network is `observing_ranges`, the range grows to cover all activations, which pass unrounded. In training
    the range follows each batch; in evaluation it stays as it is.

    Args:
        fixed: A range that never changes; None for a measured range.
        min_limit: A measured range covers at least [-min_limit, min_limit].
    """

    def __init__(self, fixed: Range | None = None, min_limit: float = 0.0) -> None:
        super().__init__()
        low, high = fixed or (-min_limit, min_limit)
        self.is_fixed, self.min_limit, self.is_observing = fixed is not None, min_limit, False
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("high", torch.tensor(high))
        self.low: torch.Tensor
        self.high: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape -> the same shape."""
        if self.is_observing:
            if not self.is_fixed:
                self.low.copy_(torch.minimum(self.low, x.detach().min()))
                self.high.copy_(torch.maximum(self.high, x.detach().max()))
            return x
        if self.training and not self.is_fixed:
            self.low.lerp_(x.detach().min().clamp_max(-self.min_limit), RANGE_MOMENTUM)
            self.high.lerp_(x.detach().max().clamp_min(self.min_limit), RANGE_MOMENTUM)
        return fake_quantize_activation(x, self.low, self.high)


def fake_quantize(model: nn.Module) -> tuple[fx.GraphModule, nn.Module]:
    """Rewrite a student with batch normalization and ReLU, so that every number has 8 bits and every sum 16.

    The activation ranges are not measured yet: run the network while `observing_ranges`.

    Args:
        model: The student, in evaluation mode. It is not changed.

    Returns:
        The fake-quantized network, [batch, 3, height, width] -> [batch, 2], and the same network in fp32 with folded
        norms. The two share their weights: training one trains the other.
    """
    folded = copy.deepcopy(model).eval()
    fold_norms(folded)
    network = fx.symbolic_trace(folded)
    for node in list(network.graph.nodes):
        layer = network.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d | nn.Linear):
            network.set_submodule(str(node.target), FakeQuantWeight(layer))
    for node in list(network.graph.nodes):
        operation, consumers = _operation(network, node), {_operation(network, user) for user in node.users}
        if operation == "FakeQuantWeight" and consumers == {"ReLU"}:
            continue  # Runtimes fuse the two and round nothing between them.
        if operation in _FIXED_RANGES:
            _insert(network, FakeQuant(_FIXED_RANGES[operation]), after=node, users=list(node.users))
        elif operation in _ROUNDED:
            part = FakeQuant(min_limit=MAX_LOGIT if "tanh" in consumers else 0.0)
            _insert(network, part, after=node, users=list(node.users))
        elif _is_sum(network, node):
            # A sum has 16 bits, whose rounding is negligible. What consumes it, other than the next sum, gets 8.
            users = [user for user in node.users if not _is_sum(network, user)]
            _insert(network, FakeQuant(), after=node, users=users)
    network.graph.lint()
    network.recompile()
    return network, folded


@contextmanager
def observing_ranges(network: nn.Module) -> Iterator[None]:
    """Let the ranges of a fake-quantized network grow to cover its activations; only weights are rounded meanwhile."""
    parts = [part for part in network.modules() if isinstance(part, FakeQuant)]
    for part in parts:
        part.is_observing = True
    try:
        yield
    finally:
        for part in parts:
            part.is_observing = False


@contextmanager
def fake_quantized_layers(layers: Sequence[Layer], ranges: Mapping[Layer, LayerRanges]) -> Iterator[None]:
    """Round the weights, inputs and outputs of some layers to 8 bits, and undo that at the end of the block.

    Args:
        layers: Layers of a network.
        ranges: Their activation ranges. Only the weights are rounded of a layer that has none.
    """
    weights = [layer.weight.data for layer in layers]
    with ExitStack() as hooks:
        try:
            for layer in layers:
                layer.weight.data = fake_quantize_weight(layer.weight.data)
                if layer in ranges:
                    before, after = FakeQuant(ranges[layer].input).eval(), FakeQuant(ranges[layer].output).eval()
                    hooks.callback(layer.register_forward_pre_hook(_input_hook(before)).remove)
                    hooks.callback(layer.register_forward_hook(_output_hook(after)).remove)
            yield
        finally:
            for layer, weight in zip(layers, weights, strict=True):
                layer.weight.data = weight


def _input_hook(part: FakeQuant) -> Any:
    return lambda layer, inputs: (part(inputs[0]), *inputs[1:])


def _output_hook(part: FakeQuant) -> Any:
    return lambda layer, inputs, output: part(output)


def _operation(network: fx.GraphModule, node: fx.Node) -> str:
    """The operation of a node, by the name of its module class, function or method."""
    if node.op == "call_module":
        return type(network.get_submodule(str(node.target))).__name__
    if node.op in ("call_function", "call_method"):
        return node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", node.target))
    return node.op


def _is_sum(network: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node is a sum, or a sum's first token: the last block takes it from the residual path."""
    operation = _operation(network, node)
    return operation == _SUM or (operation == _PART and _operation(network, node.all_input_nodes[0]) == _SUM)


def _insert(network: fx.GraphModule, part: FakeQuant, *, after: fx.Node, users: list[fx.Node]) -> None:
    """Round the output of a node for some of its users."""
    if not users:
        return
    name = f"{after.name}_fake_quant"
    network.add_submodule(name, part)
    with network.graph.inserting_after(after):
        rounded = network.graph.call_module(name, (after,))
    for user in users:
        user.replace_input_with(after, rounded)
