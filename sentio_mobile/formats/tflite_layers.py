"""The layers of a network in a TensorFlow Lite file, where operations are known by what they give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.quantization.settings import found_by_weights


def scopes_of(network: bytes, kept: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Patterns of the operations that use these weights, as AI Edge Quantizer compares them.

    It calls an operation by the tensors that it gives, with a semicolon after each. Where an activation was made part
    of an operation, that name has nothing of the layer's; hence the way by the weights.

    Args:
        network: the content of a file in 32 bits.
        kept: weights, by the layers' names.

    Raises:
        ConversionError: the weights of a layer are not in the file.
    """
    if not kept:
        return []
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(network))
    (graph,) = model.subgraphs
    weights = found_by_weights(kept, _constants(model, graph))
    return [
        "^" + "".join(re.escape(_name(graph.tensors[i]) + ";") for i in operation.outputs) + "$"
        for operation in graph.operators
        if weights.intersection(_name(graph.tensors[i]) for i in operation.inputs if i >= 0)
    ]


def inputs_of(network: bytes, operation: str) -> set[str]:
    """Names of the tensors that go into the operations of a kind, by the schema's name for it."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(network))
    (graph,) = model.subgraphs
    kind = getattr(BuiltinOperator, operation)
    found = (o for o in graph.operators if model.operatorCodes[o.opcodeIndex].builtinCode == kind)
    return {_name(graph.tensors[i]) for one in found for i in one.inputs}


def _constants(model: Any, graph: Any) -> dict[str, NDArray[np.float32]]:
    """The 32-bit tensors that have content of their own."""
    found = {}
    for tensor in graph.tensors:
        content = model.buffers[tensor.buffer].data
        if tensor.type == 0 and content is not None and len(content):
            found[_name(tensor)] = np.frombuffer(bytes(content), dtype="<f4")
    return found


def _name(tensor: Any) -> str:
    return str(tensor.name.decode())
