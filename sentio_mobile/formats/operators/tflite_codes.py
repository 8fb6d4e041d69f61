"""The operators of a `.tflite` file: the numbers of schema.fbs's `BuiltinOperator`."""

from __future__ import annotations

from flatbuffers.number_types import Int8Flags, Int32Flags, Uint32Flags, Uint64Flags

from sentio_mobile.formats.operators.tables import Table

_IDENTIFIER = b"TFL3"
_CODES, _SUBGRAPHS, _EXTERNAL_GROUPS, _EXTERNAL_BUFFERS = 1, 2, 8, 9
_OLD_CODE, _CUSTOM_CODE, _CODE = 0, 1, 3
_TENSORS, _OPERATORS, _TENSOR_EXTERNAL = 0, 3, 10
_CUSTOM_OPTIONS, _LARGE_OPTIONS = 5, 9


def operators_in(content: bytes) -> set[str]:
    """The built-in operators that a file lists, as numbers. Custom ones and more are words in brackets.

    Raises:
        ValueError: The file is not one of this format.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("it is not a TensorFlow Lite file")
    model = Table.root(content)
    found: set[str] = set()
    for code in model.tables(_CODES):
        # The runtime takes the larger one: older files have only the first, of 8 bits.
        found.add(str(max(code.integer(_OLD_CODE, Int8Flags), code.integer(_CODE, Int32Flags))))
        if custom := code.text(_CUSTOM_CODE):
            found.add(f"[custom operator {custom:.60}]")
    if model.count(_EXTERNAL_GROUPS) or model.count(_EXTERNAL_BUFFERS):
        found.add("[external data]")
    for graph in model.tables(_SUBGRAPHS):
        if any(tensor.integer(_TENSOR_EXTERNAL, Uint32Flags) for tensor in graph.tables(_TENSORS)):
            found.add("[external data]")
        for operator in graph.tables(_OPERATORS):
            if operator.count(_CUSTOM_OPTIONS) or operator.integer(_LARGE_OPTIONS, Uint64Flags):
                found.add("[options of a custom operator]")
    return found
