"""Read the weights in a TensorFlow checkpoint (format V2) with numpy alone. Nothing in such a file is run.

A checkpoint is an index, a sorted string table in LevelDB's layout, that says for each name where its numbers lie in a
second file. The layouts are documented in LevelDB's `table_format.md` and in TensorFlow's `tensor_bundle.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import CheckpointError

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48
_FLOAT32 = 1
MAX_TENSORS = 10_000
"""More entries than this are refused: an index is read into memory."""


def read_tensors(index: bytes, data: bytes) -> Mapping[str, NDArray[np.float32]]:
    """Read all float32 tensors of a checkpoint of one shard.

    Args:
        index: Content of the `.index` file.
        data: Content of the `.data-00000-of-00001` file.

    Returns:
        Tensors by name, read-only views of `data`. Entries of other types are left out.

    Raises:
        CheckpointError: The files are not such a checkpoint, or are damaged.
    """
    try:
        return dict(_tensors(index, data))
    except (IndexError, ValueError, OverflowError) as error:
        raise CheckpointError(f"the TensorFlow checkpoint is damaged ({error}); download it again") from error


def _tensors(index: bytes, data: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    if index[-len(_MAGIC) :] != _MAGIC:
        raise ValueError("its index is not a string table")
    footer = index[-_FOOTER:]
    at = _skip_numbers(footer, 0, 2)
    offset, at = _number(footer, at)
    size, _ = _number(footer, at)
    entries = 0
    for _, handle in _block(index, offset, size):
        block_offset, at = _number(handle, 0)
        block_size, _ = _number(handle, at)
        for name, entry in _block(index, block_offset, block_size):
            entries += 1
            if entries > MAX_TENSORS:
                raise ValueError(f"it has more than {MAX_TENSORS:,} entries")
            fields = dict(_fields(entry))
            if name and fields.get(1) == _FLOAT32:
                yield name.decode(), _tensor(fields, data)


def _tensor(fields: Mapping[int, int | bytes], data: bytes) -> NDArray[np.float32]:
    shape = tuple(_dimensions(fields.get(2, b"")))
    offset, size = fields.get(4, 0), fields.get(5, 0)
    if not isinstance(offset, int) or not isinstance(size, int) or offset + size > len(data):
        raise ValueError("a tensor lies outside of the data file")
    return np.frombuffer(data[offset : offset + size], dtype="<f4").reshape(shape)


def _dimensions(shape: int | bytes) -> Iterator[int]:
    if isinstance(shape, int):
        raise ValueError("a tensor has no shape")
    for key, dimension in _fields(shape):
        if key == 2 and isinstance(dimension, bytes):
            size = dict(_fields(dimension)).get(1, 0)
            if not isinstance(size, int):
                raise ValueError("a dimension is not a number")
            yield size


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block. Each key shares its first bytes with the key before it."""
    if offset + size >= len(table):
        raise ValueError("a block lies outside of the index")
    if table[offset + size] != 0:
        raise ValueError("the index is compressed, which TensorFlow's own writer does not do")
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    end, at, key = len(block) - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = _number(block, at)
        added, at = _number(block, at)
        length, at = _number(block, at)
        if at + added + length > end:
            raise ValueError("an entry lies outside of its block")
        key = key[:shared] + block[at : at + added]
        at += added
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protocol buffer: numbers as such, all else as bytes."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _number(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _number(message, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if size < 0 or at + size > len(message):
            raise ValueError("a field lies outside of its message")
        yield tag >> 3, message[at : at + size]
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number, and where the next one begins."""
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number has too many bytes")


def _skip_numbers(data: bytes, at: int, count: int) -> int:
    for _ in range(count):
        _, at = _number(data, at)
    return at
