"""Decoding of an audio file of any common kind to mono PCM at the model's sample rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.stream import stream
from sentio_mobile.spec import AudioSpec, ShortClip

AUDIO_SUFFIXES: tuple[str, ...] = (
    *(".wav", ".flac", ".ogg", ".mp3", ".oga", ".opus"),
    *(".aif", ".aiff", ".au", ".caf", ".w64"),
)
"""File endings of songs, for a search through folders. The decoder looks at a file's content, never at its ending."""

UNDECODABLE_SUFFIXES: tuple[str, ...] = (".m4a", ".aac", ".wma")
"""File endings of songs that cannot be decoded here. A search reports them as faults instead of skipping them."""


def decode(path: Path, sample_rate: int, start: float = 0.0, seconds: float | None = None) -> NDArray[np.float32]:
    """Decode a file, average its channels and resample it.

    Args:
        path: A wav, flac, ogg or mp3 file, or any other that libsndfile reads.
        sample_rate: Sample rate of the result in Hz.
        start: Seconds to skip at the beginning. They are not decoded.
        seconds: Seconds to read, all by default. A shorter file gives what it has.

    Returns:
        PCM [samples], with full scale at -1 and 1.

    Raises:
        AudioError: The file is missing, is not audio, holds no sound after `start`, holds values that are not numbers,
            or is cut: it ends before the part that was asked for and before the end that its header states.
    """
    return np.concatenate(list(stream(path, sample_rate, start, seconds)))


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
