"""Opening of an audio file, with the length that it states and whether it was cut."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sentio_mobile.audio.length import length_of
from sentio_mobile.errors import AudioError

if TYPE_CHECKING:
    from soundfile import SoundFile

MIN_SAMPLE_RATE = 1000
"""Sample rate in Hz below which a file is not music, and its header is wrong."""

_UNKNOWN_FRAMES = 2**62
"""Count of frames from which libsndfile means that it does not know."""

_TAG_BYTES = 128
"""Size of an ID3v1 tag, at the end of a file."""


@dataclass(frozen=True, kw_only=True)
class AudioFile:
    """An open audio file.

    Attributes:
        path: Path of the file, for messages.
        file: The file, open for reading.
        stated_frames: Number of frames that the file states; None if it states none.
        estimated_frames: Best estimate of the number of frames; None if there is none.
        is_cut: Whether its bytes alone show that something is missing.
    """

    path: Path
    file: SoundFile
    stated_frames: int | None
    estimated_frames: int | None
    is_cut: bool

    @property
    def rate(self) -> int:
        """Frames per second."""
        return int(self.file.samplerate)


@contextmanager
def open_audio(path: Path) -> Iterator[AudioFile]:
    """Open an audio file.

    Raises:
        AudioError: The file is missing, empty, unreadable, or is not audio.
    """
    import soundfile

    with _open(path) as raw:
        length = length_of(raw)
        try:
            file = soundfile.SoundFile(_ResizedFile(raw, length.size))
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise AudioError(
                f"{path}: cannot be decoded ({decoder_message(error)}); give a wav, flac, ogg or mp3 file"
            ) from error
        with file:
            # soundfile seeks after each read in a seekable file, which fails at the end of a piped flac.
            file.seekable = lambda: False
            if file.samplerate < MIN_SAMPLE_RATE:
                raise AudioError(
                    f"{path}: states {file.samplerate} samples a second, no rate of music; decode it again"
                )
            frames = None if file.frames >= _UNKNOWN_FRAMES else round(file.frames * length.factor)
            yield AudioFile(
                path=path,
                file=file,
                stated_frames=frames if length.is_stated else None,
                estimated_frames=frames,
                is_cut=length.is_cut,
            )


def estimated_seconds(path: Path) -> float | None:
    """Estimate the length of a file in seconds from its header; None if there is no estimate.

    Raises:
        AudioError: The file cannot be opened as audio.
    """
    with open_audio(path) as audio:
        return None if audio.estimated_frames is None else audio.estimated_frames / audio.rate


def decoder_message(error: Exception) -> str:
    """A decoder's message on one line, without its full stop."""
    message = str(getattr(error, "error_string", error)).strip() or type(error).__name__
    if "regular file" in message:
        # libsndfile says so when mpg123 gives up at once. That the file is there is known by then.
        return "damaged from its beginning on"
    return message.splitlines()[0].removeprefix("Error : ").rstrip(".")


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


class _ResizedFile(io.RawIOBase):
    """A file that reports another size than it has.

    For an mp3 without a stated length, mpg123 estimates the frames from the size and the bit rate of the first frame,
    and libsndfile stops reading there. With a variable bit rate, that may be in the middle; with a larger size, it
    reads to the end. libsndfile also prints a warning to the terminal if the size differs from that in the header.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._real_size = file, size, os.fstat(file.fileno()).st_size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek, relative to the reported end for `SEEK_END`. Damaged files make decoders seek before the beginning."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._size}[whence]
        return self._file.seek(max(0, origin + offset))

    def tell(self) -> int:
        """Current position."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer: nothing after the real end, except zeros where decoders look for a tag."""
        position = self._file.tell()
        if self._real_size < self._size - _TAG_BYTES <= position < self._size:
            count = min(len(buffer), self._size - position)
            buffer[:count] = bytes(count)
            self._file.seek(position + count)
            return count
        return cast(io.BufferedReader, self._file).readinto(buffer)
