"""The log-mel store: clips as records of one size in a file that only grows, which every process maps into memory.

STORE/<key>/
    meta.json       The front end of the records. <key> is its hash, so that every front end has a store of its own.
    mels.f16        float16 [rows, n_mels, n_frames]: normalized log-mels with values in [0, 1], little-endian.
    journal.jsonl   One line for each record, written after it: its checksum, and the audio file that it came from.
    lock            Held by the process that writes.

A record without a line in the journal does not count. A killed writer leaves at most one such record, or half a line,
and the next writer cuts both off.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from filelock import FileLock, Timeout
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import open_file
from sentio_mobile._internal.records import Count, Name, Record, read_record, to_plain
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.data.journal import Line, read_journal
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec, Setting

META, RECORDS, JOURNAL, LOCK = "meta.json", "mels.f16", "journal.jsonl", "lock"
DTYPE = np.dtype("<f2")


class StoreMeta(Record, frozen=True, kw_only=True):
    """meta.json of a store: everything that its records depend on."""

    front_end: Count  # version of the reference front end
    log_mel: Annotated[dict[Name, Setting], Meta(max_length=32)]  # settings that change a log-mel
    shape: tuple[Count, Count]  # mel bands and frames of a record


@dataclass(frozen=True)
class Store:
    """A store, opened for reading.

    Attributes:
        folder: Folder of the store, STORE/<key>.
        mels: Normalized log-mels [rows, n_mels, n_frames], memory-mapped.
        checksums: Checksum of each record, from the journal [rows].
    """

    folder: Path
    mels: NDArray[np.float16]
    checksums: NDArray[np.uint64]

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled map would carry the whole content. The receiving process maps the file itself.
        return _map_store, (self.folder, self.mels.shape, self.checksums)

    def verify_rows(self, rows: Iterable[int]) -> Iterator[int]:
        """Read records one at a time and yield the rows whose content differs from what was written.

        Raises:
            DataError: The records cannot be read.
        """
        size = self.mels[0].nbytes
        try:
            with (self.folder / RECORDS).open("rb", buffering=0) as file:
                for row in rows:
                    if checksum_of(os.pread(file.fileno(), size, row * size)) != self.checksums[row]:
                        yield row
        except OSError as error:
            raise DataError(f"{self.folder / RECORDS}: cannot be read ({error.strerror}); check the disk") from error


def open_store(folder: Path, audio: AudioSpec) -> Store:
    """Open the store of a front end for reading. Another process may write to it at the same time.

    Args:
        folder: Folder of the store, STORE/<key>.
        audio: Front end that the records must come from.

    Raises:
        DataError: The store is missing or damaged, holds records of another front end, or holds none.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: the store is missing; bring it back, or prepare the data again")
    require_meta(folder, audio)
    try:
        checksums = np.array([line.checksum for line in _records(folder)], dtype=np.uint64)
        shape = (audio.n_mels, audio.n_frames)
        with open_file(folder / RECORDS) as file:
            rows = min(len(checksums), os.fstat(file.fileno()).st_size // record_bytes(audio))
    except OSError as error:
        raise DataError(f"{folder}: the store is damaged ({error.strerror}); prepare the data again") from error
    if rows == 0:
        raise DataError(f"{folder}: the store holds no record; prepare the data again")
    return _map_store(folder, (rows, *shape), checksums[:rows])


def meta_of(audio: AudioSpec) -> StoreMeta:
    """Everything that the records of a front end depend on."""
    return StoreMeta(front_end=FRONT_END_VERSION, log_mel=dict(audio.log_mel), shape=(audio.n_mels, audio.n_frames))


def key_of(audio: AudioSpec) -> str:
    """Name of the folder that holds the records of a front end, and of no other."""
    return hashlib.sha256(json.dumps(to_plain(meta_of(audio)), sort_keys=True).encode()).hexdigest()[:16]


def require_meta(folder: Path, audio: AudioSpec) -> None:
    """Check that a store holds records of this front end.

    Raises:
        DataError: It holds others, or its meta.json is damaged.
    """
    if read_record(StoreMeta, folder / META, DataError) != meta_of(audio):
        raise DataError(f"{folder}: the store holds log-mels of another front end; prepare the data again")


def record_bytes(audio: AudioSpec) -> int:
    """Size of one record."""
    return DTYPE.itemsize * audio.n_mels * audio.n_frames


def checksum_of(record: bytes) -> int:
    """The first eight bytes of a record's SHA-256, as a number."""
    return int.from_bytes(hashlib.sha256(record).digest()[:8], "big")


def is_store(folder: Path) -> bool:
    """Whether a folder was made by a store's writer and holds nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {"?"}
    return all(name in (META, RECORDS, JOURNAL, LOCK) or name.startswith(f".{META}.") for name in names)


def remove_store(folder: Path) -> None:
    """Remove a store, unless a process is writing to it."""
    try:
        with FileLock(folder / LOCK, blocking=False):
            shutil.rmtree(folder)
    except (OSError, Timeout):
        return


def _map_store(folder: Path, shape: tuple[int, ...], checksums: NDArray[np.uint64]) -> Store:
    return Store(folder, np.memmap(folder / RECORDS, dtype=DTYPE, mode="r", shape=shape), checksums)


def _records(folder: Path) -> Iterator[Line]:
    """The journal's lines that announce a new record."""
    last = -1
    for _, _, line in read_journal(folder / JOURNAL):
        if line.row > last:
            last = line.row
            yield line
