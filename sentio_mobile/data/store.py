"""The log-mel store: clips as records of one size in a file that only grows, shared by every process through its map.

STORE/<key>/
    meta.json       the front end that made the records; <key> is its hash, so that another one has another store
    mels.f16        float16 [rows, n_mels, n_frames], unit levels in [0, 1], little-endian
    journal.jsonl   a line a record, written after it: its checksum, and the audio file that it came from
    lock            held by whoever writes

What the journal does not vouch for is not there: a killed writer leaves at most a record without its line, or half a
line, and the next writer cuts both off.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.data.journal import Clip, FileState, Index, Line, read_journal
from sentio_mobile.errors import DataError, OutputError
from sentio_mobile.spec import AudioSpec

META, RECORDS, JOURNAL, LOCK = "meta.json", "mels.f16", "journal.jsonl", "lock"
_DTYPE = np.dtype("<f2")
_UNSYNCED = 64
"""Records between two waits for the disk: so many may be lost with the power, and are looked at again."""


def meta_of(audio: AudioSpec) -> dict[str, Any]:
    """What the records of a front end depend on."""
    return {"front_end": FRONT_END_VERSION, "log_mel": audio.log_mel, "shape": [audio.n_mels, audio.n_frames]}


def key_of(audio: AudioSpec) -> str:
    """The name of the folder that holds the records of a front end, and of no other."""
    return hashlib.sha256(json.dumps(meta_of(audio), sort_keys=True).encode()).hexdigest()[:16]


def is_store(folder: Path) -> bool:
    """Whether a folder is one that a writer made and that holds nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {"?"}
    return all(name in (META, RECORDS, JOURNAL, LOCK) or name.startswith(f".{META}.") for name in names)


def checksum_of(record: bytes) -> int:
    """The first eight bytes of a record's SHA-256, as a number."""
    return int.from_bytes(hashlib.sha256(record).digest()[:8], "big")


