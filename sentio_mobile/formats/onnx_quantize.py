"""An ONNX network in fewer bits, by ONNX Runtime's own tools.

Products of two activations, sums, softmax and the layers that make the answer stay in 32 bits: rounding them costs
accuracy, and gains no time worth it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.onnx_addends import round_addends
from sentio_mobile.quantization.settings import QuantizationOptions, found_by_weights
from sentio_mobile.spec import ModelSpec, Precision

_ROUNDED = ("MatMul", "Gemm", "Conv")
"""Operations that have weights."""


def quantize(network: Any, precision: Precision, rounding: QuantizationOptions, spec: ModelSpec) -> Any:
    """A model in 32 bits, in another precision.

    Args:
        network: takes the form `spectrogram`; stays as it is.
        precision: what is wanted.
        rounding: songs for the ranges, where the precision has such, and layers to leave as they are.
        spec: of the network.
    """
    import onnx

    if precision == "fp32":
        return _copy(network)
    if precision == "fp16":
        return _halved(network)
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )

    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
        bare = _copy(network)
        # Shapes that the exporter noted are of weights that the quantizer turns around.
        del bare.graph.value_info[:]
        onnx.save(bare, given)
        left = [*_products_of_activations(bare.graph), *_nodes_of(bare.graph, {**rounding.kept, **rounding.answering})]
        if rounding.calibration is None:
            quantize_dynamic(
                given,
                made,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=left,
            )
        else:
            quantize_static(
                given,
                made,
                _Reader(rounding.calibration.inputs(spec), spec.input_name),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(_ROUNDED),
                per_channel=True,
                # Unsigned activations are what the fast kernels of x86 and ARM take; signed ones are slower than fp32.
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=left,
                calibrate_method=CalibrationMethod.MinMax,
            )
        rounded = onnx.load(made)
    _spare_the_rest(rounded.graph, set(left))
    round_addends(rounded.graph)
    return rounded


def _spare_the_rest(graph: Any, left: set[str]) -> None:
    """Give what is not rounded the numbers as they were: the quantizer rounds a tensor for all that take it.

    On a residual path that would round the path itself, once in each branch.
    """
    makers = {name: node for node in graph.node for name in node.output}
    plain = {}
    for node in graph.node:
        before = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if before is None or before.op_type != "QuantizeLinear":
            continue
        source = makers.get(before.input[0])
        # What a rounded operation gives is 8-bit already.
        if source is None or source.op_type not in _ROUNDED or source.name in left:
            plain[node.output[0]] = before.input[0]
    for node in graph.node:
        if node.op_type not in (*_ROUNDED, "QuantizeLinear") or node.name in left:
            node.input[:] = [plain.get(name, name) for name in node.input]


class _Reader:
    """Songs in the shape that ONNX Runtime's calibration asks for."""

    def __init__(self, inputs: Iterator[NDArray[np.float32]], name: str) -> None:
        self.inputs, self.name = inputs, name

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        given = next(self.inputs, None)
        return None if given is None else {self.name: given}


def _halved(network: Any) -> Any:
    """In 16 bits, but for what goes in and comes out."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    # The converter writes the casts of inputs at the end, and works on what it is given.
    halved = OnnxModel(convert_float_to_float16(_copy(network), keep_io_types=True))
    halved.topological_sort()
    return halved.model


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
    weights = found_by_weights(layers, constants)
    names = [node.name for node in graph.node if weights.intersection(node.input)]
    # Dynamic rounding makes a product and an addition of a Gemm before it looks at names.
    return [*names, *(f"{name}_MatMul" for name in names)]
