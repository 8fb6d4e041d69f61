"""Opening of a file of any kind that FFmpeg decodes, with the length that it states and the signs that it was cut."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from sentio_mobile.audio.file_kind import kind_of
from sentio_mobile.errors import AudioError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

MIN_SAMPLE_RATE = 1000
"""Sample rate in Hz below which a file is not music, and its header is wrong."""

FORMATS = (
    *("wav", "w64", "aiff", "flac", "mp3", "ogg", "mov", "matroska", "aac", "ac3", "eac3", "asf", "caf", "au", "tta"),
    *("wv", "ape", "amr", "dts", "mpegts", "mpeg", "avi", "flv", "mpc", "mpc8", "tak", "loas", "dsf", "iff", "voc"),
    *("latm", "sox", "truehd", "xwma", "oma", "rm"),
)
"""FFmpeg's names of the formats that are read. Others, such as playlists, could name files or addresses elsewhere."""

_COUNTED = frozenset(("wav", "w64", "aiff", "flac", "mp3", "aac", "ogg", "mov", "caf", "au", "tta", "wv", "ac3"))
"""Formats whose packets state their lengths to the sample."""

_SEEKABLE = frozenset(("wav", "w64", "aiff", "flac", "mp3", "ogg", "mov", "caf", "au"))
"""Formats whose packets state their positions to the sample."""

_MAY_REPEAT = frozenset(("flac", "ogg"))
"""Formats whose positions begin again where two files were joined to one."""

_STATED = frozenset(("w64", "aiff", "flac", "mov", "au", "tta", "wv"))
"""Formats whose header states the length. That of others is estimated from the size and the bit rate."""

_FRAMED = frozenset(("mp3", "aac"))
"""Formats whose frames begin with their size, so that a frame that was cut can be told."""

_SIZES: tuple[tuple[bytes, int, int, Literal["little", "big"], int], ...] = (
    (b"RIFF", 4, 4, "little", 8),
    (b"RF64", 20, 8, "little", 8),
    (b"FORM", 4, 4, "big", 8),
    (b"riff", 16, 8, "little", 0),
)
"""Containers that state their own size: first letters, and where the size stands, its bytes and what it leaves out."""

_ROUGHLY, _EXACTLY = 3 * 1_152, 576
"""Frames that a file may lack compared with its stated length, by how well programs count: 78 and 13 ms at 44.1 kHz."""

_MISCOUNTED_BYTES = 4_096
"""Bytes by which some programs miscount the size of a container."""

_LAST_PAGE = 1 << 16
"""Bytes that are searched for the last page of an ogg file, which has at most 65,307."""


