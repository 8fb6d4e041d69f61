"""Read the weights in a TensorFlow checkpoint (format V2) with numpy alone. Nothing in such a file is run.

A checkpoint is an index, a sorted string table in LevelDB's layout, that says for each name where its numbers lie in a
second file. The layouts are documented in LevelDB's `table_format.md` and in TensorFlow's `tensor_bundle.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.protobuf import FAULTS, Message, fields, number, varint
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
    except FAULTS as error:
        raise CheckpointError(f"the TensorFlow checkpoint is damaged ({error}); download it again") from error


def _tensors(index: bytes, data: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    if index[-len(_MAGIC) :] != _MAGIC:
        raise ValueError("its index is not a string table")
    footer, at = index[-_FOOTER:], 0
    # Offset and size of a block that is not needed, then those of the block that names the others.
    _, at = varint(footer, at)
    _, at = varint(footer, at)
    offset, at = varint(footer, at)
    size, _ = varint(footer, at)
    entries = 0
    for _, handle in _block(index, offset, size):
        block_offset, at = varint(handle, 0)
        block_size, _ = varint(handle, at)
        for name, entry in _block(index, block_offset, block_size):
            entries += 1
            if entries > MAX_TENSORS:
                raise ValueError(f"it has more than {MAX_TENSORS:,} entries")
            message = fields(entry)
            if name and message.get(1) == [_FLOAT32]:
                yield name.decode(), _tensor(message, data)


def _tensor(message: Message, data: bytes) -> NDArray[np.float32]:
    dimensions = [fields(dimension) for shape in message.get(2, []) for dimension in fields(shape).get(2, [])]
    shape = tuple(number(dimension.get(1, [0])[0]) for dimension in dimensions)
    offset, size = (number(message.get(key, [0])[0]) for key in (4, 5))
    if offset + size > len(data):
        raise ValueError("a tensor lies outside of the data file")
    return np.frombuffer(data[offset : offset + size], dtype="<f4").reshape(shape)


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
        shared, at = varint(block, at)
        added, at = varint(block, at)
        length, at = varint(block, at)
        if at + added + length > end:
            raise ValueError("an entry lies outside of its block")
        key = key[:shared] + block[at : at + added]
        at += added
        yield key, block[at : at + length]
        at += length
