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

from sentio_mobile.export.artifacts import damaged

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


def read(path: Path) -> Any:
    """A file as the schema's objects.

    Raises:
        BundleError: it is no such file.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    try:
        return flatbuffer_utils.read_model_from_bytearray(bytearray(path.read_bytes()))
    except Exception as error:  # a flatbuffer that is none ends anywhere
        raise damaged(path, "the flatbuffer reader", error) from error


def join(front: bytes, network: bytes) -> bytes:
    """One model that feeds what `front` gives into `network`. The joint is a tensor of 32-bit numbers.

    Raises:
        ValueError: one of them has not one subgraph with one input and one output, or they do not fit.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    first, second = (flatbuffer_utils.read_model_from_bytearray(bytearray(part)) for part in (front, network))
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
    return bytes(flatbuffer_utils.convert_object_to_bytearray(first))


def constants_of(model: Any) -> dict[str, int]:
    """How many numbers there are of each type in tensors that have content of their own."""
    found: Counter[str] = Counter()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            content = model.buffers[tensor.buffer]
            if (content.data is not None and len(content.data)) or content.size:
                found[_TYPES.get(int(tensor.type), f"type {tensor.type}")] += int(np.prod(tensor.shape))
    return dict(found)


def _only(model: Any) -> Any:
    (graph,) = model.subgraphs
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError("only models with one input and one output can be joined")
    return graph
