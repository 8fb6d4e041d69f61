"""The operators of a `.pte` file, and what its constants are. program.fbs in ExecuTorch's source names the fields.

A file is a header, a program (a flatbuffer), and segments of bytes: constants, and the graphs that a library for a part
of the work (a backend) reads. Those of XNNPACK are flatbuffers with a header of their own (its schema.fbs).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from flatbuffers.number_types import Int8Flags, Int16Flags, Uint8Flags, Uint32Flags, Uint64Flags

from sentio_mobile.formats.operators.tables import Table

_IDENTIFIER, _HEADER, _HEADER_LENGTH = b"ET12", b"eh00", 32
_PLANS, _CONSTANT_BUFFER, _INLINE_DELEGATES, _SEGMENTS, _MUTABLE = 1, 2, 3, 4, 6
_NAME, _VALUES, _CHAINS, _OPERATORS, _DELEGATES, _DEVICES = 0, 2, 5, 6, 7, 9
_OVERLOAD = 1
_PROCESSED, _COMPILE_SPECS, _LOCATION, _INDEX = 1, 2, 0, 1
_INSTRUCTIONS = 2
_OFFSET, _SIZE = 0, 1
_UNION, _UNION_VALUE = 0, 1
_KERNEL_CALL, _DELEGATE_CALL, _FREE_CALL = 1, 2, 5
_TENSOR, _SCALAR_TYPE, _SIZES, _BUFFER, _EXTRA = 5, 0, 2, 5, 9
_EXTERNAL, _DEVICE = 2, 3
_SCALARS = {
    **{0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64"},
    **{11: "bool"},
}

_XNNPACK = "XnnpackBackend"
_XNN_HEADER, _XNN_IDENTIFIERS = b"XH00", (b"XN00", b"XN01")
_XNN_NODES, _XNN_VALUES, _XNN_CONSTANTS = 1, 2, 8
_XNN_TENSOR, _XNN_QUANTIZED = 1, 2
_XNN_TYPE, _XNN_DIMS, _XNN_CONSTANT = 0, 2, 3
_XNN_KEY = 2
_XNN_TYPES = {
    **{1: "float32", 2: "float16", 3: "int8", 4: "uint8", 5: "int32", 6: "int8", 7: "int32", 8: "int4", 9: "int8"},
    **{10: "int4", 11: "int8", 12: "int32", 13: "float32", 14: "bfloat16"},
}


def operators_in(content: bytes) -> set[str]:
    """The operators of all methods, and XNNPACK's nodes by number. What could do more is a word in brackets.

    Raises:
        ValueError: The file is not one of this format.
    """
    file = _File.read(content)
    found = set()
    if file.program.count(_CONSTANT_BUFFER) or file.program.count(_INLINE_DELEGATES):
        found.add("[bytes in the program]")
    if file.program.count(_MUTABLE):
        found.add("[state]")
    for plan in file.program.tables(_PLANS):
        if (name := plan.text(_NAME)) != "forward":
            found.add(f"[method {name:.60}]")
        if plan.count(_DEVICES):
            found.add("[device]")
        found.update(f"{one.text(_NAME)}.{one.text(_OVERLOAD)}" for one in plan.tables(_OPERATORS))
        found.update(_instructions(plan))
        found.update(_values(plan))
        for delegate in plan.tables(_DELEGATES):
            if (backend := delegate.text(_NAME)) != _XNNPACK:
                found.add(f"[backend {backend:.60}]")
            else:
                found.update(f"xnnpack {number}" for number in _unions(file.graph(delegate), _XNN_NODES))
            if delegate.count(_COMPILE_SPECS):
                found.add("[options of a backend]")
    return found


def constants_in(content: bytes) -> dict[str, int]:
    """Count the numbers of all constants by numpy's names of their types.

    Raises:
        ValueError: The file is not one of this format.
    """
    file, counts = _File.read(content), Counter[str]()
    # Graphs may share a constant, by its name.
    seen: set[str] = set()
    for plan in file.program.tables(_PLANS):
        for value in plan.tables(_VALUES):
            tensor = value.table(_UNION_VALUE)
            if tensor and value.integer(_UNION, Uint8Flags) == _TENSOR and tensor.integer(_BUFFER, Uint32Flags):
                counts[_SCALARS.get(tensor.integer(_SCALAR_TYPE, Int8Flags), "other")] += prod(tensor.integers(_SIZES))
        for delegate in plan.tables(_DELEGATES):
            if delegate.text(_NAME) == _XNNPACK:
                counts.update(_xnnpack_constants(file.graph(delegate), seen))
    return dict(counts)


@dataclass(frozen=True)
class _File:
    content: bytes
    program: Table
    segments: int
    """Where segments begin."""

    @classmethod
    def read(cls, content: bytes) -> _File:
        if content[4:8] != _IDENTIFIER:
            raise ValueError("it is not an ExecuTorch program")
        # Without this header the runtime would look for segments elsewhere.
        length, size, segments = struct.unpack_from("<IQQ", content, 12)
        if content[8:12] != _HEADER or length < _HEADER_LENGTH:
            raise ValueError("it has no extended header")
        return cls(content, Table.root(content[:size]), segments)

    def graph(self, delegate: Table) -> Table:
        """XNNPACK's graph of a delegate."""
        data = self._data(delegate)
        if data[4:8] != _XNN_HEADER:
            raise ValueError("it has a graph of XNNPACK without a header")
        start, size = struct.unpack_from("<II", data, 10)
        graph = data[start : start + size]
        if graph[4:8] not in _XNN_IDENTIFIERS:
            raise ValueError("it has a graph of XNNPACK of another version")
        return Table.root(graph)

    def _data(self, delegate: Table) -> bytes:
        place = delegate.table(_PROCESSED)
        if place is None or place.integer(_LOCATION, Int8Flags) != 1:
            raise ValueError("it has a graph that is no segment")
        for number, segment in enumerate(self.program.tables(_SEGMENTS)):
            if number == place.integer(_INDEX, Uint32Flags):
                start = self.segments + segment.integer(_OFFSET, Uint64Flags)
                return self.content[start : start + segment.integer(_SIZE, Uint64Flags)]
        raise ValueError("it has a graph whose segment is missing")