@dataclass(frozen=True)
class Store:
    """A store, opened for reading: `mels` [rows, n_mels, n_frames] from disk, and the journal's `checksums` [rows]."""

    folder: Path
    mels: NDArray[np.float16]
    checksums: NDArray[np.uint64]

    def __reduce__(self) -> tuple[Any, ...]:
        # A map would travel as all that it shows; another process maps the file itself.
        return _map_store, (self.folder, self.mels.shape, self.checksums)

    def verify_rows(self, rows: Iterable[int]) -> Iterator[int]:
        """Read records, one at a time, and give the rows whose content is not what was written.

        Raises:
            DataError: the records cannot be read.
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
    """Open the store of a front end for reading; whoever writes to it meanwhile does no harm.

    Args:
        folder: STORE/<key>.
        audio: the front end that the records must come from.

    Raises:
        DataError: it is missing, holds the records of another front end, or holds none.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: the store is missing; bring it back, or prepare the data again")
    _require_meta(folder, audio)
    try:
        checksums = np.array([line.checksum for line in _records(folder)], dtype=np.uint64)
        shape = (audio.n_mels, audio.n_frames)
        size = _DTYPE.itemsize * shape[0] * shape[1]
        rows = min(len(checksums), (folder / RECORDS).stat().st_size // size)
    except OSError as error:
        raise DataError(f"{folder}: the store is damaged ({error.strerror}); prepare the data again") from error
    if rows == 0:
        raise DataError(f"{folder}: the store holds no record; prepare the data again")
    return _map_store(folder, (rows, *shape), checksums[:rows])


def remove_store(folder: Path) -> None:
    """Remove a store, unless somebody is writing to it."""
    try:
        with (folder / LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    except OSError:
        return


def _map_store(folder: Path, shape: tuple[int, ...], checksums: NDArray[np.uint64]) -> Store:
    return Store(folder, np.memmap(folder / RECORDS, dtype=_DTYPE, mode="r", shape=shape), checksums)


def _records(folder: Path) -> Iterator[Line]:
    last = -1
    for _, line in read_journal(folder / JOURNAL):
        if line.row > last:
            last = line.row
            yield line


def _require_meta(folder: Path, audio: AudioSpec) -> None:
    if read_json(folder / META, DataError) != meta_of(audio):
        raise DataError(f"{folder}: the store holds log-mels of another front end; prepare the data again")


class StoreWriter:
    """A store, opened for writing, by one process at a time; what was stored before is found by its content."""

    def __init__(self, folder: Path, audio: AudioSpec) -> None:
        """Lock the store, make it where there is none, and cut off what its journal does not vouch for.

        Args:
            folder: STORE/<key>.
            audio: the front end; clips are `audio.n_mels` by `audio.n_frames`.

        Raises:
            OutputError: another process writes to it, or it cannot be written.
            DataError: it holds the records of another front end.
        """
        self.folder, self._audio = folder, audio
        self._size = _DTYPE.itemsize * audio.n_mels * audio.n_frames
        self._open: list[IO[bytes]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            if not (folder / META).exists() and not (folder / JOURNAL).exists():
                write_json(folder / META, meta_of(audio))
            _require_meta(folder, audio)
            for name in (RECORDS, JOURNAL):
                self._open.append((folder / name).open("ab", buffering=0))
            self._records, self._journal = self._open[1:]
            self.index = self._recover()
        except OSError as error:
            self.close()
            raise self._refusal(error) from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files and of the lock."""
        for file in reversed(self._open):
            file.close()
        self._open = []

    def add(self, clip: Clip, file: FileState, mel: NDArray[np.float32]) -> int:
        """Store a clip, unless its content is there already; remember that `file` holds it.

        Args:
            clip: which window of which content.
            file: the file's state before it was read.
            mel: unit levels [n_mels, n_frames].

        Returns:
            The clip's row.

        Raises:
            OutputError: it cannot be written, for want of space for example; what was stored before stays good.
        """
        row = self.index.row_of_clip(clip.sha256, clip.start)
        if row is not None:
            self.remember(row, file)
            return row
        record = mel.astype(_DTYPE).tobytes()
        row, checksum = len(self.index), checksum_of(record)
        self._append(self._records, record, row * self._size)
        try:
            self._note(Line(row, checksum, clip, file))
        except OutputError:
            self._cut(self._records, row * self._size)
            raise
        if len(self.index) % _UNSYNCED == 0:
            self.sync()
        return row

    def remember(self, row: int, file: FileState) -> None:
        """Note that `file` has the content of which `row` is a window, so that it need not be hashed again.

        Raises:
            OutputError: it cannot be written.
        """
        if self.index.row_of_file(file) is None:
            self._note(Line(row, self.index.checksums[row], self.index.clip(row), file))

    def sync(self) -> None:
        """Wait until all is on the disk: the records first, then the journal that vouches for them.

        Raises:
            OutputError: the disk refuses.
        """
        try:
            os.fsync(self._records.fileno())
            os.fsync(self._journal.fileno())
        except OSError as error:
            raise self._refusal(error) from error

    def _note(self, line: Line) -> None:
        offset = self._journal.tell()
        self._append(self._journal, line.encode(), offset)
        self.index.take(line, offset)

    def _append(self, file: IO[bytes], content: bytes, end: int) -> None:
        """Write at `end`, where the file ends; a full disk can take half, and that half is taken back."""
        view = memoryview(content)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError as error:
            self._cut(file, end)
            raise self._refusal(error) from error

    def _recover(self) -> Index:
        """Read the journal, and cut off all from the first record or line on that is not whole."""
        present = self._records.tell() // self._size
        while True:
            index, end = Index(), 0
            for offset, line in read_journal(self.folder / JOURNAL):
                if line.row >= present:
                    break
                index.take(line, offset)
                end = offset + len(line.encode())
            self._cut(self._journal, end)
            self._cut(self._records, len(index) * self._size)
            bad = self._first_bad(index)
            if bad is None:
                return index
            present = bad

    def _first_bad(self, index: Index) -> int | None:
        """The first record of the last few that is not what the journal says: written, and lost with the power."""
        with (self.folder / RECORDS).open("rb", buffering=0) as file:
            for row in range(max(0, len(index) - _UNSYNCED), len(index)):
                if checksum_of(os.pread(file.fileno(), self._size, row * self._size)) != index.checksums[row]:
                    return row
        return None

    @staticmethod
    def _cut(file: IO[bytes], size: int) -> None:
        # Position counts where records are found and lines are noted; both files are only ever appended to.
        file.truncate(size)
        file.seek(size)

    def _lock(self) -> None:
        # Opened for appending: the lock is on the file, and nobody's file is emptied to take it.
        file = (self.folder / LOCK).open("ab")
        self._open.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{self.folder}: another process is writing to this store; wait for it to end") from error

    def _refusal(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self.folder}: {error.strerror}; make room or choose another place, then give the command "
            "again: what is stored stays"
        )
