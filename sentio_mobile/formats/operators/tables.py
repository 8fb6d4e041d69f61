"""Read flatbuffers without generated code, so that a file can be checked where its runtime is not installed."""

from __future__ import annotations

from collections.abc import Iterator

from flatbuffers import encode, number_types
from flatbuffers.table import Table as _Table

MAX_ITEMS = 1_000_000
"""The longest list that is read."""


class Table:
    """A table of a flatbuffer. Its fields are numbered from 0, in the order of the schema.

    Reading beyond the end of the file raises `struct.error`, one of `FAULTS`.
    """

    def __init__(self, content: bytes, at: int) -> None:
        self._table = _Table(content, at)

    @classmethod
    def root(cls, content: bytes) -> Table:
        """The table that a file begins with."""
        return cls(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))

    def has(self, field: int) -> bool:
        """Whether a field is given."""
        return self._offset(field) != 0

    def integer(self, field: int, kind: type[number_types.Int8Flags], default: int = 0) -> int:
        """A number."""
        offset = self._offset(field)
        return int(self._table.Get(kind, self._table.Pos + offset)) if offset else default

    def text(self, field: int) -> str:
        """A word; empty where it is not given."""
        offset = self._offset(field)
        return self._table.String(self._table.Pos + offset).decode() if offset else ""

    def table(self, field: int) -> Table | None:
        """A table in this one."""
        offset = self._offset(field)
        return Table(self._table.Bytes, self._table.Indirect(self._table.Pos + offset)) if offset else None

    def tables(self, field: int) -> Iterator[Table]:
        """The tables of a list."""
        for at in self._items(field):
            yield Table(self._table.Bytes, self._table.Indirect(at))

    def integers(self, field: int) -> list[int]:
        """The numbers of a list, of 32 bits each and without a sign."""
        get = number_types.Uint32Flags
        return [int(self._table.Get(get, at)) for at in self._items(field)]

    def count(self, field: int) -> int:
        """The length of a list.

        Raises:
            ValueError: It is longer than any list that is read.
        """
        offset = self._offset(field)
        count = self._table.VectorLen(offset) if offset else 0
        if count > MAX_ITEMS:
            raise ValueError(f"it has a list of {count:,} items, more than the {MAX_ITEMS:,} that are read")
        return int(count)

    def _items(self, field: int) -> Iterator[int]:
        if count := self.count(field):
            start = self._table.Vector(self._offset(field))
            yield from range(start, start + 4 * count, 4)

    def _offset(self, field: int) -> int:
        return int(self._table.Offset(4 + 2 * field))
