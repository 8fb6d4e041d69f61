"""Artifacts put together byte by byte: harmless ones that no runtime has to run, and hostile ones that none may run."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import flatbuffers

Field = tuple[int, "int | bytes"]


def message(*fields: Field) -> bytes:
    """A protocol buffer of fields: numbers, or bytes for texts and messages."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(_varint(number << 3) + _varint(value))
        else:
            parts.append(_varint(number << 3 | 2) + _varint(len(value)) + value)
    return b"".join(parts)


def onnx_model(*nodes: bytes, graph: Sequence[Field] = (), model: Sequence[Field] = ()) -> bytes:
    """An `.onnx` file with these nodes."""
    return message((1, 8), (7, message(*((1, node) for node in nodes), *graph)), *model)


def onnx_node(name: str, domain: str = "", attributes: Sequence[bytes] = ()) -> bytes:
    """A node of an operator."""
    return message((4, name.encode()), (7, domain.encode()), *((5, one) for one in attributes))


def tflite_model(*codes: int, custom: str = "") -> bytes:
    """A `.tflite` file that lists these built-in operators, and a custom one."""
    builder = flatbuffers.Builder(0)
    word, made = builder.CreateString(custom), []
    for code in (*codes, *((32,) if custom else ())):
        builder.StartObject(4)
        builder.PrependInt8Slot(0, min(code, 127), 0)
        if custom and code == 32:
            builder.PrependUOffsetTRelativeSlot(1, word, 0)
        builder.PrependInt32Slot(3, code, 0)
        made.append(builder.EndObject())
    vector = _tables(builder, made)
    builder.StartObject(10)
    builder.PrependUOffsetTRelativeSlot(1, vector, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    return bytes(builder.Output())


def ort_model(*operators: str) -> bytes:
    """An `.ort` file with nodes of these operators."""
    builder, made = flatbuffers.Builder(0), []
    for operator in operators:
        word = builder.CreateString(operator)
        builder.StartObject(13)
        builder.PrependUOffsetTRelativeSlot(5, word, 0)
        made.append(builder.EndObject())
    vector = _tables(builder, made)
    builder.StartObject(9)
    builder.PrependUOffsetTRelativeSlot(2, vector, 0)
    graph = builder.EndObject()
    builder.StartObject(10)
    builder.PrependUOffsetTRelativeSlot(7, graph, 0)
    model = builder.EndObject()
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, model, 0)
    builder.Finish(builder.EndObject(), b"ORTM")
    return bytes(builder.Output())


def pte_model(
    *operators: str,
    nodes: Sequence[int] = (1,),
    backend: str = "XnnpackBackend",
    method: str = "forward",
    instructions: Sequence[int] = (1, 2),
    outside: bool = False,
) -> bytes:
    """A `.pte` file with one method: these operators, instructions, and a graph of XNNPACK of these nodes.

    Args:
        operators: Names of operators, without their overload, which is `out`.
        nodes: Numbers of XNNPACK's nodes.
        backend: The library that is to run the graph.
        method: The method's name.
        instructions: Kinds of instructions.
        outside: Whether there is a tensor whose content is in another file.
    """
    graph = _xnnpack_graph(nodes)
    builder = flatbuffers.Builder(0)
    words = [builder.CreateString(word) for word in ("out", method, backend, *operators)]
    out, name, library, *names = words
    listed = _tables(builder, [_table(builder, [(0, one), (1, out)]) for one in names])
    steps = _tables(builder, [_table(builder, [], [(0, kind, "Uint8")]) for kind in instructions])
    chains = _tables(builder, [_table(builder, [(2, steps)])])
    delegate = _table(builder, [(0, library), (1, _table(builder, [], [(0, 1, "Int8")]))])
    tensor = _table(builder, [(9, _table(builder, [], [(2, int(outside), "Int8")]))])
    values = _tables(builder, [_table(builder, [(1, tensor)], [(0, 5, "Uint8")])])
    delegates = _tables(builder, [delegate])
    plan = _table(builder, [(0, name), (2, values), (5, chains), (6, listed), (7, delegates)])
    plans = _tables(builder, [plan])
    segments = _tables(builder, [_table(builder, [], [(1, len(graph), "Uint64")])])
    builder.Finish(_table(builder, [(1, plans), (4, segments)]), b"ET12")
    program = bytes(builder.Output())
    start = len(program) + 32
    header = b"eh00" + struct.pack("<IQQQ", 32, start, start, len(graph))
    root = struct.pack("<I", struct.unpack_from("<I", program)[0] + 32)
    return root + program[4:8] + header + program[8:] + graph


def _xnnpack_graph(nodes: Sequence[int]) -> bytes:
    builder = flatbuffers.Builder(0)
    made = _tables(builder, [_table(builder, [], [(0, node, "Uint8")]) for node in nodes])
    builder.Finish(_table(builder, [(1, made)]), b"XN01")
    graph = bytes(builder.Output())
    return bytes(4) + b"XH00" + struct.pack("<HIIIQ", 30, 30, len(graph), 30 + len(graph), 0) + graph


def _table(
    builder: flatbuffers.Builder, references: Sequence[tuple[int, int]], numbers: Sequence[tuple[int, int, str]] = ()
) -> int:
    """A table: fields that refer to what was written before, and fields that are numbers of a type."""
    builder.StartObject(10)
    for field, offset in references:
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, value, kind in numbers:
        getattr(builder, f"Prepend{kind}Slot")(field, value, 0)
    return builder.EndObject()


def mil_operation(name: str, *fields: Field) -> bytes:
    """An operation of an ML program."""
    return message((1, name.encode()), *fields)


def mil_model(*operations: bytes) -> bytes:
    """The specification of an ML program."""
    block = message(*((3, operation) for operation in operations))
    function = message((3, message((1, b"CoreML5"), (2, block))))
    return message((1, 6), (502, message((1, 1), (2, message((1, b"main"), (2, function))))))


def layers_model(*layers: bytes) -> bytes:
    """An `.mlmodel` file with these layers."""
    return message((1, 4), (500, message(*((1, layer) for layer in layers))))


def write_package(folder: Path, specification: bytes, weights: bytes = b"") -> None:
    """A `.mlpackage` folder."""
    model = folder / "Data" / "com.apple.CoreML" / "model.mlmodel"
    (model.parent / "weights").mkdir(parents=True)
    model.write_bytes(specification)
    (model.parent / "weights" / "weight.bin").write_bytes(weights)
    entry = {"path": "com.apple.CoreML/model.mlmodel", "name": "model.mlmodel", "author": "com.apple.CoreML"}
    manifest = {"itemInfoEntries": {"A": entry}, "rootModelIdentifier": "A"}
    (folder / "Manifest.json").write_text(json.dumps(manifest))


def write_harmless(path: Path, size: int, words: str = "") -> None:
    """An artifact of so many bytes that asks for nothing, of the format that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mlpackage":
        write_package(path, mil_model())
        filled = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        weights = path / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
        weights.write_bytes(words.encode().ljust(size - filled))
    elif path.suffix in (".onnx", ".mlmodel"):
        # Protocol buffers are filled up in a text: a description of the graph, or of the model.
        for length in range(size, 0, -1):
            text = words.encode().ljust(length)[:length]
            content = message((6, text)) if path.suffix == ".onnx" else message((2, text))
            if len(content) == size:
                path.write_bytes(content)
                return
    else:
        content = tflite_model() if path.suffix == ".tflite" else ort_model()
        path.write_bytes((content + words.encode()).ljust(size))


def _tables(builder: flatbuffers.Builder, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
