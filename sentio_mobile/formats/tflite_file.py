"""Two TensorFlow Lite files become one, and what a file keeps is counted, on the flatbuffer itself.

A waveform model is a front end, which must stay in 32 bits, and a network, which may be rounded. No converter takes
the two apart again, so that they are converted one by one and joined here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sentio_mobile.formats.artifacts import damaged

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
"""Names of the schema's tensor types."""

ALIGNMENT = 16
"""Of weights in a file, in bytes, as the schema wants it."""


def read(path: Path) -> Any:
    """A file as the schema's objects.

    Raises:
        BundleError: it is no such file.
    """
    try:
        return _parsed(path.read_bytes())
    except Exception as error:  # a flatbuffer that is none ends anywhere
        raise damaged(path, "the flatbuffer reader", error) from error


def join(front: bytes, network: bytes) -> bytes:
    """One model that feeds what `front` gives into `network`. The joint is a tensor of 32-bit numbers.

    Raises:
        ValueError: one of them has not one subgraph with one input and one output, or they do not fit.
    """
    first, second = _parsed(front), _parsed(network)
    before, after = _only(first), _only(second)
    joint = before.tensors[before.outputs[0]]
    taken = after.tensors[after.inputs[0]]
    if list(joint.shape) != list(taken.shape) or (joint.type, taken.type) != (0, 0):
        raise ValueError(f"a front end that gives {list(joint.shape)} does not fit a network of {list(taken.shape)}")
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


def finished(content: bytes, name: str, text: str) -> bytes:
    """The same model as it is given out: with a text among its metadata, which a reader of flatbuffers finds by `name`.

    What is inside loses its names: they repeat the path to each module, and are 1.4% of an 8-bit file.
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
    """The text of that name among a model's metadata; None where there is none."""
    for entry in model.metadata or []:
        if entry.name.decode() == name:
            return bytes(model.buffers[entry.buffer].data).decode()
    return None


def constants_of(model: Any) -> dict[str, int]:
    """How many numbers there are of each type in tensors that have content of their own."""
    found: Counter[str] = Counter()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            content = model.buffers[tensor.buffer]
            if (content.data is not None and len(content.data)) or content.size:
                found[_TYPES.get(int(tensor.type), f"type {tensor.type}")] += int(np.prod(tensor.shape))
    return dict(found)


def _parsed(content: bytes) -> Any:
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def _written(model: Any) -> bytes:
    """A model as a file's content: weights stand behind the flatbuffer, where kernels find them aligned.

    The library's own writer knows no alignment inside of it, and writes a weight byte by byte.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    filled = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data)]
    contents = [bytes(buffer.data) for buffer in filled]
    for buffer in filled:
        # Not 0, which would not be written: the places are filled in when the length of what is before them is known.
        buffer.data, buffer.offset, buffer.size = None, 1, 1
    at = _aligned(len(flatbuffer_utils.convert_object_to_bytearray(model)))
    for buffer, content in zip(filled, contents, strict=True):
        buffer.offset, buffer.size = at, len(content)
        at = _aligned(at + len(content))
    whole = bytearray(flatbuffer_utils.convert_object_to_bytearray(model))
    for buffer, content in zip(filled, contents, strict=True):
        whole += bytes(buffer.offset - len(whole)) + content
    return bytes(whole)


def _aligned(place: int) -> int:
    return -(-place // ALIGNMENT) * ALIGNMENT


def _only(model: Any) -> Any:
    (graph,) = model.subgraphs
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError("only models with one input and one output can be joined")
    return graph
