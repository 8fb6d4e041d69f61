"""What an int8 file rounds between a convolution and the next layer, and how far its predictions are off."""

from pathlib import Path

import numpy as np
import onnx
from conversions import ConvertibleStudent, predictions

from sentio_mobile.audio.image import to_input
from sentio_mobile.formats.registry import get_format


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


def test_int8_predicts_within_a_hundredth(convertible: ConvertibleStudent, tmp_path: Path) -> None:
    loaded, images = convertible.loaded, convertible.golden.image
    run = get_format("onnx").open(convertible.write("onnx", "int8", tmp_path).path, loaded.spec, 1)
    found = np.concatenate([run(to_input(image, loaded.spec)) for image in images])
    wanted = predictions(loaded.model, images, loaded.spec)
    error = np.sqrt(np.mean(np.square(found - wanted)))
    assert 1e-4 < error < 0.01


def _users(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    return [node for node in graph.node if name in node.input]
