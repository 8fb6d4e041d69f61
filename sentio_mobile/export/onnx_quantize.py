"""An ONNX network in fewer bits, by ONNX Runtime's own tools.

Products of two activations, softmax and the answer stay in 32 bits: rounding them costs accuracy and, on CPUs, time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.export.calibration import Calibration
from sentio_mobile.spec import ModelSpec, Precision

_ROUNDED = ("MatMul", "Gemm", "Conv", "Add", "Relu", "Reshape", "Transpose", "Slice", "Split", "Concat")
"""Operations whose activations are 8-bit. Those that only move numbers are among them, so that nothing is rounded back
and forth around them."""


def quantize(network: Any, precision: Precision, calibration: Calibration | None, spec: ModelSpec) -> Any:
    """A model in 32 bits, in another precision.

    Args:
        network: takes the form `spectrogram`; stays as it is.
        precision: what is wanted.
        calibration: songs for the ranges, where the precision has such.
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
        products = _products_of_activations(bare.graph)
        if calibration is None:
            quantize_dynamic(
                given,
                made,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=products,
            )
        else:
            quantize_static(
                given,
                made,
                _Reader(calibration.inputs(spec), spec.input_name),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(_ROUNDED),
                per_channel=True,
                # Unsigned activations are what the fast kernels of x86 and ARM take; signed ones are slower than fp32.
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=products,
                calibrate_method=CalibrationMethod.MinMax,
            )
        return onnx.load(made)


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
