"""Artifacts put together byte by byte: harmless ones that no runtime has to run, and hostile ones that none may run."""

from __future__ import annotations

import json
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
