"""The journal of a log-mel store: one line for each record, written after it, with its checksum and its audio file.

A writer's index over the journal is here too.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from sentio_mobile._internal.files import open_file
from sentio_mobile._internal.records import NonNegative, Sha256, Share, Size

MAX_CHECKSUM = 2**64 - 1
MAX_LINE = 65_536
"""Bytes of a line: a path has at most 4,096, each of which may be escaped."""

# These are plain msgspec structures: a store may have millions of lines, and each is checked once, when it is read.


class FileState(msgspec.Struct, frozen=True):
    """What identifies an unchanged file without reading it.

    A copy that keeps the length and `mtime_ns` still gets its own `ctime_ns`.
    """

    path: str  # absolute path
    size: Size  # bytes
    mtime_ns: int  # time of the last change of the content, in nanoseconds
    ctime_ns: int  # time of the last change of the content or of the entry, in nanoseconds

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Return the present state of a file.

        Raises:
            OSError: There is no such file.
        """
        facts = path.stat()
        return cls(os.path.abspath(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)  # noqa: PTH100 - links stay

    @property
    def key(self) -> bytes:
        """A short digest of all fields."""
        return hashlib.blake2b(repr(self).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Clip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One window of one audio file. `peak` and `clipped` are those of the mixed-down window before it is filled up."""

    sha256: Sha256  # hash of the whole file
    start: Size  # first sample of the window, at the model's sample rate
    seconds: NonNegative  # length of the whole file
    peak: NonNegative  # largest absolute sample; full scale is 1
    clipped: Share  # share of samples at full scale
    change: Annotated[str, Meta(max_length=100)] = ""  # name of the perturbation; empty for the sound as it is
    note: Annotated[str, Meta(max_length=1000)] = ""  # what was wrong with the file; empty for a whole one
    length: Size = 0  # samples that are read, where a segment ends within the window; 0 for a whole window


class Line(msgspec.Struct, frozen=True):
    """A line of the journal.

    It announces a new record at `row`. If that row was there already, the line names one more file with its content.
    """

    row: Size  # row of the record in the store
    checksum: Annotated[int, Meta(ge=0)]  # checksum of the record, 64 bits
    clip: Clip  # the window that is stored there
    file: FileState  # the file that it was read from

    def encode(self) -> bytes:
        """Return the line with a CRC-32 in front of it."""
        text = json.dumps(msgspec.to_builtins(self), separators=(",", ":")).encode()
        return b"%08x %b\n" % (zlib.crc32(text), text)

    @classmethod
    def decode(cls, line: bytes) -> Line:
        """Read what `encode` wrote.

        Raises:
            ValueError: The line is something else, or only a part of it.
        """
        if line[-1:] != b"\n" or int(line[:8], 16) != zlib.crc32(line[9:-1]):
            raise ValueError("the line was not written whole")
        # Paths that are not valid Unicode need json's lenient decoder.
        found = msgspec.convert(json.loads(line[9:]), cls)
        if found.checksum > MAX_CHECKSUM:
            raise ValueError("the checksum has more than 64 bits")
        return found


def read_journal(path: Path) -> Iterator[tuple[int, int, Line]]:
    """Read the lines up to the first damaged one, each with the offsets in bytes of its beginning and its end.

    Raises:
        OSError: There is no journal.
    """
    offset = rows = 0
    with open_file(path) as file:
        # A line that is longer than any that is written is a damaged one.
        while text := file.readline(MAX_LINE):
            try:
                line = Line.decode(text)
            except (ValueError, RecursionError):
                return
            if line.row > rows:
                return
            yield offset, offset + len(text), line
            rows += line.row == rows
            offset += len(text)


class Index:
    """A writer's index of records by clip and by file, packed into a few hundred bytes a record."""

    def __init__(self) -> None:
        self.checksums = array("Q")
        """Checksum of each record."""
        self.offsets = array("Q")
        """Offset of each record's line in the journal."""
        self._numbers = array("d")
        self._hashes = bytearray()
        self._changes: dict[int, str] = {}
        self._notes: dict[int, str] = {}
        self._lengths: dict[int, int] = {}
        self._row_of_clip: dict[bytes, int] = {}
        self._row_of_file: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self.checksums)

    def take(self, line: Line, offset: int) -> None:
        """Add a line of the journal that begins at `offset`."""
        if line.row == len(self):
            clip = line.clip
            self.checksums.append(line.checksum)
            self.offsets.append(offset)
            self._numbers.extend((clip.start, clip.seconds, clip.peak, clip.clipped))
            self._hashes += bytes.fromhex(clip.sha256)
            if clip.change:
                self._changes[line.row] = clip.change
            if clip.note:
                self._notes[line.row] = clip.note
            if clip.length:
                self._lengths[line.row] = clip.length
            self._row_of_clip[self._key(clip.sha256, clip.start, clip.change, clip.length)] = line.row
            self._row_of_clip[self._key(clip.sha256, None)] = line.row
        self._row_of_file[line.file.key] = line.row

    def clip(self, row: int) -> Clip:
        """Return the clip that is stored at a row."""
        start, seconds, peak, clipped = self._numbers[4 * row : 4 * row + 4]
        return Clip(
            sha256=self._hashes[32 * row : 32 * row + 32].hex(),
            start=int(start),
            seconds=seconds,
            peak=peak,
            clipped=clipped,
            change=self._changes.get(row, ""),
            note=self._notes.get(row, ""),
            length=self._lengths.get(row, 0),
        )

    def row_of_clip(self, sha256: str, start: int | None = None, change: str = "", length: int = 0) -> int | None:
        """Return the row of a window, or of any window of the file without `start`; None for an unknown one."""
        return self._row_of_clip.get(self._key(sha256, start, change, length))

    def row_of_file(self, file: FileState) -> int | None:
        """Return the row of any window of an unchanged file; None for a new or changed one."""
        return self._row_of_file.get(file.key)

    @staticmethod
    def _key(sha256: str, start: int | None, change: str = "", length: int = 0) -> bytes:
        text = f"{sha256} {start} {change}".rstrip() + (f" +{length}" if length else "")
        return hashlib.blake2b(text.encode(), digest_size=16).digest()
