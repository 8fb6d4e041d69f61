"""The one process that may write to a log-mel store: it locks, recovers, appends, and survives a full disk."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from sentio_mobile._internal.files import open_to_append
from sentio_mobile._internal.records import write_record
from sentio_mobile.data.journal import Clip, FileState, Index, Line, read_journal
from sentio_mobile.data.store import (
    DTYPE,
    JOURNAL,
    LOCK,
    META,
    RECORDS,
    checksum_of,
    meta_of,
    record_bytes,
    require_meta,
)
from sentio_mobile.errors import OutputError
from sentio_mobile.spec import AudioSpec

_SYNC_INTERVAL = 64
"""Records between two syncs to the disk. A power failure may lose so many, and recovery verifies as many."""


class StoreWriter:
    """A store, opened for writing by one process at a time. It finds what was stored before by its content."""

    def __init__(self, folder: Path, audio: AudioSpec) -> None:
        """Lock the store, create it if it is missing, and cut off records without a line in the journal.

        Args:
            folder: Folder of the store, STORE/<key>.
            audio: Front end. Clips have the shape [audio.n_mels, audio.n_frames].

        Raises:
            OutputError: Another process writes to the store, or it cannot be written.
            DataError: It holds records of another front end.
        """
        self.folder, self._audio = folder, audio
        self._size = record_bytes(audio)
        self._open: list[IO[bytes]] = []
        self._claim = FileLock(folder / LOCK, blocking=False, thread_local=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            if not (folder / META).exists() and not (folder / JOURNAL).exists():
                write_record(folder / META, meta_of(audio))
            require_meta(folder, audio)
            for name in (RECORDS, JOURNAL):
                self._open.append(open_to_append(folder / name))
            self._records, self._journal = self._open
            self.index = self._recover()
        except OSError as error:
            self.close()
            raise self._output_error(error) from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and release the lock."""
        for file in reversed(self._open):
            file.close()
        self._open = []
        self._claim.release()

    def add(self, clip: Clip, file: FileState, mel: NDArray[np.floating]) -> int:
        """Store a clip, unless its content is there already, and note that `file` holds it.

        Args:
            clip: The window, and the hash of its file.
            file: State of the file before it was read.
            mel: Normalized log-mel [n_mels, n_frames].

        Returns:
            The clip's row.

        Raises:
            OutputError: It cannot be written, for example because the disk is full. Earlier records stay good.
        """
        row = self.index.row_of_clip(clip.sha256, clip.start, clip.change)
        if row is not None:
            self.remember(row, file)
            return row
        record = mel.astype(DTYPE).tobytes()
        row, checksum = len(self.index), checksum_of(record)
        self._append(self._records, record, row * self._size)
        try:
            self._note(Line(row, checksum, clip, file))
        except OutputError:
            self._cut(self._records, row * self._size)
            raise
        if len(self.index) % _SYNC_INTERVAL == 0:
            self.sync()
        return row

    def remember(self, row: int, file: FileState) -> None:
        """Note that `row` is a window of `file`, so that the file need not be hashed again.

        Raises:
            OutputError: The note cannot be written.
        """
        if self.index.row_of_file(file) is None:
            self._note(Line(row, self.index.checksums[row], self.index.clip(row), file))

    def sync(self) -> None:
        """Wait until everything is on the disk: first the records, then the journal that lists them.

        Raises:
            OutputError: The disk reports a fault, or the store was deleted meanwhile.
        """
        try:
            os.fsync(self._records.fileno())
            os.fsync(self._journal.fileno())
            for name, file in ((RECORDS, self._records), (JOURNAL, self._journal)):
                place = self.folder / name
                if not place.exists() or not os.path.samestat(place.stat(), os.fstat(file.fileno())):
                    raise OutputError(f"{place} was deleted while it was being written; give the command again")
        except OSError as error:
            raise self._output_error(error) from error

    def _note(self, line: Line) -> None:
        offset = self._journal.tell()
        self._append(self._journal, line.encode(), offset)
        self.index.take(line, offset)

    def _append(self, file: IO[bytes], content: bytes, end: int) -> None:
        """Write at `end`, the end of the file. A full disk may take half of it, and that half is cut off again."""
        view = memoryview(content)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError as error:
            self._cut(file, end)
            raise self._output_error(error) from error

    def _recover(self) -> Index:
        """Read the journal, and cut off everything from the first incomplete record or line on."""
        present = self._records.tell() // self._size
        while True:
            index, end = Index(), 0
            for offset, after, line in read_journal(self.folder / JOURNAL):
                if line.row >= present:
                    break
                index.take(line, offset)
                end = after
            self._cut(self._journal, end)
            self._cut(self._records, len(index) * self._size)
            damaged = self._first_damaged(index)
            if damaged is None:
                return index
            present = damaged

    def _first_damaged(self, index: Index) -> int | None:
        """The first of the last few records that differs from its checksum, as after a power failure."""
        with (self.folder / RECORDS).open("rb", buffering=0) as file:
            for row in range(max(0, len(index) - _SYNC_INTERVAL), len(index)):
                if checksum_of(os.pread(file.fileno(), self._size, row * self._size)) != index.checksums[row]:
                    return row
        return None

    @staticmethod
    def _cut(file: IO[bytes], size: int) -> None:
        # Both files are only appended to, and their position tells where the next record and line begin.
        file.truncate(size)
        file.seek(size)

    def _lock(self) -> None:
        try:
            self._claim.acquire()
        except Timeout as error:
            raise OutputError(f"{self.folder}: another process is writing to this store; wait for it to end") from error

    def _output_error(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self.folder}: {error.strerror}; make room or choose another place, then give the command "
            "again: what is stored stays"
        )
