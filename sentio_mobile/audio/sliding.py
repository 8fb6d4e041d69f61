"""Windows of a clip's length, one every so often over a song of any length, each as if it had been cut out.

Neighbouring windows share almost all of their Fourier transforms. Those are made once; only the frames at a window's
own ends, which see its reflected edges, are made for each window.
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
        start: its first sample in the song, a multiple of the hop.
        valid_samples: how many of its samples come from the song; the rest fills up a song shorter than a clip.
        pcm: [n_samples].
    """

    start: int
    valid_samples: int
    pcm: NDArray[np.float32]


def check_every(every: float, spec: AudioSpec) -> None:
    """Make sure that windows can follow each other at this distance in seconds.

    Raises:
        InputError: it is not a number, or smaller than the distance of two frames.
    """
    hop = spec.hop_length / spec.sample_rate
    if not math.isfinite(every) or every < hop:
        raise InputError(
            f"every {every:g} s is no distance of windows; give {math.ceil(1000 * hop) / 1000:g} s or more"
        )


def count_windows(samples: int, spec: AudioSpec, every: float) -> int:
    """How many windows `windows` gives for a song of so many samples."""
    last = max(0, samples - spec.n_samples)
    # Rounding down lets a window in that would end less than a hop too late.
    count = int((last + spec.hop_length) / (every * spec.sample_rate)) + 2
    while count > 1 and _start(count - 1, every, spec) > last:
        count -= 1
    return count


def windows(blocks: Iterator[NDArray[np.float32]], spec: AudioSpec, every: float) -> Iterator[Window]:
    """Whole windows of a song, in the memory of one or two.

    A window starts at each multiple of `every`, rounded down to the hop; the rounding does not add up. The last one is
    the last that lies wholly within the song: what comes after it, less than `every`, is not heard. A song shorter than
    a clip gives one window, filled up as `spec.short_clip` says.

    Args:
        blocks: consecutive PCM [samples] at the spec's rate.
        spec: the clip's length and the hop.
        every: seconds from one start to the next.

    Raises:
        InputError: `every` is not a number, or smaller than a hop.
    """
    check_every(every, spec)
    return _windows(blocks, spec, every)


def _windows(blocks: Iterator[NDArray[np.float32]], spec: AudioSpec, every: float) -> Iterator[Window]:
    held, base = np.zeros(0, dtype=np.float32), 0
    for start in (_start(k, every, spec) for k in itertools.count()):
        parts = [held[start - base :]]
        end = base + len(held)
        base = min(start, end)
        while end < start + spec.n_samples:
            block = next(blocks, None)
            if block is None:
                break
            parts.append(block[max(0, start - end) :])
            end += len(block)
            base = min(start, end)
        held = np.concatenate(parts)
        if end < start + spec.n_samples:
            if start == 0 and len(held):
                yield Window(0, len(held), fit_length(held, spec))
            return
        yield Window(start, spec.n_samples, held[: spec.n_samples])


def with_mels(clips: Iterator[Window], spec: AudioSpec) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Each window with its log-mel in unit levels [n_mels, n_frames]: what `clip_to_mel` gives for its PCM.

    Args:
        clips: windows whose starts ascend, as `windows` gives them.
        spec: the front end.
    """
    half, hop = spec.n_fft // 2, spec.hop_length
    left = -(-half // hop)
    right = spec.n_frames - 1 - (spec.n_samples - half) // hop
    inner = spec.n_frames - left - right
    if inner < 1:
        yield from ((clip, normalize_log_mel(log_mel(clip.pcm, spec), spec)) for clip in clips)
        return
    held, at = np.zeros((spec.n_mels, 0), dtype=np.float32), 0
    for clip in clips:
        now = clip.start // hop
        kept = held[:, now - at :]
        first, last = left + kept.shape[1], left + inner - 1
        if first <= last:
            new = mel_power(clip.pcm[first * hop - half : last * hop + half], spec)
            kept = np.concatenate([kept, new], axis=1)
        held, at = kept, now
        before = np.concatenate([clip.pcm[half:0:-1], clip.pcm[: (left - 1) * hop + half]])
        tail = clip.pcm[(left + inner) * hop - half :]
        after = np.concatenate([tail, clip.pcm[-2 : -half - 2 : -1]])
        power = np.concatenate([mel_power(before, spec), held, mel_power(after, spec)[:, :right]], axis=1)
        yield clip, normalize_log_mel(power_to_db(power, spec), spec)


def _start(k: int, every: float, spec: AudioSpec) -> int:
    """First sample of window `k`."""
    # A little more, lest a whole number of hops that came out as 43.999 loses one.
    return int(k * every * spec.sample_rate / spec.hop_length + 1e-6) * spec.hop_length
