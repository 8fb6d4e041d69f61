"""From an audio file of any common kind to mono PCM at the model's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec

SUFFIXES: tuple[str, ...] = (".wav", ".flac", ".ogg", ".mp3")


def decode(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Decode a file, mix its channels down by their mean, and resample it.

    Args:
        path: a wav, flac, ogg or mp3 file.
        sample_rate: the rate wanted, in Hz.

    Returns:
        PCM [samples], full scale at -1 and 1.

    Raises:
        AudioError: the file is missing, is not audio, is empty, or holds values that are not numbers.
    """
    import soundfile
    import soxr

    if not path.is_file():
        raise AudioError(f"{path}: no such audio file; check the path")
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        fault = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise AudioError(f"{path}: cannot be decoded ({fault}); give a wav, flac, ogg or mp3 file") from error
    if len(channels) == 0:
        raise AudioError(f"{path}: holds no samples; give a file with sound in it")
    pcm = channels.mean(axis=1)
    if not np.isfinite(pcm).all():
        raise AudioError(f"{path}: holds samples that are not numbers; decode it again from its source")
    if rate != sample_rate:
        pcm = soxr.resample(pcm, rate, sample_rate)
    return np.asarray(pcm, dtype=np.float32)


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
