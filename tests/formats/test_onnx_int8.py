"""What an int8 file rounds between a convolution and the next layer, and how far its predictions are off."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from conversions import ConvertibleStudent, predictions
from onnx import numpy_helper

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import to_input
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Precision


def test_int8_rounds_a_convolution_once(convertible: ConvertibleStudent, tmp_path: Path) -> None:
    graph = onnx.load(convertible.write("onnx", "int8", tmp_path).path).graph
    makers = {name: node for node in graph.node for name in node.output}
    rounded = [
        makers[node.input[0]] for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] in makers
    ]
    assert len(rounded) > 10
    assert "DequantizeLinear" not in {node.op_type for node in rounded}
    # A ReLU behind a convolution became part of its range.
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 3
    assert all(user.op_type == "QuantizeLinear" for node in convolutions for user in _users(graph, node.output[0]))
    relus = [makers[node.input[0]].op_type for node in graph.node if node.op_type == "Relu"]
    assert relus
    assert "DequantizeLinear" not in relus


def test_int8_predicts_within_two_hundredths(convertible: ConvertibleStudent, tmp_path: Path) -> None:
    loaded, images = convertible.loaded, convertible.golden.image
    run = get_format("onnx").open(convertible.write("onnx", "int8", tmp_path).path, loaded.spec, 1)
    found = np.concatenate([run(to_input(image, loaded.spec)) for image in images])
    wanted = predictions(loaded.model, images, loaded.spec)
    error = np.sqrt(np.mean(np.square(found - wanted)))
    assert 1e-4 < error < 0.02


@pytest.mark.parametrize("precision", ["int8", "int8-dynamic"])
def test_no_processor_cuts_off_a_sum(convertible: ConvertibleStudent, precision: Precision, tmp_path: Path) -> None:
    path = convertible.write("onnx", precision, tmp_path).path
    assert _largest_sum(path) <= np.iinfo(np.int16).max


def test_no_processor_cuts_off_a_sum_of_the_default_model() -> None:
    bundle = open_bundle(ROOT / "models" / "default")
    assert [_largest_sum(artifact.path) for artifact in bundle.artifacts] == [0]


def _largest_sum(path: Path) -> int:
    """The largest sum of two products with signed weights, which x86 without VNNI makes in 16 bits.

    Unsigned weights are multiplied in 16 bits there, and added in 32.
    """
    constants = [numpy_helper.to_array(constant) for constant in onnx.load(path).graph.initializer]
    layers = [one.astype(int) for one in constants if one.dtype in (np.int8, np.uint8) and one.ndim > 1]
    assert sum(layer.size for layer in layers) > 10_000
    signed = [one for one in constants if one.dtype == np.int8 and one.ndim in (2, 4)]
    return max((2 * 255 * int(np.abs(layer.astype(int)).max()) for layer in signed), default=0)


def _users(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    return [node for node in graph.node if name in node.input]
