"""An audio file in blocks of mono PCM at the model's rate, so that hours of it pass in little memory."""

from __future__ import annotations

import errno
import io
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.length import length_of
from sentio_mobile.errors import AudioError

if TYPE_CHECKING:
    from soundfile import SoundFile

BLOCK = 32_768
"""Frames decoded at a time: three quarters of a second at 44.1 kHz."""

SLACK = 3 * 1152
"""Frames by which a file may fall short of its own count, 78 ms at 44.1 kHz: some encoders miscount a little."""

LOUDEST = 1e9
"""Sample value above which a file does not hold sound: full scale is 1, and 2^31 where integers were taken for floats.

Squares of what is larger would leave the range of 32 bits in the power spectrum."""

SLOWEST = 1000
"""Sample rate in Hz under which a file does not hold music; its header lies."""

AROUND = 0.1
"""Seconds before a part and after it that the resampler hears, too: more than its filter is long, at any rate."""


_UNKNOWN = 2**62
"""Count of frames from which on libsndfile means that it does not know."""


_TAG = 128
"""Bytes of an ID3v1 tag, at the end of a file."""


@dataclass(frozen=True, kw_only=True)
class Sound:
    """An open audio file and how long it states to be.

    Attributes:
        path: where it is, for messages.
        file: open for reading.
        frames: how many it states to have; None where it does not say.
        likely: how many it probably has, as good a guess as there is; None where there is none.
        cut: whether its bytes alone show that something is missing.
    """

    path: Path
    file: SoundFile
    frames: int | None
    likely: int | None
    cut: bool

    @property
    def rate(self) -> int:
        """Frames a second."""
        return int(self.file.samplerate)