def _unions(table: Table, field: int) -> Iterator[int]:
    """The kinds of a list of unions."""
    for item in table.tables(field):
        yield item.integer(_UNION, Uint8Flags)


def _instructions(plan: Table) -> Iterator[str]:
    for chain in plan.tables(_CHAINS):
        for kind in _unions(chain, _INSTRUCTIONS):
            # A jump can go back, and never end.
            if kind not in (_KERNEL_CALL, _DELEGATE_CALL, _FREE_CALL):
                yield f"[instruction {kind}]"


def _values(plan: Table) -> Iterator[str]:
    for value in plan.tables(_VALUES):
        tensor = value.table(_UNION_VALUE)
        extra = tensor.table(_EXTRA) if tensor and value.integer(_UNION, Uint8Flags) == _TENSOR else None
        if extra and extra.integer(_EXTERNAL, Int8Flags):
            yield "[external data]"
        if extra and extra.integer(_DEVICE, Int8Flags):
            yield "[device]"


def _xnnpack_constants(graph: Table, seen: set[str]) -> Counter[str]:
    counts = Counter[str]()
    keys = [constant.text(_XNN_KEY) for constant in graph.tables(_XNN_CONSTANTS)]
    for value in graph.tables(_XNN_VALUES):
        tensor = value.table(_UNION_VALUE)
        if tensor and value.integer(_UNION, Uint8Flags) == _XNN_QUANTIZED:
            tensor = tensor.table(_XNN_TENSOR - 1)
        index = tensor.integer(_XNN_CONSTANT, Uint32Flags) if tensor else 0
        if tensor is None or not index:
            continue
        key = keys[index] if index < len(keys) else ""
        if not key or key not in seen:
            seen.add(key)
            counts[_XNN_TYPES.get(tensor.integer(_XNN_TYPE, Int16Flags), "other")] += prod(tensor.integers(_XNN_DIMS))
    return counts
