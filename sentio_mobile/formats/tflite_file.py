"""TensorFlow Lite files on the level of the flatbuffer: join two, add metadata, count the stored numbers.

A waveform model is a front end, which must stay in 32 bits, and a network, which may be quantized. No converter can
quantize one part only, so that the two are converted one by one and joined here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sentio_mobile.formats.base import damaged

_TYPES: Mapping[int, str] = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    17: "int4",
}
"""numpy's names for the schema's tensor types."""

ALIGNMENT = 16
"""Alignment of weights in a file, in bytes, as the schema demands it."""


def read(path: Path) -> Any:
    """Read a file as the schema's objects.

    Raises:
        BundleError: It is not a TensorFlow Lite file.
    """
    try:
        return _parsed(path.read_bytes())
    except Exception as error:  # parsing a file that is not a flatbuffer raises anything
        raise damaged(path, "the flatbuffer reader", error) from error


def join(front_end: bytes, network: bytes) -> bytes:
    """Make one model that feeds the output of `front_end` into `network`, through a tensor of 32-bit numbers.

    Args:
        front_end: Content of a file.
        network: Content of a file.

    Raises:
        ValueError: One of them has not one subgraph with one input and one output, or they do not fit.
    """
    first, second = _parsed(front_end), _parsed(network)
    before, after = _only_graph(first), _only_graph(second)
    source, target = before.tensors[before.outputs[0]], after.tensors[after.inputs[0]]
    if list(source.shape) != list(target.shape) or (source.type, target.type) != (0, 0):
        raise ValueError(f"a front end that gives {list(source.shape)} does not fit a network of {list(target.shape)}")
    buffers, tensors, codes = len(first.buffers), len(before.tensors), len(first.operatorCodes)
    moved = {index: index + tensors for index in range(len(after.tensors))} | {
        after.inputs[0]: before.outputs[0],
        -1: -1,
    }
    for tensor in after.tensors:
        tensor.buffer += buffers
    for operator in after.operators:
        operator.opcodeIndex += codes
        operator.inputs = np.array([moved[int(i)] for i in operator.inputs], dtype=np.int32)
        operator.outputs = np.array([moved[int(i)] for i in operator.outputs], dtype=np.int32)
    first.buffers += second.buffers
    first.operatorCodes += second.operatorCodes
    before.tensors += after.tensors
    before.operators += after.operators
    before.outputs = np.array([moved[int(i)] for i in after.outputs], dtype=np.int32)
    signature = first.signatureDefs[0]
    signature.outputs = second.signatureDefs[0].outputs
    for output in signature.outputs:
        output.tensorIndex = moved[int(output.tensorIndex)]
    return _written(first)


def finish(content: bytes, name: str, text: str) -> bytes:
    """Make the file that is shipped: add a text to the metadata, and shorten the names of inner tensors.

    Those names repeat the path to each module, and are 1.4% of an 8-bit file.

    Args:
        content: Content of a file.
        name: Name of the text, by which a flatbuffer reader finds it.
        text: The text.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = _parsed(content)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text.encode(), dtype=np.uint8)
    entry.name, entry.buffer = name, len(model.buffers)
    for graph in model.subgraphs:
        ends = {int(i) for i in (*graph.inputs, *graph.outputs)}
        for i, tensor in enumerate(graph.tensors):
            tensor.name = tensor.name if i in ends else str(i)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    return _written(model)


def metadata_of(model: Any, name: str) -> str | None:
    """The text of a name in a model's metadata; None where there is none."""
    for entry in model.metadata or []:
        if entry.name.decode() == name:
            return bytes(model.buffers[entry.buffer].data).decode()
    return None


def count_constants(model: Any) -> dict[str, int]:
    """Count the numbers of each type in tensors that have content of their own."""
    counts: Counter[str] = Counter()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            content = model.buffers[tensor.buffer]
            if (content.data is not None and len(content.data)) or content.size:
                counts[_TYPES.get(int(tensor.type), f"type {tensor.type}")] += int(np.prod(tensor.shape))
    return dict(counts)


def _parsed(content: bytes) -> Any:
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def _written(model: Any) -> bytes:
    """A model as the content of a file, with the weights aligned behind the flatbuffer.

    The library's own writer does not align what is inside, and writes a weight byte by byte.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    filled = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data)]
    contents = [bytes(buffer.data) for buffer in filled]
    for buffer in filled:
        # Not 0, which would not be written. The offsets follow when the length of the flatbuffer is known.
        buffer.data, buffer.offset, buffer.size = None, 1, 1
    offset = _aligned(len(flatbuffer_utils.convert_object_to_bytearray(model)))
    for buffer, content in zip(filled, contents, strict=True):
        buffer.offset, buffer.size = offset, len(content)
        offset = _aligned(offset + len(content))
    file = bytearray(flatbuffer_utils.convert_object_to_bytearray(model))
    for buffer, content in zip(filled, contents, strict=True):
        file += bytes(buffer.offset - len(file)) + content
    return bytes(file)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _only_graph(model: Any) -> Any:
    (graph,) = model.subgraphs
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError("only models with one input and one output can be joined")
    return graph