def stream(
    path: Path, sample_rate: int, start: float = 0.0, seconds: float | None = None
) -> Iterator[NDArray[np.float32]]:
    """Decode a file block by block, mix its channels down by their mean, and resample it.

    The blocks, put together, are what `soundfile.read` and `soxr.resample` (quality HQ) give for the whole file.
    Memory does not grow with the file.

    Args:
        path: an audio file of any kind that libsndfile reads.
        sample_rate: the rate wanted, in Hz.
        start: seconds to leave out; found without decoding them.
        seconds: how much to read; all by default. A file that ends earlier gives what it has.

    Yields:
        PCM [samples], none of them empty, full scale at -1 and 1.

    Raises:
        AudioError: while iterating, when the file is missing, is not audio, holds nothing from `start` on, holds values
            that are not numbers, or is cut: it ends before what was asked for, and before the end that it states.
    """
    import soxr

    with open_sound(path) as sound:
        step, out_step = _smallest_steps(sound.rate, sample_rate)
        wanted = sys.maxsize if seconds is None else round(seconds * sample_rate)
        # From a multiple of the smallest step, the resampler's filter has the same phases as from the beginning.
        first = round(start * sample_rate)
        early = max(0, first - math.ceil(AROUND * sample_rate)) // out_step if step != out_step else first
        skip = first - early * out_step
        # Not more than is needed: what was asked for may end right before a cut.
        most = sys.maxsize if seconds is None else -(-(skip + wanted) * step // out_step) + round(AROUND * sound.rate)
        resampler = soxr.ResampleStream(sound.rate, sample_rate, 1, dtype="float32") if step != out_step else None
        given = 0
        for mono, last in _with_last(_blocks(sound, early * step, most)):
            pcm = resampler.resample_chunk(mono, last=last) if resampler else mono
            skipped = min(skip, len(pcm))
            skip -= skipped
            pcm = pcm[skipped : skipped + wanted - given]
            if len(pcm):
                given += len(pcm)
                yield pcm
        if not given:
            raise AudioError(f"{path}: holds no sound from {start:g} s on; it is shorter, start earlier")


def estimated_seconds(path: Path) -> float | None:
    """How long a file probably is, from its header alone; None where nothing tells.

    Raises:
        AudioError: the file cannot be opened as audio.
    """
    with open_sound(path) as sound:
        return None if sound.likely is None else sound.likely / sound.rate


@contextmanager
def open_sound(path: Path) -> Iterator[Sound]:
    """Open an audio file.

    Raises:
        AudioError: the file is missing, empty, unreadable, or is not audio.
    """
    import soundfile

    with _open(path) as raw:
        length = length_of(raw)
        try:
            file = soundfile.SoundFile(_Told(raw, length.size))
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise AudioError(
                f"{path}: cannot be decoded ({_fault(error)}); give a wav, flac, ogg or mp3 file"
            ) from error
        with file:
            # What can be sought in, soundfile seeks in after each read, which fails at the end of a piped flac.
            file.seekable = lambda: False
            if file.samplerate < SLOWEST:
                raise AudioError(
                    f"{path}: states {file.samplerate} samples a second, no rate of music; decode it again"
                )
            likely = None if file.frames >= _UNKNOWN else round(file.frames * length.factor)
            yield Sound(path=path, file=file, frames=likely if length.states else None, likely=likely, cut=length.cut)


def _open(path: Path) -> BinaryIO:
    if path.is_dir():
        raise AudioError(f"{path}: is a folder; give an audio file")
    try:
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


def _blocks(sound: Sound, start: int, most: int) -> Iterator[NDArray[np.float32]]:
    """Mono blocks at the file's own rate, `most` frames from `start` on, or to the end, where the file says that it is.

    Nothing at all comes from a start behind the end.
    """
    import soundfile

    buffer = np.empty((BLOCK, sound.file.channels), dtype=np.float32)
    at = start
    try:
        if start:
            sound.file.seek(start)
        while at < start + most and len(block := sound.file.read(out=buffer[: start + most - at])):
            at += len(block)
            yield _mix(block, sound.path)
    except (soundfile.LibsndfileError, OSError) as error:
        if start and at == start:
            return
        why = "it was cut" if sound.cut else f"it was cut, or is damaged there ({_fault(error)})"
        raise AudioError(f"{_ends(sound, at)}: {why}; copy it again from its source") from error
    if at == start + most or (start and at == start):
        return
    if sound.cut or (sound.frames is not None and at < sound.frames - SLACK):
        raise AudioError(f"{_ends(sound, at)}: it was cut; copy it again from its source")
    if not at:
        check_pcm(np.zeros(0, dtype=np.float32), str(sound.path))


def _mix(block: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """The mean over channels [frames, channels]; column by column, many times faster than numpy's mean over rows."""
    mono = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    if block.shape[1] > 1:
        mono /= block.shape[1]
    check_pcm(mono, str(path))
    return mono


def check_pcm(pcm: NDArray[np.float32], name: str) -> None:
    """Make sure that PCM holds sound, or silence.

    Raises:
        AudioError: it is empty, or a sample is no number or far beyond full scale; the message starts with `name`.
    """
    if not len(pcm):
        raise AudioError(f"{name}: holds no samples; give a file with sound in it")
    loudest = np.abs(pcm).max()
    if not np.isfinite(loudest):
        raise AudioError(f"{name}: holds samples that are not numbers; decode it again from its source")
    if loudest > LOUDEST:
        raise AudioError(
            f"{name}: holds samples of {loudest:.0e} where full scale is 1; decode it again from its source"
        )


def _with_last(blocks: Iterator[NDArray[np.float32]]) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Each block, and whether it is the last; one block late."""
    before = next(blocks, None)
    for block in blocks:
        if before is not None:
            yield before, False
        before = block
    if before is not None:
        yield before, True


def _smallest_steps(rate: int, sample_rate: int) -> tuple[int, int]:
    """The fewest frames of a file that are a whole number of samples at the rate wanted, and that number."""
    common = math.gcd(rate, sample_rate)
    return rate // common, sample_rate // common


def _ends(sound: Sound, at: int) -> str:
    """Where a file ends, in words, and of how much."""
    of = "" if sound.frames is None else f" of {sound.frames / sound.rate:.1f}"
    return f"{sound.path}: ends after {at / sound.rate:.1f}{of} s"


def _fault(error: Exception) -> str:
    """A decoder's words, without its full stop."""
    words = str(getattr(error, "error_string", error)).strip() or type(error).__name__
    if "regular file" in words:
        # What libsndfile says when mpg123 gives up at once; that the file is there is known by then.
        return "damaged from its beginning on"
    return words.splitlines()[0].removeprefix("Error : ").rstrip(".")


class _Told(io.RawIOBase):
    """A file that says to be of another size.

    mpg123 guesses the frames of an mp3 without a length from its bytes and its first frame's bit rate, and libsndfile
    reads no further than that guess, which for variable bit rates may lie in the middle; told a larger size it reads to
    the end. And it prints a warning past Python where a header's size differs from the file's.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._real = file, size, os.fstat(file.fileno()).st_size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there; the end is where it was told to be. Damaged files send decoders before the beginning."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._size}[whence]
        return self._file.seek(max(0, origin + offset))

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; nothing from the true end on, but zeros where decoders look for a tag."""
        at = self._file.tell()
        if self._real < self._size - _TAG <= at < self._size:
            count = min(len(buffer), self._size - at)
            buffer[:count] = bytes(count)
            self._file.seek(at + count)
            return count
        return cast(io.BufferedReader, self._file).readinto(buffer)
