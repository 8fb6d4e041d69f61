"""Read a Core ML package as it lies on disk, with nothing but numpy.

What is checked is then the file that ships, and neither Core ML nor coremltools is needed to check it. The
specification is a protocol buffer (MIL.proto and Model.proto in coremltools name its fields); large constants stand in
`weight.bin` behind headers of 64 bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.export.artifacts import damaged

Value = NDArray[np.generic]
Message = dict[int, list[bytes | int]]
"""A protocol buffer whose schema is not known here: field number to its values, in order."""

READER = "the Core ML reader"
_ML_PROGRAM = 502
_BLOB_SENTINEL = 0xDEADBEEF
_BLOB_TYPES: Mapping[int, str] = {1: "<f2", 2: "<f4", 3: "u1", 4: "i1", 6: "<i2", 7: "<u2", 14: "<i4", 15: "<u4"}
_TENSOR_TYPES: Mapping[int, str] = {1: "?", 10: "<f2", 11: "<f4", 12: "<f8", 21: "i1", 23: "<i4", 24: "<i8", 31: "u1"}
_STRING = 2


@dataclass(frozen=True)
class Operation:
    """One step of a program: what it does, with what, and the names of what comes out.

    An input is a list because a few operations (concat) take several values under one name. Each item is the name of
    an earlier value, or a value itself. `constant` is what a `const` holds.
    """

    kind: str
    inputs: Mapping[str, list[str | Value]]
    outputs: list[str]
    constant: Value | None = None


@dataclass(frozen=True)
class Program:
    """The one function of an ML program."""

    inputs: list[str]
    outputs: list[str]
    operations: list[Operation]


def read_package(package: Path) -> Program:
    """Read a `.mlpackage` folder.

    Raises:
        BundleError: a file of it is missing, truncated, or is not an ML program.
    """
    try:
        model, weights = _find_model(package)
        return _Reader(weights).program(model.read_bytes())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        # Bytes that are no specification end in one of these, wherever the reader then stands.
        raise damaged(package, READER, f"it is damaged or holds no ML program ({error})") from error


def _find_model(package: Path) -> tuple[Path, Path]:
    """The specification, which the package's manifest points to, and the folder of the weights beside it."""
    manifest = json.loads((package / "Manifest.json").read_text())
    item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
    data = (package / "Data").resolve()
    model = (data / item["path"]).resolve()
    if not model.is_relative_to(data):
        raise ValueError(f"its manifest points outside of it, to {item['path']}")
    return model, model.parent / "weights"


class _Reader:
    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.blobs: dict[str, bytes] = {}

    def program(self, data: bytes) -> Program:
        (program,) = _fields(_fields(data)[_ML_PROGRAM][0])[2]
        function = _fields(_fields(program)[2][0])
        (block_entry,) = function[3]
        block = _fields(_fields(block_entry)[2][0])
        return Program(
            inputs=[_text(_fields(value)[1][0]) for value in function[1]],
            outputs=[_text(name) for name in block[2]],
            operations=[self.operation(_fields(value)) for value in block[3]],
        )

    def operation(self, message: Message) -> Operation:
        inputs: dict[str, list[str | Value]] = {}
        for name, argument in _entries(message.get(2, [])):
            bindings = (_fields(binding) for binding in _fields(argument).get(1, []))
            inputs[name] = [_text(b[1][0]) if 1 in b else self.value(_fields(b[2][0])) for b in bindings]
        kind = _text(message[1][0])
        constant = self.value(_fields(dict(_entries(message[5]))["val"])) if kind == "const" else None
        outputs = [_text(_fields(value)[1][0]) for value in message.get(3, [])]
        return Operation(kind, inputs, outputs, constant)

    def value(self, message: Message) -> Value:
        """A tensor, its numbers written out or in the file of weights."""
        tensor_type = _fields(_fields(message[2][0])[1][0])
        kind = _number(tensor_type[1][0])
        shape = [self.dimension(_fields(value)) for value in tensor_type.get(3, [])]
        if 5 in message:
            return self.blob(_fields(message[5][0])).reshape(shape)
        (tensor,) = _fields(message[3][0])[1]
        ((field, packed),) = _fields(tensor).items()
        content = _fields(packed[0]).get(1, [])
        if kind == _STRING:
            return np.array(_text(content[0]))
        return _numbers(field, content, kind).reshape(shape)

    @staticmethod
    def dimension(message: Message) -> int:
        # A size of nought is not written at all, as always in protocol buffers.
        return _number(_fields(message[1][0]).get(1, [0])[0])

    def blob(self, message: Message) -> Value:
        name, offset = _text(message[1][0]), _number(message[2][0])
        file = Path(name).name
        if file not in self.blobs:
            self.blobs[file] = (self.weights / file).read_bytes()
        data = self.blobs[file]
        sentinel, kind, size, start = struct.unpack_from("<IIQQ", data, offset)
        if sentinel != _BLOB_SENTINEL or start + size > len(data):
            raise ValueError(f"{file} is truncated or changed at byte {offset}")
        return np.frombuffer(data, _BLOB_TYPES[kind], size // np.dtype(_BLOB_TYPES[kind]).itemsize, start)


def _numbers(field: int, content: list[bytes | int], kind: int) -> Value:
    """Numbers written out: 1 floats, 2 ints, 3 bools, 5 long ints, 6 doubles, 7 bytes in the tensor's own type."""
    wanted = np.dtype(_TENSOR_TYPES[kind])
    if field in (2, 3, 5):
        # A negative integer is a varint of 64 bits.
        signed = [n - (1 << 64) if n >> 63 else n for value in content for n in _varints(value)]
        return np.array(signed, np.int64).astype(wanted)
    written = wanted if field == 7 else np.dtype({1: "<f4", 6: "<f8"}[field])
    plain: Value = np.frombuffer(b"".join(_data(value) for value in content), written)
    return plain.astype(wanted)


def _varints(value: bytes | int) -> Iterator[int]:
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield number


def _fields(data: bytes | int) -> Message:
    """Split a message into its fields; numbers of fixed width stay bytes."""
    data = _data(data)
    found: Message = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire = key >> 3, key & 7
        value: bytes | int
        if wire == 0:
            value, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            if at + size > len(data):
                raise ValueError("the specification ends too early")
            value, at = data[at : at + size], at + size
        found.setdefault(field, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number in the specification has no end")


def _entries(values: list[bytes | int]) -> Iterator[tuple[str, bytes | int]]:
    """A protocol buffer's map: a list of messages, each with a key and a value."""
    for value in values:
        entry = _fields(value)
        yield _text(entry[1][0]), entry[2][0]


def _data(value: bytes | int) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a number stands where a message must be")
    return value


def _text(value: bytes | int) -> str:
    return _data(value).decode()


def _number(value: bytes | int) -> int:
    if not isinstance(value, int):
        raise TypeError("a message stands where a number must be")
    return value
