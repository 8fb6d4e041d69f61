"""The file of weights of a Core ML package: records of numbers, each behind a header of 64 bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Value = NDArray[np.generic]

_SENTINEL = 0xDEADBEEF
_TYPES: Mapping[int, str] = {1: "<f2", 2: "<f4", 3: "u1", 4: "i1", 6: "<i2", 7: "<u2", 14: "<i4", 15: "<u4"}
_NARROW: Mapping[int, tuple[int, bool]] = {
    **{8: (4, True), 11: (4, False), 13: (6, False)},
    **{9: (1, False), 10: (2, False), 12: (3, False)},
}
"""Types narrower than a byte: their bits, and whether they are signed."""


def read_blob(data: bytes, offset: int) -> Value:
    """The numbers of the record whose header stands at `offset`; those narrower than a byte come as bytes.

    Raises:
        ValueError: there is no such record, or it holds numbers of a type that is not known.
    """
    if offset + 40 > len(data):
        raise ValueError(f"the weights are truncated: no record is at byte {offset}")
    sentinel, kind, size, start, padding = struct.unpack_from("<IIQQQ", data, offset)
    if sentinel != _SENTINEL or start + size > len(data):
        raise ValueError(f"the weights are truncated or changed at byte {offset}")
    if kind in _NARROW:
        bits, signed = _NARROW[kind]
        return unpack(np.frombuffer(data, np.uint8, size, start), bits, (size * 8 - padding) // bits, signed)
    if kind not in _TYPES:
        raise ValueError(f"weights of the type {kind} are not known")
    return np.frombuffer(data, _TYPES[kind], size // np.dtype(_TYPES[kind]).itemsize, start)


def unpack(packed: NDArray[np.uint8], bits: int, count: int, signed: bool = False) -> Value:
    """Integers that lie bit after bit, the least significant one first, across the borders of bytes."""
    spread = np.unpackbits(packed, bitorder="little")
    if count * bits > len(spread):
        raise ValueError(f"{len(packed)} bytes are too few for {count} numbers of {bits} bits")
    weights = 1 << np.arange(bits)
    weights[-1] *= -1 if signed else 1
    numbers = spread[: count * bits].reshape(count, bits) @ weights
    return numbers.astype(np.int8 if signed else np.uint8)
