"""Read a Core ML package from disk, with nothing but numpy.

So the file that ships is checked, and neither Core ML nor coremltools is needed to check it. MIL.proto and Model.proto
in coremltools name the fields of the specification; large constants are in `weight.bin`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sentio_mobile._internal.protobuf import (
    FAULTS,
    Field,
    Message,
    entries,
    fields,
    integers,
    number,
    raw,
    text,
)
from sentio_mobile.formats.base import damaged
from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor, Value, unpack_bits

READER = "the Core ML reader"
_ML_PROGRAM = 502
_STRING = 2
_TENSOR_TYPES: Mapping[int, str] = {
    **{1: "?", 10: "<f2", 11: "<f4", 12: "<f8"},
    **{21: "i1", 22: "<i2", 23: "<i4", 24: "<i8", 31: "u1", 32: "<u2", 33: "<u4", 34: "<u8"},
    # Types of less than a byte: their numbers are held in bytes here.
    **{25: "i1", 35: "u1", 36: "u1", 37: "u1", 38: "u1", 39: "u1"},
}
_BLOB_SENTINEL = 0xDEADBEEF
_BLOB_TYPES: Mapping[int, str] = {1: "<f2", 2: "<f4", 3: "u1", 4: "i1", 6: "<i2", 7: "<u2", 14: "<i4", 15: "<u4"}
_BLOB_BITS: Mapping[int, tuple[int, bool]] = {
    **{8: (4, True), 11: (4, False), 13: (6, False)},
    **{9: (1, False), 10: (2, False), 12: (3, False)},
}
"""Types of less than a byte: their bits, and whether they are signed."""


@dataclass(frozen=True)
class TensorType:
    """The declared type of a value. A size of None may be any."""

    dtype: np.dtype[np.generic]
    shape: tuple[int | None, ...]

    def fits(self, value: Value) -> bool:
        """Whether a value is of this type."""
        return (
            value.dtype == self.dtype
            and value.ndim == len(self.shape)
            and all(declared in (None, size) for declared, size in zip(self.shape, value.shape, strict=True))
        )

    def __str__(self) -> str:
        return f"{self.dtype} {['any' if size is None else size for size in self.shape]}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One step of a program."""

    kind: str
    # A list each, because a few operations (concat) take several values under one name. An item is the name of an
    # earlier value, or a value itself.
    inputs: Mapping[str, list[str | Value]]
    # Names of the results.
    outputs: list[str]
    # What a `const` holds.
    constant: Value | None = None
    # Declared types of the results; empty where the file declares none.
    types: list[TensorType] = field(default_factory=list)


