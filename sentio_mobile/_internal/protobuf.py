"""Read protocol buffers without their schema.

A message becomes a mapping from field number to values; the published `.proto` files say what a field means. A
generated parser would need the very package whose output is checked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Field = bytes | int
Message = dict[int, list[Field]]
"""Field number to its values, in order. Numbers of fixed width stay bytes."""

FAULTS = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, struct.error)
"""What reading or executing a damaged or hostile file may raise."""


def fields(data: Field) -> Message:
    """Split a message into its fields."""
    data = raw(data)
    message: Message = {}
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        # Readers with 32 bits would take a larger key for another field.
        if not 8 <= key < 1 << 32:
            raise ValueError("the specification has a field of a number that cannot be")
        field, wire = key >> 3, key & 7
        value: Field
        if wire == 0:
            value, at = varint(data, at)
        else:
            if wire not in _FIXED and wire != 2:
                raise ValueError(f"the specification has a field of the unknown kind {wire}")
            size, at = varint(data, at) if wire == 2 else (_FIXED[wire], at)
            if at + size > len(data):
                raise ValueError("the specification ends too early")
            value, at = data[at : at + size], at + size
        message.setdefault(field, []).append(value)
    return message


_FIXED = {1: 8, 5: 4}


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of variable length, and where the next one begins.

    Raises:
        ValueError: The data end before the number does, or it has more than 64 bits.
    """
    number = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the specification ends too early")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number in the specification has no end")


def integers(values: list[Field]) -> list[int]:
    """Signed integers, packed together or one by one; a negative one is written as 64 bits."""
    unsigned = (n for value in values for n in _unpacked(value))
    return [n - (1 << 64) if n >> 63 else n for n in unsigned]


def _unpacked(value: Field) -> Iterator[int]:
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = varint(value, at)
        yield number


def floats(values: list[Field]) -> NDArray[np.float32]:
    """32-bit floating-point numbers, packed together or one by one."""
    return np.frombuffer(b"".join(raw(value) for value in values), "<f4").astype(np.float32)


def entries(values: list[Field]) -> Iterator[tuple[str, Field]]:
    """A map: a list of messages, each with a key and a value."""
    for value in values:
        entry = fields(value)
        yield text(entry[1][0]), entry[2][0]


def raw(value: Field) -> bytes:
    """The bytes of a message, of text, or of packed numbers."""
    if not isinstance(value, bytes):
        raise TypeError("a number stands where a message must be")
    return value


def text(value: Field) -> str:
    """A word."""
    return raw(value).decode()


def number(value: Field) -> int:
    """An integer that is not negative."""
    if not isinstance(value, int):
        raise TypeError("a message stands where a number must be")
    return value
