"""An ONNX network in fewer bits, by ONNX Runtime's own tools.

Products of two activations, sums, softmax and the output layers stay in 32 bits: 8 bits cost accuracy there and gain no
time. x86 processors without VNNI add two products of an activation and a signed weight in 16 bits, which cuts off
larger sums: answers were wrong there by up to 0.6. Linear layers have weights of 7 bits for that reason, whose last bit
is worth little. Convolutions, which lose more by it, have unsigned weights. Those are added in 32 bits, which takes
longer in linear layers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.quantization.options import MIN_POSITION_CONSTANT, QuantizationOptions, match_weights
from sentio_mobile.spec import ModelSpec, Precision

_QUANTIZED = ("MatMul", "Gemm", "Conv")
"""Operations that have weights."""


def quantize(network: Any, precision: Precision, *, options: QuantizationOptions, spec: ModelSpec) -> Any:
    """Write a 32-bit model in another precision.

    Args:
        network: The model, in the form `spectrogram`. It is not changed.
        precision: The precision to write.
        options: Calibration clips, where the precision needs them, and layers that stay in 32 bits.
        spec: The network's spec.
    """
    import onnx

    if precision == "fp32":
        return _copy(network)
    if precision == "fp16":
        return _in_fp16(network)
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        model = _copy(network)
        # The exporter notes shapes of weights that the quantizer transposes.
        del model.graph.value_info[:]
        onnx.save(model, source)
        excluded = [
            *_products_of_activations(model.graph),
            *_nodes_of(model.graph, {**options.keep_float, **options.head}),
        ]
        if options.calibration is None:
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                reduce_range=True,
                nodes_to_exclude=excluded,
            )
        else:
            quantize_static(
                source,
                target,
                _CalibrationReader(options.calibration.inputs(spec), spec.input_name),
                quant_format=QuantFormat.QDQ,
                # With ReLU a convolution is rounded once, after it. A product is rounded before its bias is added:
                # where it is not, ONNX Runtime makes of both an operation in floating point, if the batch is fixed.
                op_types_to_quantize=[*_QUANTIZED, "Relu"],
                per_channel=True,
                # The fast kernels of x86 and ARM take unsigned activations; signed ones are slower than fp32.
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                reduce_range=True,
                nodes_to_exclude=excluded,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"TensorQuantOverrides": _unsigned_filters(model.graph, excluded)},
            )
        quantized = onnx.load(target)
    _bypass_other_operations(quantized.graph, set(excluded))
    _quantize_position_constants(quantized.graph)
    return quantized


def _unsigned_filters(graph: Any, excluded: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What ONNX Runtime's quantizer is told of the weights of each convolution, by their names."""
    from onnxruntime.quantization import QuantType

    of_weights = {"quant_type": QuantType.QUInt8, "axis": 0, "symmetric": True, "reduce_range": False}
    convolutions = (node for node in graph.node if node.op_type == "Conv" and node.name not in excluded)
    return {node.input[1]: [dict(of_weights)] for node in convolutions}


def _bypass_other_operations(graph: Any, excluded: set[str]) -> None:
    """Feed operations that are not quantized the unquantized values: the quantizer rounds a value for all its users.

    On a residual path that would round the path itself, once in each block.
    """
    makers = {name: node for node in graph.node for name in node.output}
    unquantized = {}
    for node in graph.node:
        before = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if before is None or before.op_type != "QuantizeLinear":
            continue
        source = makers.get(before.input[0])
        # The output of a quantized operation is 8-bit already.
        if source is None or source.op_type not in _QUANTIZED or source.name in excluded:
            unquantized[node.output[0]] = before.input[0]
    for node in graph.node:
        if node.op_type not in (*_QUANTIZED, "QuantizeLinear") or node.name in excluded:
            node.input[:] = [unquantized.get(name, name) for name in node.input]


def _quantize_position_constants(graph: Any) -> None:
    """Store long 32-bit constants [1, tokens, width] that are only added in 8 bits, with a scale for each token.

    The positions of tokens are such constants. The quantizers leave them in 32 bits, which is 4% of an 8-bit file; an
    operation widens them again before the sum. A cast from 16 bits would do as well in `.onnx`, but ONNX Runtime folds
    casts of constants when it makes `.ort`, and leaves what is dequantized.
    """
    from onnx import helper, numpy_helper

    users: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, set()).add(node.op_type)
    for constant in list(graph.initializer):
        values, name = numpy_helper.to_array(constant), constant.name
        only_added = users.get(name) == {"Add"}
        if values.dtype != np.float32 or values.size < MIN_POSITION_CONSTANT or values.ndim != 3 or not only_added:
            continue
        scale = np.maximum(np.abs(values).max(axis=(0, 2)) / 127, np.finfo(np.float32).tiny).astype(np.float32)
        int8 = np.rint(values / scale[:, None]).astype(np.int8)
        parts = {f"{name}_8": int8, f"{name}_scale": scale, f"{name}_zero": np.zeros(len(scale), np.int8)}
        graph.initializer.remove(constant)
        graph.initializer.extend(numpy_helper.from_array(part, part_name) for part_name, part in parts.items())
        graph.node.insert(0, helper.make_node("DequantizeLinear", list(parts), [name], name=f"{name}_wide", axis=1))


class _CalibrationReader:
    """Calibration clips as ONNX Runtime asks for them."""

    def __init__(self, inputs: Iterator[NDArray[np.float32]], name: str) -> None:
        self.inputs, self.name = inputs, name

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        clip = next(self.inputs, None)
        return None if clip is None else {self.name: clip}


def _in_fp16(network: Any) -> Any:
    """The network in 16 bits, with 32-bit input and output."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    # The converter changes its argument, and appends the casts of inputs at the end.
    model = OnnxModel(convert_float_to_float16(_copy(network), keep_io_types=True))
    model.topological_sort()
    return model.model


def _copy(network: Any) -> Any:
    copy = type(network)()
    copy.CopyFrom(network)
    return copy


def _products_of_activations(graph: Any) -> list[str]:
    """Names of the matrix products that have no weights."""
    constants = {constant.name for constant in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "MatMul" and not constants.intersection(node.input)]


def _nodes_of(graph: Any, layers: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Names of the operations that use the weights of these layers."""
    from onnx import numpy_helper

    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    weights = match_weights(layers, constants)
    names = [node.name for node in graph.node if weights.intersection(node.input)]
    # Dynamic quantization splits a Gemm into a product and an addition before it looks at names.
    return [*names, *(f"{name}_MatMul" for name in names)]
