"""Windows of live sound: the newest clip each time a prediction is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.pcm import check_pcm
from sentio_mobile.audio.sliding import Window, check_every
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec

MIN_RATE, MAX_RATE = 1_000, 768_000
"""Sample rates of live sound, in Hz, that are accepted."""


def check_live(spec: AudioSpec, *, sample_rate: int, every: float, minimum: float) -> None:
    """Check the settings of a stream before any sound is read.

    Raises:
        InputError: `sample_rate` is not a whole number of Hz from 1,000 to 768,000, `every` is shorter than a hop, or
            `minimum` is not from 0 to a clip's length.
    """
    if sample_rate != int(sample_rate) or not MIN_RATE <= sample_rate <= MAX_RATE:
        raise InputError(f"sample rate {sample_rate} Hz; give a whole number from {MIN_RATE:,} to {MAX_RATE:,}")
    check_every(every, spec)
    if not 0 <= minimum <= spec.seconds:
        raise InputError(f"minimum {minimum:g} s is not within a clip; give 0 to {spec.seconds:g} s")


def live_windows(
    blocks: Iterable[NDArray[np.floating]],
    spec: AudioSpec,
    *,
    sample_rate: int,
    every: float,
    minimum: float,
    song: str,
) -> Iterator[Window]:
    """Cut live sound into windows, in the memory of one clip and one block.

    A window is due after `minimum` seconds of sound, and then every `every` seconds. It is the newest clip at that
    moment. Its start is rounded down to the hop, as in `windows`. Where less than a clip was received, the window has
    all of it and is filled up as `spec.short_clip` says. Where one block makes several windows due, only the newest
    of them is given, so that a slow caller never falls behind.

    Args:
        blocks: Consecutive mono PCM [samples], full scale at -1 and 1.
        spec: The clip's length and rate, and the hop.
        sample_rate: Samples a second of `blocks`.
        every: Seconds of sound from one window to the next.
        minimum: Seconds of sound before the first window.
        song: The name of the sound in messages.

    Raises:
        InputError: A block is not mono, or not of floating point.
        AudioError: A block holds samples that are not numbers.
    """
    rate, hop = spec.sample_rate, spec.hop_length
    held, received, number = np.zeros(0, dtype=np.float32), 0, 0
    for pcm in _resampled(blocks, sample_rate, rate, song):
        # More than a clip, because rounding down to the hop reaches back.
        held = np.concatenate([held, pcm])[-(spec.n_samples + hop + len(pcm)) :]
        received += len(pcm)
        due = 0
        # The small addend is that of `windows`: it keeps products that come out just below a whole number of hops.
        while (end := max(1, int((minimum + number * every) * rate + 1e-6 * hop))) <= received:
            due, number = end, number + 1
        if due:
            start = max(0, (due - spec.n_samples) // hop * hop)
            first = start - (received - len(held))
            newest = held[first : first + min(due - start, spec.n_samples)]
            yield Window(start, len(newest), fit_length(newest, spec))


def _resampled(
    blocks: Iterable[NDArray[np.floating]], sample_rate: int, rate: int, song: str
) -> Iterator[NDArray[np.float32]]:
    """Blocks at the rate wanted, checked, and the resampler's rest at the end. None of them is empty."""
    resampler = None if sample_rate == rate else soxr.ResampleStream(sample_rate, rate, 1, dtype="float32")
    for block in blocks:
        pcm = mono_float(block, song)
        if len(pcm):
            check_pcm(pcm, song)
            pcm = resampler.resample_chunk(pcm) if resampler else pcm
        if len(pcm):
            yield pcm
    if resampler and len(rest := resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)):
        yield rest


def mono_float(pcm: NDArray[np.floating], song: str) -> NDArray[np.float32]:
    """PCM as float32 [samples].

    Raises:
        InputError: The array is not one-dimensional, or not of floating point. The message starts with `song`.
    """
    if pcm.ndim != 1:
        raise InputError(f"{song}: PCM of shape {list(pcm.shape)} is not mono; mix its channels down to [samples]")
    if not np.issubdtype(pcm.dtype, np.floating):
        raise InputError(f"{song}: PCM of {pcm.dtype} has no full scale of 1; divide it by its own as float32")
    return np.asarray(pcm, dtype=np.float32)
