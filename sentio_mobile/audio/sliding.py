"""Sliding windows of a clip's length over a song of any length, with the log-mel of each.

Neighbouring windows share almost all of their Fourier transforms, which are computed once. Only the frames at the ends
of a window, which depend on its reflected edges, are computed for each window.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.logmel import log_mel, mel_power, normalize_log_mel, power_to_db
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec


@dataclass(frozen=True)
class Window:
    """A clip of a song.

    Attributes:
        start: First sample in the song, a multiple of the hop.
        valid_samples: Number of samples from the song. The rest fills up a song that is shorter than a clip.
        pcm: PCM [n_samples].
    """

    start: int
    valid_samples: int
    pcm: NDArray[np.float32]


def check_every(every: float, spec: AudioSpec) -> None:
    """Check the distance of two windows in seconds.

    Raises:
        InputError: It is not a number, or smaller than the distance of two frames.
    """
    hop = spec.hop_length / spec.sample_rate
    if not math.isfinite(every) or every < hop:
        smallest = math.ceil(1000 * hop) / 1000
        raise InputError(f"every {every:g} s is not a valid distance between windows; give {smallest:g} s or more")


def count_windows(samples: int, spec: AudioSpec, every: float) -> int:
    """Number of windows that `windows` yields for a song of so many samples."""
    last = max(0, samples - spec.n_samples)
    # Starts are rounded down, so that a window may fit whose unrounded end is up to a hop too late.
    count = int((last + spec.hop_length) / (every * spec.sample_rate)) + 2
    while count > 1 and _start(count - 1, every, spec) > last:
        count -= 1
    return count


def windows(blocks: Iterator[NDArray[np.float32]], spec: AudioSpec, every: float) -> Iterator[Window]:
    """Yield the windows of a song, in the memory of one or two of them.

    A window starts at each multiple of `every`, rounded down to the hop; rounding errors do not add up. All windows lie
    within the song, so that less than `every` is left out at its end. A song shorter than a clip gives one window,
    which is filled up as `spec.short_clip` says.

    Args:
        blocks: Consecutive blocks of PCM [samples] at the spec's sample rate.
        spec: Length of a clip, and the hop.
        every: Seconds from one start to the next.

    Raises:
        InputError: `every` is not a number, or smaller than a hop.
    """
    check_every(every, spec)
    return _windows(blocks, spec, every)


def _windows(blocks: Iterator[NDArray[np.float32]], spec: AudioSpec, every: float) -> Iterator[Window]:
    buffer, base = np.zeros(0, dtype=np.float32), 0
    for start in (_start(k, every, spec) for k in itertools.count()):
        parts = [buffer[start - base :]]
        end = base + len(buffer)
        base = min(start, end)
        while end < start + spec.n_samples:
            block = next(blocks, None)
            if block is None:
                break
            parts.append(block[max(0, start - end) :])
            end += len(block)
            base = min(start, end)
        buffer = np.concatenate(parts)
        if end < start + spec.n_samples:
            if start == 0 and len(buffer):
                yield Window(0, len(buffer), fit_length(buffer, spec))
            return
        yield Window(start, spec.n_samples, buffer[: spec.n_samples])


def with_mels(clips: Iterator[Window], spec: AudioSpec) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Yield each window with its normalized log-mel [n_mels, n_frames], which equals `clip_to_mel` of its PCM.

    Args:
        clips: Windows with ascending starts, as `windows` yields them.
        spec: Front end.
    """
    half, hop = spec.n_fft // 2, spec.hop_length
    left = -(-half // hop)
    right = spec.n_frames - 1 - (spec.n_samples - half) // hop
    inner = spec.n_frames - left - right
    if inner < 1:
        yield from ((clip, normalize_log_mel(log_mel(clip.pcm, spec), spec)) for clip in clips)
        return
    shared, position = np.zeros((spec.n_mels, 0), dtype=np.float32), 0
    for clip in clips:
        shared = shared[:, clip.start // hop - position :]
        position = clip.start // hop
        first, last = left + shared.shape[1], left + inner - 1
        if first <= last:
            new = mel_power(clip.pcm[first * hop - half : last * hop + half], spec)
            shared = np.concatenate([shared, new], axis=1)
        before = np.concatenate([clip.pcm[half:0:-1], clip.pcm[: (left - 1) * hop + half]])
        tail = clip.pcm[(left + inner) * hop - half :]
        after = np.concatenate([tail, clip.pcm[-2 : -half - 2 : -1]])
        power = np.concatenate([mel_power(before, spec), shared, mel_power(after, spec)[:, :right]], axis=1)
        yield clip, normalize_log_mel(power_to_db(power, spec), spec)


def _start(k: int, every: float, spec: AudioSpec) -> int:
    """First sample of window `k`."""
    # A whole number of hops may come out as 43.999 and must not lose one.
    return int(k * every * spec.sample_rate / spec.hop_length + 1e-6) * spec.hop_length