class Inputs:
    """The values that go into one operation, by the names that the specification gives them."""

    def __init__(self, values: Mapping[str, Sequence[Value]]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Whether the optional input `name` is given."""
        return name in self.values

    def value(self, name: str) -> Value:
        """A tensor of any type, as it is."""
        return self.values[name][0]

    def tensor(self, name: str) -> Tensor:
        """A tensor of floating-point numbers, in 32 bits whatever it is stored in."""
        value = self.value(name)
        if value.dtype not in (np.float32, np.float16):
            raise TypeError(f"{name} is {value.dtype}, and only float32 and float16 are known")
        return value.astype(np.float32, copy=False)

    def numbers(self, name: str) -> list[int]:
        """A list of integers."""
        return [int(n) for n in self.value(name).reshape(-1)]

    def scalar(self, name: str) -> np.float32:
        """One number."""
        return np.float32(self.value(name))

    def number(self, name: str, default: int) -> int:
        """One integer; `default` where it is not given."""
        return self.numbers(name)[0] if self.has(name) else default

    def flags(self, name: str, count: int) -> list[bool]:
        """A list of booleans; all false where it is not given."""
        return [bool(n) for n in self.value(name).reshape(-1)] if self.has(name) else [False] * count

    def flag(self, name: str) -> bool:
        """One boolean; false where it is not given."""
        return self.flags(name, 1)[0]

    def text(self, name: str) -> str:
        """One word."""
        return str(self.value(name))


@dataclass(frozen=True)
class Program:
    """The one function of an ML program."""

    inputs: list[str]
    outputs: list[str]
    operations: list[Operation]


def read_package(package: Path) -> Program:
    """Read a `.mlpackage` folder.

    Raises:
        BundleError: One of its files is missing, truncated, or not an ML program.
    """
    try:
        model, weights = find_model(package)
        return _Reader(weights).program(model.read_bytes())
    except FAULTS as error:
        raise damaged(package, READER, f"it is damaged or holds no ML program ({error})") from error


def find_model(package: Path) -> tuple[Path, Path]:
    """The specification, to which the package's manifest points, and the folder of the weights beside it."""
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
        (program,) = fields(fields(data)[_ML_PROGRAM][0])[2]
        function = fields(fields(program)[2][0])
        (block_entry,) = function[3]
        block = fields(fields(block_entry)[2][0])
        return Program(
            inputs=[text(fields(value)[1][0]) for value in function[1]],
            outputs=[text(name) for name in block[2]],
            operations=[self.operation(fields(value)) for value in block[3]],
        )

    def operation(self, message: Message) -> Operation:
        kind = text(message[1][0])
        inputs: dict[str, list[str | Value]] = {}
        for name, argument in entries(message.get(2, [])):
            bindings = (fields(binding) for binding in fields(argument).get(1, []))
            inputs[name] = [text(b[1][0]) if 1 in b else self.value(fields(b[2][0])) for b in bindings]
        attributes = dict(entries(message.get(5, [])))
        constant = self.value(fields(attributes["val"])) if kind == "const" else None
        if kind.startswith("constexpr_"):
            # Until iOS 17 these have their numbers as attributes, beside their own name.
            numbers = {name: value for name, value in attributes.items() if name != "name"}
            inputs |= {name: [self.value(fields(value))] for name, value in numbers.items()}
        results = [fields(value) for value in message.get(3, [])]
        types = [] if kind == "const" else [_tensor_type(result[2][0]) for result in results]
        return Operation(
            kind=kind, inputs=inputs, outputs=[text(result[1][0]) for result in results], constant=constant, types=types
        )

    def value(self, message: Message) -> Value:
        """A tensor, whose numbers are in the specification or in the file of weights."""
        tensor_type = fields(fields(message[2][0])[1][0])
        kind = number(tensor_type[1][0])
        shape = [_size(fields(dimension)) for dimension in tensor_type.get(3, [])]
        if 5 in message:
            return self.blob(fields(message[5][0])).reshape(shape)
        (tensor,) = fields(message[3][0])[1]
        ((field_number, packed),) = fields(tensor).items()
        content = fields(packed[0]).get(1, [])
        if kind == _STRING:
            return np.array(text(content[0]))
        return _numbers(field_number, content, _dtype(kind)).reshape(shape)

    def blob(self, message: Message) -> Value:
        name, offset = text(message[1][0]), number(message[2][0])
        file = Path(name).name
        if file not in self.blobs:
            self.blobs[file] = (self.weights / file).read_bytes()
        return read_blob(self.blobs[file], offset)


def _tensor_type(value_type: Field) -> TensorType:
    tensor_type = fields(fields(value_type)[1][0])
    dimensions = [fields(dimension) for dimension in tensor_type.get(3, [])]
    shape = tuple(_size(dimension) if 1 in dimension else None for dimension in dimensions)
    return TensorType(_dtype(number(tensor_type[1][0])), shape)


def _size(dimension: Message) -> int:
    # Protocol buffers do not write a size of 0 at all.
    return number(fields(dimension[1][0]).get(1, [0])[0])


def _dtype(kind: int) -> np.dtype[np.generic]:
    if kind not in _TENSOR_TYPES:
        raise ValueError(f"numbers of the type {kind} are not known")
    return np.dtype(_TENSOR_TYPES[kind])


def _numbers(field_number: int, content: list[Field], dtype: np.dtype[np.generic]) -> Value:
    """Numbers in the specification.

    Args:
        field_number: 1 for floats, 2 ints, 3 bools, 5 long ints, 6 doubles, 7 bytes in the tensor's own type.
        content: The field's values.
        dtype: The tensor's type.
    """
    if field_number in (2, 3, 5):
        return np.array(integers(content), np.int64).astype(dtype)
    stored = dtype if field_number == 7 else np.dtype({1: "<f4", 6: "<f8"}[field_number])
    return np.frombuffer(b"".join(raw(value) for value in content), stored).astype(dtype)


def read_blob(data: bytes, offset: int) -> Value:
    """Read one record of the file of weights: numbers behind a header of 64 bytes.

    Args:
        data: Content of the file.
        offset: Byte at which the header begins.

    Returns:
        The numbers; those of less than a byte are in bytes.

    Raises:
        ValueError: There is no such record, or its type is not known.
    """
    if offset + 40 > len(data):
        raise ValueError(f"the weights are truncated: no record is at byte {offset}")
    sentinel, kind, size, start, padding = struct.unpack_from("<IIQQQ", data, offset)
    if sentinel != _BLOB_SENTINEL or start + size > len(data):
        raise ValueError(f"the weights are truncated or changed at byte {offset}")
    if kind in _BLOB_BITS:
        bits, signed = _BLOB_BITS[kind]
        return unpack_bits(np.frombuffer(data, np.uint8, size, start), bits, (size * 8 - padding) // bits, signed)
    if kind not in _BLOB_TYPES:
        raise ValueError(f"weights of the type {kind} are not known")
    return np.frombuffer(data, _BLOB_TYPES[kind], size // np.dtype(_BLOB_TYPES[kind]).itemsize, start)
