"""The reference front end in numpy: every other implementation, in whatever language, is measured against this one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.spec import AudioSpec

MIN_SD = np.float32(1e-6)
"""Standard deviation of unit levels under which a clip counts as flat."""

FRONT_END_VERSION = 1
"""Counts up whenever `log_mel` or what comes before it gives other levels: what was stored by another is not read."""

_AT_ONCE = 32
"""Frames that are transformed together: few enough to stay in a processor's cache."""

POWER_FLOOR = 1e-10
"""Power under which a cell counts as silent, as in librosa's `power_to_db`."""


def log_mel(pcm: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Log-mel spectrogram in dB relative to the clip's loudest cell.

    The short-time Fourier transform is centred with reflect padding and a periodic Hann window; the mel bands are
    Slaney's (area-normalized). Equal to librosa 0.11 within 1e-3 dB. A clip without sound is `floor_db` everywhere,
    where librosa would call every cell the loudest, 0 dB.

    Args:
        pcm: one clip [spec.n_samples].
        spec: the front end.

    Returns:
        Levels [spec.n_mels, spec.n_frames] in [spec.floor_db, 0].
    """
    padded = np.pad(pcm, spec.n_fft // 2, mode="reflect")
    return power_to_db(mel_power(padded, spec), spec)


def mel_power(samples: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Mel power of every whole frame in [samples], the first of which starts at sample 0: [spec.n_mels, frames].

    Nothing is padded: a frame is centred on the middle of its `n_fft` samples.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, spec.n_fft)[:: spec.hop_length]
    bank, bins = mel_bank(spec)
    power = np.empty((len(frames), bins), dtype=np.float32)
    for at in range(0, len(frames), _AT_ONCE):
        spectrum = np.fft.rfft(frames[at : at + _AT_ONCE] * hann(spec.n_fft), axis=1)[:, :bins]
        np.add(spectrum.real**2, spectrum.imag**2, out=power[at : at + _AT_ONCE])
    return (bank @ power.T).astype(np.float32, copy=False)


def power_to_db(power: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Mel power of one clip to dB relative to its loudest cell, in [spec.floor_db, 0]."""
    loudest = power.max()
    if loudest <= POWER_FLOOR:
        return np.full(power.shape, spec.floor_db, dtype=np.float32)
    levels = 10 * np.log10(np.maximum(power, POWER_FLOOR) / loudest)
    return np.maximum(levels, spec.floor_db).astype(np.float32)


def normalize_log_mel(levels: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Levels in dB, from `floor_db` to 0, as [0, 1]: what stores keep and augmentation works on."""
    return (levels - np.float32(spec.floor_db)) / np.float32(-spec.floor_db)


def apply_normalization(unit: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Unit levels to what the model was trained on: `db80` leaves them, `zscore` gives mean 0 and deviation 1.

    A clip whose cells are all alike has no standard deviation; `zscore` gives 0 everywhere for it.
    """
    if spec.normalization == "db80":
        return unit
    return (unit - unit.mean()) / max(unit.std(), MIN_SD)


@lru_cache(maxsize=4)
def hann(n: int) -> NDArray[np.float32]:
    """The periodic Hann window [n]: 0 at its start, 1 in its middle."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


@lru_cache(maxsize=4)
def mel_bank(spec: AudioSpec) -> tuple[NDArray[np.float32], int]:
    """Triangular filters [n_mels, bins], and how many Fourier bins from 0 Hz they touch."""
    edges = _mel_to_hz(np.linspace(_hz_to_mel(spec.f_min), _hz_to_mel(spec.f_max), spec.n_mels + 2))
    bins = int(np.floor(spec.f_max * spec.n_fft / spec.sample_rate)) + 1
    hz = np.arange(bins) * spec.sample_rate / spec.n_fft
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (np.clip(np.minimum(rising, falling), 0, None) * area[:, None]).astype(np.float32), bins


# Slaney, Auditory Toolbox (1998): linear up to 1000 Hz in steps of 200/3 Hz, then 27 logarithmic steps to a factor 6.4.
_LINEAR_STEP, _CORNER_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _CORNER_HZ:
        return hz / _LINEAR_STEP
    return float(_CORNER_HZ / _LINEAR_STEP + np.log(hz / _CORNER_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    corner = _CORNER_HZ / _LINEAR_STEP
    return np.where(
        mel < corner, mel * _LINEAR_STEP, _CORNER_HZ * np.exp((np.maximum(mel, corner) - corner) * _LOG_STEP)
    )
