"""Decoding of an audio file in blocks of mono PCM at the model's sample rate: hours of it need little memory."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.open_file import AudioFile, decoder_message, open_audio
from sentio_mobile.errors import AudioError

BLOCK = 32_768
"""Frames that are decoded at a time: three quarters of a second at 44.1 kHz."""

MAX_MISSING_FRAMES = 3 * 1152
"""Frames that a file may lack compared with its stated length, 78 ms at 44.1 kHz: some encoders miscount slightly."""

MAX_SAMPLE = 1e9
"""Absolute sample above which a file does not hold sound: full scale is 1, and 2^31 for integers taken as floats.

Squares of larger values would leave the range of 32-bit floats in the power spectrum."""

RESAMPLER_MARGIN_SECONDS = 0.1
"""Seconds before and after a part that the resampler reads too: more than the length of its filter at any rate."""


def stream(
    path: Path, sample_rate: int, start: float = 0.0, seconds: float | None = None
) -> Iterator[NDArray[np.float32]]:
    """Decode a file block by block, average its channels and resample it.

    The joined blocks equal `soundfile.read` and `soxr.resample` (quality HQ) of the whole file. Memory does not grow
    with the file.

    Args:
        path: An audio file of any kind that libsndfile reads.
        sample_rate: Sample rate of the result in Hz.
        start: Seconds to skip at the beginning. They are not decoded.
        seconds: Seconds to read, all by default. A shorter file gives what it has.

    Yields:
        PCM [samples], never empty, with full scale at -1 and 1.

    Raises:
        AudioError: While iterating. The file is missing, is not audio, holds no sound after `start`, holds values that
            are not numbers, or is cut: it ends before the part that was asked for and before the end that it states.
    """
    import soxr

    with open_audio(path) as audio:
        step, out_step = _smallest_steps(audio.rate, sample_rate)
        wanted = sys.maxsize if seconds is None else round(seconds * sample_rate)
        # From a multiple of the smallest step on, the resampler's filter has the same phases as from the beginning.
        first = round(start * sample_rate)
        early = (
            max(0, first - math.ceil(RESAMPLER_MARGIN_SECONDS * sample_rate)) // out_step if step != out_step else first
        )
        skip = first - early * out_step
        # No more is read than is needed: the part that was asked for may end right before a cut.
        frames = (
            sys.maxsize
            if seconds is None
            else -(-(skip + wanted) * step // out_step) + round(RESAMPLER_MARGIN_SECONDS * audio.rate)
        )
        resampler = soxr.ResampleStream(audio.rate, sample_rate, 1, dtype="float32") if step != out_step else None
        yielded = 0
        for mono, is_last in _with_last(_blocks(audio, early * step, frames)):
            pcm = resampler.resample_chunk(mono, last=is_last) if resampler else mono
            skipped = min(skip, len(pcm))
            skip -= skipped
            pcm = pcm[skipped : skipped + wanted - yielded]
            if len(pcm):
                yielded += len(pcm)
                yield pcm
        if not yielded:
            raise AudioError(f"{path}: holds no sound from {start:g} s on; it is shorter, start earlier")


def check_pcm(pcm: NDArray[np.float32], name: str) -> None:
    """Check that PCM holds sound or silence.

    Args:
        pcm: PCM [samples].
        name: Name of the sound, with which the message begins.

    Raises:
        AudioError: It is empty, or a sample is not a number or far above full scale.
    """
    if not len(pcm):
        raise AudioError(f"{name}: holds no samples; give a file with sound in it")
    loudest = np.abs(pcm).max()
    if not np.isfinite(loudest):
        raise AudioError(f"{name}: holds samples that are not numbers; decode it again from its source")
    if loudest > MAX_SAMPLE:
        raise AudioError(
            f"{name}: holds samples of {loudest:.0e} where full scale is 1; decode it again from its source"
        )


def _blocks(audio: AudioFile, start: int, count: int) -> Iterator[NDArray[np.float32]]:
    """Mono blocks at the file's own rate: `count` frames from `start` on, or to the end if it is the stated one.

    A start after the end yields nothing.
    """
    import soundfile

    buffer = np.empty((BLOCK, audio.file.channels), dtype=np.float32)
    position = start
    try:
        if start:
            audio.file.seek(start)
        while position < start + count and len(block := audio.file.read(out=buffer[: start + count - position])):
            position += len(block)
            yield _mix(block, audio.path)
    except (soundfile.LibsndfileError, OSError) as error:
        if start and position == start:
            return
        why = "it was cut" if audio.is_cut else f"it was cut, or is damaged there ({decoder_message(error)})"
        raise AudioError(f"{_end(audio, position)}: {why}; copy it again from its source") from error
    if position == start + count or (start and position == start):
        return
    stated = audio.stated_frames
    if audio.is_cut or (stated is not None and position < stated - MAX_MISSING_FRAMES):
        raise AudioError(f"{_end(audio, position)}: it was cut; copy it again from its source")
    if not position:
        check_pcm(np.zeros(0, dtype=np.float32), str(audio.path))


def _mix(block: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """Mean over the channels of [frames, channels], column by column: many times faster than numpy's mean over rows."""
    mono = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    if block.shape[1] > 1:
        mono /= block.shape[1]
    check_pcm(mono, str(path))
    return mono


def _with_last(blocks: Iterator[NDArray[np.float32]]) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Each block, one block late, and whether it is the last one."""
    previous = next(blocks, None)
    for block in blocks:
        if previous is not None:
            yield previous, False
        previous = block
    if previous is not None:
        yield previous, True


def _smallest_steps(rate: int, sample_rate: int) -> tuple[int, int]:
    """The fewest frames of a file that are a whole number of samples at the sample rate wanted, and that number."""
    common = math.gcd(rate, sample_rate)
    return rate // common, sample_rate // common


def _end(audio: AudioFile, position: int) -> str:
    """Where a file ends, in words, and its stated length."""
    stated = "" if audio.stated_frames is None else f" of {audio.stated_frames / audio.rate:.1f}"
    return f"{audio.path}: ends after {position / audio.rate:.1f}{stated} s"
