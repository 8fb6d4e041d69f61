"""A network for ExecuTorch: in 8 bits by torchao, and lowered so that XNNPACK computes it in as few parts as can be.

As in the other formats, `int8` quantizes what has weights and nothing between: each rounds its input and its output, by
ranges measured on songs, and sums stay in floating point. The head stays in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
from executorch.exir import to_edge_transform_and_lower
from torch import nn
from torchao.quantization.pt2e import MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationConfig, QuantizationSpec

from sentio_mobile.quantization.options import QuantizationOptions, match_weights
from sentio_mobile.spec import ModelSpec, Precision

_aten = torch.ops.aten
_WEIGHTED = (_aten.linear.default, _aten.conv2d.default, _aten.conv1d.default)
"""Operations that `int8` quantizes, where their weights are a layer's own: XNNPACK takes no others."""

_MIN_SCALE, _MIN_WEIGHT_SCALE = 2**-12, 2**-32
"""The smallest scales: XNNPACK refuses products of both that are no normal numbers, as layers of zeros would have."""
_MAX_CAT = 5
"""The most tensors that XNNPACK joins in one operation."""
_FEW = 4
"""Sums of so few numbers become additions."""


def quantize(model: nn.Module, precision: Precision, *, options: QuantizationOptions, spec: ModelSpec) -> nn.Module:
    """Write a 32-bit network in another precision.

    Args:
        model: The network, in the form `spectrogram`. It is not changed.
        precision: The precision to write; fp32 gives the network back.
        options: Calibration clips, where the precision is int8, and layers that stay in 32 bits.
        spec: The network's spec.

    Raises:
        ConversionError: The weights of a layer that is to stay in 32 bits are not in the network.
    """
    if precision == "fp32":
        return model
    exported = torch.export.export(model, (torch.zeros(spec.input_shape),)).module()
    assert isinstance(exported, torch.fx.GraphModule)
    kept = match_weights(
        {**options.keep_float, **options.head},
        {name: value.detach().numpy() for name, value in exported.named_parameters()},
    )
    quantizer = XNNPACKQuantizer()
    for operation in _WEIGHTED:
        quantizer.set_operator_type(operation, _int8())
    quantizer.set_filter_function(lambda node: _is_quantized(node, kept))
    prepared = prepare_pt2e(exported, quantizer)
    assert options.calibration is not None
    with torch.no_grad():
        for clip in options.calibration.inputs(spec):
            prepared(torch.from_numpy(clip))
    quantized: nn.Module = convert_pt2e(prepared)
    return quantized


def _is_quantized(node: torch.fx.Node, kept: set[str]) -> bool:
    """Whether a node is no layer, or a layer whose weights are its own and not among `kept`."""
    if node.target not in _WEIGHTED:
        return True
    weight = node.args[1]
    assert isinstance(weight, torch.fx.Node)
    return weight.op == "get_attr" and weight.target not in kept


def _int8() -> QuantizationConfig:
    """Signed 8-bit weights with a scale for each channel, and activations with the range from minimum to maximum.

    The quantizer's own observer drops what few clips reach: strong emotions above all.
    """
    activation = QuantizationSpec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
        observer_or_fake_quant_ctr=MinMaxObserver.with_args(eps=_MIN_SCALE),
    )
    weight = QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        observer_or_fake_quant_ctr=PerChannelMinMaxObserver.with_args(eps=_MIN_WEIGHT_SCALE),
    )
    return QuantizationConfig(activation, activation, weight, None)


def lower(parts: Sequence[nn.Module], spec: ModelSpec) -> bytes:
    """The content of a `.pte` file that runs networks one after the other.

    Args:
        parts: The networks; the first takes `spec.input_shape`.
        spec: The spec, in the form of the file.
    """
    with torch.no_grad():
        program = torch.export.export(nn.Sequential(*parts), (torch.zeros(spec.input_shape),))
    program = program.run_decompositions(_PLAIN)
    content: bytes = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer
    return content


# Operations that XNNPACK lacks, in those that it has: each that it lacks would divide the network in two. What is given
# back as NotImplemented stays as it is.


def _matmul(left: torch.Tensor, right: torch.Tensor) -> Any:
    if left.dim() == 3 and right.dim() == 2:
        rows = left.reshape(1, -1, left.shape[-1])
        return torch.bmm(rows, right.unsqueeze(0)).reshape(*left.shape[:-1], right.shape[-1])
    if left.dim() == 2 and right.dim() in (2, 3) and (right.dim() == 2 or right.shape[0] == 1):
        product = torch.bmm(left.unsqueeze(0), right.reshape(1, *right.shape[-2:]))
        return product.reshape(*right.shape[:-2], left.shape[0], right.shape[-1])
    if left.dim() == right.dim() == 4 and left.shape[:2] == right.shape[:2]:
        product = torch.bmm(left.reshape(-1, *left.shape[2:]), right.reshape(-1, *right.shape[2:]))
        return product.reshape(*left.shape[:3], right.shape[3])
    return NotImplemented


def _split(x: torch.Tensor, size: int, dim: int = 0) -> list[torch.Tensor]:
    sizes = [min(size, x.shape[dim] - start) for start in range(0, x.shape[dim], size)]
    return _split_with_sizes(x, sizes, dim)


def _split_with_sizes(x: torch.Tensor, sizes: Sequence[int], dim: int = 0) -> list[torch.Tensor]:
    ends = accumulate(sizes)
    return [_aten.slice.Tensor(x, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _expand(x: torch.Tensor, size: Sequence[int], *, implicit: bool = False) -> Any:
    missing = len(size) - x.dim()
    wanted = [x.shape[i - missing] if length == -1 else length for i, length in enumerate(size)]
    return x if wanted == list(x.shape) else NotImplemented


def _cat(tensors: Sequence[torch.Tensor], dim: int = 0) -> Any:
    if len(tensors) <= _MAX_CAT:
        return NotImplemented
    groups = [tensors[i : i + _MAX_CAT] for i in range(0, len(tensors), _MAX_CAT)]
    return torch.cat([torch.cat(list(group), dim) if len(group) > 1 else group[0] for group in groups], dim)


def _sum(x: torch.Tensor, dims: Sequence[int] | None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Any:
    if dims is None or len(dims) != 1 or dtype is not None or x.shape[dims[0]] > _FEW:
        return NotImplemented
    dim = dims[0] % x.dim()
    first, *others = (_aten.slice.Tensor(x, dim, i, i + 1) for i in range(x.shape[dim]))
    for other in others:
        first = first + other
    return first if keepdim else first.reshape(*x.shape[:dim], *x.shape[dim + 1 :])


_PLAIN: dict[Any, Callable[..., Any]] = {
    _aten.matmul.default: _matmul,
    _aten.split.Tensor: _split,
    _aten.split_with_sizes.default: _split_with_sizes,
    _aten.expand.default: _expand,
    _aten.cat.default: _cat,
    _aten.sum.dim_IntList: _sum,
}
