"""Decoding of any file that FFmpeg reads to mono PCM at the model's sample rate, block by block or as a whole."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.container import AudioFile, open_audio
from sentio_mobile.audio.packets import Pass
from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec, ShortClip

SILENT_PEAK = 1e-4
"""Largest absolute sample of a clip that counts as silent: -80 dB of full scale, the floor of the log-mel.

Channels that cancel each other leave the rounding errors of 16 bits, at -90 dB."""

LOWEST_DB = -100.0
"""Level that silence is told as."""

_RESAMPLER_MARGIN_SECONDS = 0.1
"""Seconds before and after a part that the resampler reads too: more than the length of its filter at any rate."""

_SEEK_FROM_SECONDS = 10.0
"""Start from which a position is searched. Before it, decoding from the beginning is as fast."""


@dataclass(frozen=True)
class Sound:
    """Decoded sound.

    Attributes:
        pcm: PCM [samples], full scale at -1 and 1.
        notes: What was wrong with what was read, in words that follow the file's name; empty for a whole file.
        seconds: Length of the whole file in seconds, as counted; None where only decoding all of it would tell.
    """

    pcm: NDArray[np.float32]
    notes: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard."""
        return is_silent(self.pcm)


class SoundStream(Iterator[NDArray[np.float32]]):
    """Blocks of PCM [samples] of a file, as `stream` yields them.

    Attributes:
        notes: What was wrong with what was read, in words that follow the file's name; complete after the last block.
        length: Length of the whole file in seconds, as counted, after the last block and if it was asked for.
    """

    def __init__(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        self.notes: list[str] = []
        self.length: float | None = None
        self._blocks = blocks

    def __next__(self) -> NDArray[np.float32]:
        return next(self._blocks)


def decode(
    source: Path | bytes, sample_rate: int, start: float = 0.0, seconds: float | None = None
) -> NDArray[np.float32]:
    """Decode a file, average its channels and resample it.

    A damaged file gives what can be decoded of it; `read_sound` says besides what was wrong.

    Args:
        source: Path of a file of any kind that FFmpeg decodes, or its content.
        sample_rate: Sample rate of the result in Hz.
        start: Seconds to skip at the beginning.
        seconds: Seconds to read, all by default. A shorter file gives what it has.

    Returns:
        PCM [samples], with full scale at -1 and 1.

    Raises:
        AudioError: The file is missing, holds no sound that can be decoded after `start`, or values that are not
            numbers.
    """
    return np.concatenate(list(stream(source, sample_rate, start, seconds)))


def read_sound(
    source: Path | bytes,
    sample_rate: int,
    start: float = 0.0,
    seconds: float | None = None,
    *,
    measure: bool = False,
) -> Sound:
    """Decode a file as `decode` does, with what was wrong with it, and its length.

    Args:
        source: As for `decode`.
        sample_rate: As for `decode`.
        start: As for `decode`.
        seconds: As for `decode`.
        measure: Read the rest of the file too, without decoding it, for its length and its faults. Without it, the
            length is known only if all was decoded.

    Raises:
        AudioError: As for `decode`.
    """
    blocks = stream(source, sample_rate, start, seconds, measure=measure)
    pcm = np.concatenate(list(blocks))
    return Sound(pcm, tuple(blocks.notes), blocks.length)


def stream(
    source: Path | bytes,
    sample_rate: int,
    start: float = 0.0,
    seconds: float | None = None,
    *,
    measure: bool = False,
) -> SoundStream:
    """Decode a file block by block, average its channels and resample it (soxr, quality HQ).

    Memory does not grow with the file. Delay and padding that an encoder added are cut where the file states them. The
    format may change in the middle of the file.

    Args:
        source: As for `decode`.
        sample_rate: As for `decode`.
        start: As for `decode`.
        seconds: As for `decode`.
        measure: As for `read_sound`.

    Returns:
        An iterator over PCM [samples], never empty, with full scale at -1 and 1. It raises what `decode` raises.
    """
    found = SoundStream(iter(()))
    found._blocks = _read(found, source, sample_rate, start=start, seconds=seconds, measure=measure)
    return found


@dataclass(frozen=True)
class Length:
    """The length of a file, as counted.

    Attributes:
        seconds: Seconds.
        notes: What is wrong with the file, as far as counting shows it, in words that follow the file's name.
    """

    seconds: float
    notes: tuple[str, ...] = ()


def measure(path: Path) -> Length:
    """Count the length of a file from all its packets, without decoding them where they tell it.

    Raises:
        AudioError: The file cannot be opened as audio.
    """
    with open_audio(path) as audio:
        whole = Pass(audio)
        return Length(whole.count_rest(), tuple(whole.notes()))


def estimate_seconds(path: Path) -> float | None:
    """Estimate the length of a file in seconds from its header, for the progress of work; None without an estimate.

    Raises:
        AudioError: The file cannot be opened as audio.
    """
    with open_audio(path) as audio:
        return audio.estimated_seconds


def is_silent(pcm: NDArray[np.float32]) -> bool:
    """Whether nothing can be heard in PCM [samples]: its peak is 80 dB below full scale."""
    return bool(len(pcm) == 0 or np.abs(pcm).max() < SILENT_PEAK)


def level_db(pcm: NDArray[np.float32]) -> float:
    """Level of PCM [samples]: its root mean square in dB, where 0 is full scale and -100 the lowest that is told."""
    power = float(np.mean(np.square(pcm, dtype=np.float64))) if len(pcm) else 0.0
    return max(LOWEST_DB, 10 * math.log10(power)) if power > 0 else LOWEST_DB


def _read(
    found: SoundStream,
    source: Path | bytes,
    sample_rate: int,
    *,
    start: float,
    seconds: float | None,
    measure: bool,
) -> Iterator[NDArray[np.float32]]:
    wanted = sys.maxsize if seconds is None else round(seconds * sample_rate)
    first = round(start * sample_rate)
    yielded = 0
    if start >= _SEEK_FROM_SECONDS and not measure:
        with open_audio(source) as audio:
            step, out_step = _smallest_steps(audio.rate, sample_rate)
            # From a multiple of the smallest step on, the resampler's filter has the same phases as from the beginning.
            early = max(0, first - math.ceil(_RESAMPLER_MARGIN_SECONDS * sample_rate)) // out_step
            whole = Pass(audio)
            at = whole.seek(early * step) if audio.is_seekable and not _repeats(source, audio) else None
            if at is not None:
                native = _from_frame(whole.blocks(), early * step - at)
                for pcm in _part(found, whole, native, sample_rate, skip=first - early * out_step, wanted=wanted):
                    yielded += len(pcm)
                    yield pcm
    # Where nothing was found, the beginning decides: positions may be wrong, or the file is shorter.
    if yielded:
        return
    with open_audio(source) as audio:
        whole = Pass(audio)
        for pcm in _part(found, whole, whole.blocks(), sample_rate, skip=first, wanted=wanted):
            yielded += len(pcm)
            yield pcm
        if measure:
            found.length = whole.count_rest()
            found.notes = whole.notes()
        elif whole.reached_end:
            found.length = whole.seconds
        if not yielded:
            raise AudioError(f"{audio.path}: holds no sound from {start:g} s on; it is shorter, start earlier")


def _part(
    found: SoundStream,
    whole: Pass,
    native: Iterator[tuple[int, NDArray[np.float32]]],
    sample_rate: int,
    *,
    skip: int,
    wanted: int,
) -> Iterator[NDArray[np.float32]]:
    """A part of resampled blocks: `wanted` samples after the first `skip`."""
    end = skip + wanted
    position = 0
    for pcm in _resampled(native, sample_rate):
        part = pcm[max(0, skip - position) : end - position]
        position += len(pcm)
        if len(part):
            yield part
        if position >= end:
            break
    found.notes = whole.notes()


def _resampled(native: Iterator[tuple[int, NDArray[np.float32]]], sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Blocks at the rate wanted, by a new resampler wherever the rate changes."""
    import soxr

    resampler, rate = None, 0
    rest = np.zeros(0, dtype=np.float32)
    for block_rate, block in native:
        if block_rate != rate:
            if resampler:
                yield resampler.resample_chunk(rest, last=True)
            rate = block_rate
            resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
        yield resampler.resample_chunk(block) if resampler else block
    if resampler:
        yield resampler.resample_chunk(rest, last=True)


def _from_frame(
    native: Iterator[tuple[int, NDArray[np.float32]]], skip: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Blocks without their first `skip` frames."""
    for rate, block in native:
        dropped = min(skip, len(block))
        skip -= dropped
        if dropped < len(block):
            yield rate, block[dropped:]


def _repeats(source: Path | bytes, audio: AudioFile) -> bool:
    """Whether positions begin again in the middle, as where one file was appended to another."""
    if not audio.may_repeat:
        return False
    with open_audio(source) as again:
        counted, stated = Pass(again).count_rest(), again.estimated_seconds
    return stated is None or counted > stated + 1


def _smallest_steps(rate: int, sample_rate: int) -> tuple[int, int]:
    """The fewest frames of a file that are a whole number of samples at the sample rate wanted, and that number."""
    common = math.gcd(rate, sample_rate)
    return rate // common, sample_rate // common


def fit_length(pcm: NDArray[np.float32], spec: AudioSpec, start: int = 0) -> NDArray[np.float32]:
    """Cut or fill PCM to one clip of exactly `spec.n_samples` samples.

    Args:
        pcm: PCM [samples], at least one sample.
        spec: Length of the clip, and how to fill a short one: `short_clip` is silence or loop.
        start: First sample of the clip.

    Returns:
        PCM [spec.n_samples].
    """
    return fit_samples(pcm[start:], spec.n_samples, spec.short_clip)


def fit_samples(pcm: NDArray[np.float32], samples: int, short_clip: ShortClip) -> NDArray[np.float32]:
    """Cut or fill PCM to a number of samples, at any sample rate.

    Args:
        pcm: PCM [samples], at least one sample.
        samples: Length of the result.
        short_clip: How short PCM is filled up: by silence, or by repeating it.

    Returns:
        PCM [samples].
    """
    missing = samples - len(pcm)
    if missing <= 0:
        return pcm[:samples]
    if short_clip == "loop":
        return np.tile(pcm, -(-samples // len(pcm)))[:samples]
    return np.pad(pcm, (0, missing))
