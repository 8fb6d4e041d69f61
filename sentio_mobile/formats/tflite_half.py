"""What is added to every song's tokens, such as the position of each, is stored in 16 bits and computed with in 32.

The quantizer rounds what has weights, and leaves these constants wide; they are 4% of an 8-bit file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from sentio_mobile.quantization.settings import LONG_ADDEND

_FLOAT32, _FLOAT16 = 0, 1
"""Of the schema's tensor types."""


def halved(network: bytes) -> bytes:
    """The content of a file with its long 32-bit addends in 16 bits, given back as 32 by an operation before the sum.

    Runtimes do that once, when they load the file.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(network))
    (graph,) = model.subgraphs
    for index in _addends(model, graph, schema.BuiltinOperator.ADD):
        wide = graph.tensors[index]
        content = np.frombuffer(bytes(model.buffers[wide.buffer].data), dtype="<f4").astype("<f2")
        narrow, operator = schema.TensorT(), schema.OperatorT()
        model.buffers[wide.buffer].data = np.frombuffer(content.tobytes(), dtype=np.uint8)
        narrow.shape, narrow.type, narrow.name = wide.shape, _FLOAT16, wide.name + b"_half"
        narrow.buffer, wide.buffer = wide.buffer, 0
        graph.tensors.append(narrow)
        operator.opcodeIndex = _code(model, schema.BuiltinOperator.DEQUANTIZE, schema)
        operator.inputs = np.array([len(graph.tensors) - 1], dtype=np.int32)
        operator.outputs = np.array([index], dtype=np.int32)
        graph.operators.insert(0, operator)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _addends(model: Any, graph: Any, add: int) -> list[int]:
    """Long constants in 32 bits that nothing but sums takes, and no other tensor has for its content."""
    shared = Counter(tensor.buffer for tensor in graph.tensors)
    takers: dict[int, set[int]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            takers.setdefault(int(index), set()).add(int(model.operatorCodes[operator.opcodeIndex].builtinCode))
    found = []
    for index, tensor in enumerate(graph.tensors):
        content = model.buffers[tensor.buffer].data
        size = 0 if content is None else len(content)
        if (
            tensor.type == _FLOAT32
            and size >= 4 * LONG_ADDEND
            and takers.get(index) == {add}
            and shared[tensor.buffer] == 1
        ):
            found.append(index)
    return found


def _code(model: Any, operation: int, schema: Any) -> int:
    """The place of an operation among those that the model knows; it is told of it where it does not."""
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == operation:
            return index
    code = schema.OperatorCodeT()
    # Older readers look at the first field, which has a byte.
    code.builtinCode, code.deprecatedBuiltinCode, code.version = operation, operation, 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
