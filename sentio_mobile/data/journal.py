"""The store's journal: one line a record, written after it, that vouches for it and says which audio it came from."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells an unchanged file without reading it: path, length in bytes, and times in nanoseconds.

    A copy that keeps the length and `mtime_ns` still gets a `ctime_ns` of its own.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """The present state of a file.

        Raises:
            OSError: there is none.
        """
        facts = path.stat()
        return cls(os.path.abspath(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)  # noqa: PTH100 - links stay

    @property
    def key(self) -> bytes:
        """A short digest of all of it."""
        return hashlib.blake2b(repr(self).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One window of one audio file.

    `sha256` is that of the whole file, and `seconds` its length. `start` is in samples at the model's rate. `peak` and
    `clipped`, the share of samples at full scale, are those of the window, mixed down, before anything fills it up.
    """

    sha256: str
    start: int
    seconds: float
    peak: float
    clipped: float


@dataclass(frozen=True, slots=True)
class Line:
    """A record that was stored at `row`; or, where `row` was there already, one more file that has its content."""

    row: int
    checksum: int
    clip: Clip
    file: FileState

    def encode(self) -> bytes:
        """The line, with a checksum of its own before it."""
        text = json.dumps(asdict(self), separators=(",", ":")).encode()
        return b"%08x %b\n" % (zlib.crc32(text), text)

    @classmethod
    def decode(cls, line: bytes) -> Line:
        """Read what `encode` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else, or only half of it.
        """
        if line[-1:] != b"\n" or int(line[:8], 16) != zlib.crc32(line[9:-1]):
            raise ValueError("a line that was not written whole")
        values = json.loads(line[9:])
        return cls(values["row"], values["checksum"], Clip(**values["clip"]), FileState(**values["file"]))


def read_journal(path: Path) -> Iterator[tuple[int, Line]]:
    """The good lines from the beginning up to the first that is not, each with the offset at which it begins.

    Raises:
        OSError: there is no journal.
    """
    offset = rows = 0
    with path.open("rb") as file:
        for text in file:
            try:
                line = Line.decode(text)
            except (ValueError, KeyError, TypeError):
                return
            if line.row > rows:
                return
            yield offset, line
            rows += line.row == rows
            offset += len(text)


class Index:
    """Which record is where, for whoever writes: a few hundred bytes a record, packed, since there may be many."""

    def __init__(self) -> None:
        self.checksums = array("Q")
        self.offsets = array("Q")
        """Where each record's line begins in the journal."""
        self._numbers = array("d")
        self._hashes = bytearray()
        self._row_of_clip: dict[bytes, int] = {}
        self._row_of_file: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self.checksums)

    def take(self, line: Line, offset: int) -> None:
        """Enter a line that stands in the journal at `offset`."""
        if line.row == len(self):
            clip = line.clip
            self.checksums.append(line.checksum)
            self.offsets.append(offset)
            self._numbers.extend((clip.start, clip.seconds, clip.peak, clip.clipped))
            self._hashes += bytes.fromhex(clip.sha256)
            self._row_of_clip[self._key(clip.sha256, clip.start)] = line.row
            self._row_of_clip[self._key(clip.sha256, None)] = line.row
        self._row_of_file[line.file.key] = line.row

    def clip(self, row: int) -> Clip:
        """What is stored at a row."""
        start, seconds, peak, clipped = self._numbers[4 * row : 4 * row + 4]
        return Clip(
            sha256=self._hashes[32 * row : 32 * row + 32].hex(),
            start=int(start),
            seconds=seconds,
            peak=peak,
            clipped=clipped,
        )

    def row_of_clip(self, sha256: str, start: int | None = None) -> int | None:
        """The row of a window, or, without `start`, that of any window of the file; None where there is none."""
        return self._row_of_clip.get(self._key(sha256, start))

    def row_of_file(self, file: FileState) -> int | None:
        """The row of any window of an unchanged file; None for a new or changed one."""
        return self._row_of_file.get(file.key)

    @staticmethod
    def _key(sha256: str, start: int | None) -> bytes:
        return hashlib.blake2b(f"{sha256} {start}".encode(), digest_size=16).digest()
