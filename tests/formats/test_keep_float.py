"""Layers that were to stay in floating point do, and no other layer does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conversions import ConvertibleStudent, skip_unless_here
from numpy.typing import NDArray

from sentio_mobile.errors import ConversionError
from sentio_mobile.formats.coreml import MIN_INT8_WEIGHTS
from sentio_mobile.formats.registry import get_format
from sentio_mobile.formats.tflite_file import read
from sentio_mobile.formats.tflite_quantize import MIN_HEAD_WEIGHTS
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.quantization.layer_choice import layer_weights, quantizable_layers
from sentio_mobile.quantization.options import match_weights
from sentio_mobile.spec import Precision

KEEP_FLOAT = ("stem.layers.2", "stem.layers.8", "blocks.1.up", "blocks.0.attention.qkv", "output")
"""A depthwise and a pointwise convolution, a linear layer with a ReLU after it, one without, and the last one."""

Weights = dict[str, NDArray[np.float32]]


def float_constants(path: Path) -> Iterator[NDArray[Any]]:
    """Constants of an artifact that are no integers."""
    if path.suffix == ".onnx":
        import onnx

        yield from map(onnx.numpy_helper.to_array, onnx.load(path).graph.initializer)
    elif path.suffix == ".pte":
        from executorch.exir._serialize._program import deserialize_pte_binary

        data = deserialize_pte_binary(path.read_bytes()).named_data
        yield from (np.frombuffer(one, np.float32) for one in data.buffers if len(one) % 4 == 0)
    elif path.suffix == ".tflite":
        model = read(path)
        for tensor in model.subgraphs[0].tensors:
            content = model.buffers[tensor.buffer].data
            if tensor.type == 0 and content is not None:
                yield np.frombuffer(bytes(content), dtype=np.float32)
    else:
        from sentio_mobile.formats.coreml_interpreter.mil_read import read_package

        for operation in read_package(path).operations:
            if operation.constant is not None:
                yield operation.constant


def float_layers(path: Path, weights: Weights) -> set[str]:
    """Layers whose weights an artifact stores unchanged, as floating-point numbers."""
    constants = {str(i): constant for i, constant in enumerate(float_constants(path))}
    found = set()
    for name, weight in weights.items():
        try:
            match_weights({name: weight}, constants)
            found.add(name)
        except ConversionError:
            pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("tflite", "int8-dynamic"),
        ("tflite", "int8"),
        ("onnx", "int8-dynamic"),
        ("onnx", "int8"),
        ("coreml", "int8"),
        ("executorch", "int8"),
    ],
)
def test_these_layers_stay_in_floating_point_and_no_others(
    name: str, precision: Precision, convertible: ConvertibleStudent, tmp_path: Path
) -> None:
    skip_unless_here(name)
    model, spec, golden = convertible.loaded.model, convertible.loaded.spec, convertible.golden
    weights: Weights = layer_weights(model, list(quantizable_layers(model)))
    options = replace(convertible.options, keep_float=layer_weights(model, KEEP_FLOAT))
    artifact = convertible.write(name, precision, tmp_path, options=options)
    expected = set(KEEP_FLOAT)
    # ONNX Runtime has no convolutions with dynamic ranges, and in Core ML small layers are not worth quantizing.
    if name == "coreml":
        expected |= {layer for layer, weight in weights.items() if weight.size <= MIN_INT8_WEIGHTS}
    if (name, precision) == ("tflite", "int8"):
        expected |= {layer for layer in MobileViT.head_layers if weights[layer].size < MIN_HEAD_WEIGHTS}
    if (name, precision) in (("onnx", "int8"), ("executorch", "int8")):
        expected |= set(MobileViT.head_layers)
    if (name, precision) == ("onnx", "int8-dynamic"):
        expected |= {layer for layer in weights if layer.startswith("stem")}
    assert float_layers(artifact.path, weights) == expected
    run = get_format(name).open(artifact.path, spec)
    predictions = np.concatenate([run(inputs) for inputs in golden.inputs(spec)])
    assert np.abs(predictions - golden.output).max() < 0.2
