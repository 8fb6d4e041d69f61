"""From an audio file of any common kind to mono PCM at the model's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.stream import stream
from sentio_mobile.spec import AudioSpec

SUFFIXES: tuple[str, ...] = (".wav", ".flac", ".ogg", ".mp3", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".w64")
"""Endings of files that are taken for songs when folders are searched. What a file holds is read from itself."""


def decode(path: Path, sample_rate: int, start: float = 0.0, seconds: float | None = None) -> NDArray[np.float32]:
    """Decode a file, mix its channels down by their mean, and resample it.

    Args:
        path: a wav, flac, ogg or mp3 file, or another that libsndfile reads.
        sample_rate: the rate wanted, in Hz.
        start: seconds to leave out; found without decoding them.
        seconds: how much to read; all by default. A file that ends earlier gives what it has.

    Returns:
        PCM [samples], full scale at -1 and 1.

    Raises:
        AudioError: the file is missing, is not audio, holds nothing from `start` on, holds values that are not numbers,
            or is cut: it ends before what was asked for, and before the end that it states.
    """
    return np.concatenate(list(stream(path, sample_rate, start, seconds)))


def fit(pcm: NDArray[np.float32], spec: AudioSpec, start: int = 0) -> NDArray[np.float32]:
    """One clip of exactly `spec.n_samples` from `start` on; a shorter one is filled up as `spec.short_clip` says.

    Args:
        pcm: at least one sample [samples].
        spec: the clip's length, and what follows a short one: silence, or the same again.
        start: first sample of the clip.
    """
    clip = pcm[start : start + spec.n_samples]
    missing = spec.n_samples - len(clip)
    if missing <= 0:
        return clip
    if spec.short_clip == "loop":
        return np.tile(clip, -(-spec.n_samples // len(clip)))[: spec.n_samples]
    return np.pad(clip, (0, missing))
