"""A student that computes as a strictly integer file will: every number is rounded to 8 bits, sums to 16.

Gradients pass through the rounding (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", section 3), so that training can bring the weights to where rounding costs least.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import fx, nn
from torch.nn.functional import conv2d, linear

from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.config import MAX_LOGIT

LEAST, MOST = -128, 127
"""Of 8 bits."""
FOLLOWING = 0.02
"""How far a range moves in a training step towards that of the step's batch."""
_SMALLEST = 1e-8

_ROUNDED = ("placeholder", "FakeQuantWeight", "ReLU", "relu", "mul", "matmul", "cat")
"""Operations whose answers have 8 bits in ranges that are measured."""
_GIVEN = {"softmax": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128)}
"""Ranges that integer kernels prescribe."""
_SUM = "add"


class FakeQuantWeight(nn.Module):
    """A linear map or convolution whose weights have 8 bits, each output channel by a scale of its own."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the layer does."""
        layer, weight = self.layer, self.layer.weight
        widest = weight.detach().abs().amax(dim=tuple(range(1, weight.ndim)))
        scale = (widest / MOST).clamp_min(_SMALLEST)
        zero = torch.zeros_like(scale, dtype=torch.int32)
        weight = torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -MOST, MOST)
        if isinstance(layer, nn.Linear):
            return linear(x, weight, layer.bias)
        return conv2d(x, weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)


class FakeQuant(nn.Module):
    """Numbers rounded to 8 bits over a range that holds zero.

    While `observing_ranges`, the range grows to all that comes, which goes on unrounded. In training it follows that
    of each
    batch; in evaluation it stays.

    Args:
        within: a range that stays as it is; None for one that is measured.
        widest: a measured range reaches at least from minus this to this.
    """

    def __init__(self, within: tuple[float, float] | None = None, widest: float = 0.0) -> None:
        super().__init__()
        low, high = within or (-widest, widest)
        self.fixed, self.widest, self.measuring = within is not None, widest, False
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("high", torch.tensor(high))
        self.low: torch.Tensor
        self.high: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape -> the same."""
        if self.measuring and not self.fixed:
            self.low.copy_(torch.minimum(self.low, x.detach().min()))
            self.high.copy_(torch.maximum(self.high, x.detach().max()))
        if self.measuring:
            return x
        if self.training and not self.fixed:
            self.low.lerp_(x.detach().min().clamp_max(-self.widest), FOLLOWING)
            self.high.lerp_(x.detach().max().clamp_min(self.widest), FOLLOWING)
        scale = ((self.high - self.low) / (MOST - LEAST)).clamp_min(_SMALLEST)
        zero = (LEAST - self.low / scale).round().clamp(LEAST, MOST).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, LEAST, MOST)


def fake_quantize(model: nn.Module) -> tuple[fx.GraphModule, nn.Module]:
    """A student with batch normalization and ReLU as it computes in 8 bits, its ranges not measured yet.

    Args:
        model: in evaluation mode; it is left as it is.

    Returns:
        The network that rounds, [batch, 3, height, width] -> [batch, 2], and the same network without rounding, its
        normalizations folded away. Both have the same weights: what one learns the other has learnt.
    """
    plain = copy.deepcopy(model).eval()
    fold_norms(plain)
    network = fx.symbolic_trace(plain)
    for node in list(network.graph.nodes):
        layer = network.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d | nn.Linear):
            network.set_submodule(str(node.target), FakeQuantWeight(layer))
    for node in list(network.graph.nodes):
        kind, taking = _kind(network, node), {_kind(network, user) for user in node.users}
        if kind == "FakeQuantWeight" and taking == {"ReLU"}:
            continue  # Runtimes make one operation of the two: nothing is rounded between them.
        if kind in _GIVEN:
            _round(network, node, FakeQuant(_GIVEN[kind]), list(node.users))
        elif kind in _ROUNDED:
            _round(network, node, FakeQuant(widest=MAX_LOGIT if "tanh" in taking else 0.0), list(node.users))
        elif kind == _SUM:
            # A sum has 16 bits, next to which nothing is lost; what takes it, other than the next sum, takes 8.
            _round(network, node, FakeQuant(), [user for user in node.users if _kind(network, user) != _SUM])
    network.graph.lint()
    network.recompile()
    return network, plain


@contextmanager
def observing_ranges(network: nn.Module) -> Iterator[None]:
    """Let ranges grow to what the network is given in the block; nothing is rounded meanwhile, but weights."""
    parts = [part for part in network.modules() if isinstance(part, FakeQuant)]
    for part in parts:
        part.measuring = True
    try:
        yield
    finally:
        for part in parts:
            part.measuring = False


def _kind(network: fx.GraphModule, node: fx.Node) -> str:
    """What a node does, by the name of its module, function or method."""
    if node.op == "call_module":
        return type(network.get_submodule(str(node.target))).__name__
    if node.op in ("call_function", "call_method"):
        return node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", node.target))
    return node.op


def _round(network: fx.GraphModule, node: fx.Node, part: FakeQuant, users: list[fx.Node]) -> None:
    """Have these users of a node take what it gives rounded."""
    if not users:
        return
    name = f"{node.name}_rounded"
    network.add_submodule(name, part)
    with network.graph.inserting_after(node):
        between = network.graph.call_module(name, (node,))
    for user in users:
        user.replace_input_with(node, between)