@dataclass(frozen=True, kw_only=True)
class AudioFile:
    """An open audio file.

    Attributes:
        path: Path of the file, for messages.
        raw: Its bytes. FFmpeg reads them: whoever else does must bring the position back.
        container: The file, open for reading from its beginning.
        stream: Its sound.
        kind: FFmpeg's short name of the format.
        bytes_missing: Bytes by which the file is shorter than its header says.
        is_open_ended: Whether it lacks the mark with which files of its kind end.
    """

    path: Path
    raw: BinaryIO
    container: InputContainer
    stream: AudioStream
    kind: str
    bytes_missing: int = 0
    is_open_ended: bool = False

    @property
    def rate(self) -> int:
        """Frames per second, as the header says; they may change in the middle."""
        return int(self.stream.rate)

    @property
    def origin(self) -> int:
        """Time stamp of the first sample, in units of the stream's time base."""
        return self.stream.start_time or 0

    @property
    def is_counted(self) -> bool:
        """Whether the lengths of its packets add up to its own."""
        return self.kind in _COUNTED

    @property
    def is_seekable(self) -> bool:
        """Whether its positions are exact."""
        return self.kind in _SEEKABLE

    @property
    def may_repeat(self) -> bool:
        """Whether positions may occur twice, so that they must be compared with the count of packets first."""
        return self.kind in _MAY_REPEAT

    @property
    def tolerance(self) -> float:
        """Seconds that it may be shorter than stated: programs that write mp3 and video files miscount by frames."""
        return (_ROUGHLY if self.kind in ("mp3", "matroska", "mov") else _EXACTLY) / self.rate

    @property
    def states_gaps(self) -> bool:
        """Whether its positions show where something is missing in the middle."""
        return self.kind in _SEEKABLE and self.kind not in _FRAMED

    @property
    def pads_last_packet(self) -> bool:
        """Whether a last packet that is shorter than its frame says how much of the frame is sound."""
        return self.kind == "mov"

    @property
    def counts_padding(self) -> bool:
        """Whether the length of the last packet includes what the encoder added."""
        return self.kind == "mp3"

    @property
    def has_frame_sizes(self) -> bool:
        """Whether its frames begin with their size."""
        return self.kind in _FRAMED

    def stated_seconds(self, first: Packet[AudioStream] | None) -> float | None:
        """The length that the header states; None if it states none.

        Args:
            first: The first packet; before it stands the header of an mp3, if it has one.
        """
        if self.kind == "mp3" and not (first and first.pos and self._has_header_before(first.pos)):
            return None
        if self.kind in _STATED or self.kind == "mp3":
            return self.estimated_seconds
        if self.kind == "matroska" and not self.container.streams.video:
            return self.estimated_seconds
        return None

    @property
    def estimated_seconds(self) -> float | None:
        """The length that the header states, or an estimate from size and bit rate; None if there is neither."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return self.container.duration / 1e6 if self.container.duration else None

    def _has_header_before(self, at: int) -> bool:
        """Whether the frame before the first one with sound counts the frames of an mp3."""
        position = self.raw.tell()
        self.raw.seek(max(0, at - 3000))
        before = self.raw.read(min(at, 3000))
        self.raw.seek(position)
        return any(mark in before for mark in (b"Xing", b"Info", b"VBRI"))


@contextmanager
def open_audio(source: Path | bytes) -> Iterator[AudioFile]:
    """Open an audio file, or a video file for its sound.

    Args:
        source: Path of the file, or its content.

    Raises:
        AudioError: The file is missing, empty, unreadable, or holds no sound.
    """
    import av

    path = source if isinstance(source, Path) else Path("sound")
    with _open(path) if isinstance(source, Path) else io.BytesIO(source) as raw:
        missing, is_open_ended = _bytes_missing(raw), _is_open_ended(raw)
        raw.seek(0)
        try:
            # Nothing but this one file is read, whatever it says.
            container = av.open(
                raw,
                "r",
                metadata_errors="ignore",
                options={"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"},
            )
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise cannot_decode(path, raw, error) from error
        with container:
            if not container.streams.audio:
                raise AudioError(f"{path}: has no sound in it, only pictures or text; give a file with sound in it")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise AudioError(f"{path}: is of a codec that is not known; give a file such as wav, flac or mp3")
            kind = container.format.name.split(",")[0]
            if not stream.rate and (what := kind_of(raw)):
                raise AudioError(f"{path}: {what}")
            if not stream.rate or stream.rate < MIN_SAMPLE_RATE:
                raise AudioError(f"{path}: states {stream.rate} samples a second, no rate of music; decode it again")
            # Workers have one core each, and the decoders of sound have no use for more.
            stream.codec_context.thread_count = 1
            yield AudioFile(
                path=path,
                raw=raw,
                container=container,
                stream=stream,
                kind=kind,
                bytes_missing=missing,
                is_open_ended=is_open_ended,
            )


def cannot_decode(path: Path, raw: BinaryIO, error: Exception) -> AudioError:
    """The error for a file that FFmpeg refuses: what its content is, if the first bytes tell, or FFmpeg's own words."""
    if kind := kind_of(raw):
        return AudioError(f"{path}: {kind}")
    log = getattr(error, "log", None)
    words = (log[2] if log else getattr(error, "strerror", None) or str(error)).strip()
    first = words.splitlines()[0].rstrip(".") if words else type(error).__name__
    return AudioError(f"{path}: cannot be decoded ({first}); give a file with sound in it, such as wav, flac or mp3")


def _bytes_missing(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(32)
    for mark, at, count, order, rest in _SIZES:
        if head.startswith(mark):
            stated = int.from_bytes(head[at : at + count], order) + rest
            # Recorders that were stopped leave a size of 0, or the largest one.
            is_known = count == 8 or stated < 0x7FFF0000
            return stated - size if is_known and stated > size + _MISCOUNTED_BYTES else 0
    return 0


def _is_open_ended(file: BinaryIO) -> bool:
    """Whether an ogg file lacks its last page, or a part of it."""
    file.seek(0)
    if file.read(4) != b"OggS":
        return False
    file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_PAGE))
    tail = file.read()
    page = tail.rfind(b"OggS")
    body = page + 27 + (tail[page + 26] if len(tail) >= page + 27 else _LAST_PAGE)
    is_whole = body <= len(tail) and body + sum(tail[page + 27 : body]) <= len(tail)
    return not (is_whole and tail[page + 5] & 4)


def _open(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise AudioError(f"{path}: is a folder; give an audio file")
        if path.exists() and not path.is_file():
            raise AudioError(f"{path}: is no regular file; write the sound to one first")
        file = path.open("rb")
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise AudioError(f"{path}: no such audio file; check the path") from error
        raise AudioError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if not file.read(1):
        file.close()
        raise AudioError(f"{path}: is empty, 0 bytes; copy it again from its source")
    return file
