"""Read a Core ML package as it lies on disk, with nothing but numpy.

What is checked is then the file that ships, and neither Core ML nor coremltools is needed to check it. MIL.proto and
Model.proto in coremltools name the fields of the specification; large constants stand in `weight.bin`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sentio_mobile.formats.artifacts import damaged
from sentio_mobile.formats.coreml_interpreter.mil_blob import Value, read_blob
from sentio_mobile.formats.coreml_interpreter.protobuf import (
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

READER = "the Core ML reader"
_ML_PROGRAM = 502
_STRING = 2
_TENSOR_TYPES: Mapping[int, str] = {
    **{1: "?", 10: "<f2", 11: "<f4", 12: "<f8"},
    **{21: "i1", 22: "<i2", 23: "<i4", 24: "<i8", 31: "u1", 32: "<u2", 33: "<u4", 34: "<u8"},
    # Narrower than a byte: they are held as bytes here.
    **{25: "i1", 35: "u1", 36: "u1", 37: "u1", 38: "u1", 39: "u1"},
}


@dataclass(frozen=True)
class TensorType:
    """What a program says of a value before it is computed. A size of None may be any."""

    dtype: np.dtype[np.generic]
    shape: tuple[int | None, ...]

    def fits(self, value: Value) -> bool:
        """Whether a value is what was announced."""
        return (
            value.dtype == self.dtype
            and value.ndim == len(self.shape)
            and all(wanted in (None, size) for wanted, size in zip(self.shape, value.shape, strict=True))
        )

    def __str__(self) -> str:
        return f"{self.dtype} {['any' if size is None else size for size in self.shape]}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One step of a program: what it does, with what, and the names of what comes out.

    An input is a list because a few operations (concat) take several values under one name. Each item is the name of
    an earlier value, or a value itself. `constant` is what a `const` holds; `types` are those of the outputs.
    """

    kind: str
    inputs: Mapping[str, list[str | Value]]
    outputs: list[str]
    constant: Value | None = None
    types: list[TensorType] = field(default_factory=list)


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
    except FAULTS as error:
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
            # Until iOS 17 these carry their numbers as attributes, beside their own name.
            given = {name: value for name, value in attributes.items() if name != "name"}
            inputs |= {name: [self.value(fields(value))] for name, value in given.items()}
        results = [fields(value) for value in message.get(3, [])]
        types = [] if kind == "const" else [_tensor_type(result[2][0]) for result in results]
        return Operation(
            kind=kind, inputs=inputs, outputs=[text(result[1][0]) for result in results], constant=constant, types=types
        )

    def value(self, message: Message) -> Value:
        """A tensor, its numbers written out or in the file of weights."""
        tensor_type = fields(fields(message[2][0])[1][0])
        kind = number(tensor_type[1][0])
        shape = [_size(fields(dimension)) for dimension in tensor_type.get(3, [])]
        if 5 in message:
            return self.blob(fields(message[5][0])).reshape(shape)
        (tensor,) = fields(message[3][0])[1]
        ((written, packed),) = fields(tensor).items()
        content = fields(packed[0]).get(1, [])
        if kind == _STRING:
            return np.array(text(content[0]))
        return _numbers(written, content, _dtype(kind)).reshape(shape)

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
    # A size of nought is not written at all, as always in protocol buffers.
    return number(fields(dimension[1][0]).get(1, [0])[0])


def _dtype(kind: int) -> np.dtype[np.generic]:
    if kind not in _TENSOR_TYPES:
        raise ValueError(f"numbers of the type {kind} are not known")
    return np.dtype(_TENSOR_TYPES[kind])


def _numbers(written: int, content: list[Field], wanted: np.dtype[np.generic]) -> Value:
    """Numbers written out: 1 floats, 2 ints, 3 bools, 5 long ints, 6 doubles, 7 bytes in the tensor's own type."""
    if written in (2, 3, 5):
        return np.array(integers(content), np.int64).astype(wanted)
    plain = wanted if written == 7 else np.dtype({1: "<f4", 6: "<f8"}[written])
    return np.frombuffer(b"".join(raw(value) for value in content), plain).astype(wanted)
