"""The log-mel of the reference front end in numpy, which every other implementation is measured against."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.spec import AudioSpec

MIN_SD = np.float32(1e-6)
"""Smallest standard deviation of a normalized log-mel that zscore divides by."""

FRONT_END_VERSION = 1
"""Version of the front end up to `log_mel`. It counts up with every change of its values beyond rounding, and stores of
another version are not read."""

_BATCH = 32
"""Frames that are transformed together. So many fit into a processor's cache."""

_BANDS = 16
"""Mel bands that are summed together. A few neighbouring bands use a small part of the Fourier bins."""

POWER_FLOOR = 1e-10
"""Power below which a cell counts as silent, as in librosa's `power_to_db`."""


def log_mel(pcm: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Compute the log-mel spectrogram in dB relative to the clip's loudest cell.

    The short-time Fourier transform is centred, with reflect padding and a periodic Hann window. The mel bands are
    Slaney's (area-normalized). Equal to librosa 0.11 within 1e-3 dB, except for a clip without sound: it is `floor_db`
    everywhere, and 0 dB everywhere in librosa.

    Args:
        pcm: PCM of one clip [spec.n_samples].
        spec: Front end.

    Returns:
        Levels in dB [spec.n_mels, spec.n_frames], in [spec.floor_db, 0].
    """
    padded = np.pad(pcm, spec.n_fft // 2, mode="reflect")
    return power_to_db(mel_power(padded, spec), spec)


def mel_power(samples: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Compute the mel power of every whole frame, without padding.

    Args:
        samples: PCM [samples]. The first frame starts at sample 0.
        spec: Front end.

    Returns:
        Power [spec.n_mels, frames].
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, spec.n_fft)[:: spec.hop_length]
    _, bins = mel_bank(spec)
    power = np.empty((len(frames), bins), dtype=np.float32)
    for at in range(0, len(frames), _BATCH):
        # scipy's transform in 32 bits would be faster, and is 1.2e-3 dB off where strong tones are beside silence.
        spectrum = np.fft.rfft(frames[at : at + _BATCH] * hann(spec.n_fft), axis=1)[:, :bins]
        np.add(spectrum.real**2, spectrum.imag**2, out=power[at : at + _BATCH])
    mel = np.empty((spec.n_mels, len(frames)), dtype=np.float32)
    for bands, used, weights in _band_groups(spec):
        np.matmul(weights, power[:, used].T, out=mel[bands])
    return mel


def power_to_db(power: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Convert the mel power of one clip to dB relative to its loudest cell, in [spec.floor_db, 0]."""
    loudest = power.max()
    if loudest <= POWER_FLOOR:
        return np.full(power.shape, spec.floor_db, dtype=np.float32)
    levels = 10 * np.log10(np.maximum(power, POWER_FLOOR) / loudest)
    return np.maximum(levels, spec.floor_db).astype(np.float32)


def normalize_log_mel(levels: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Map levels in dB from [floor_db, 0] to [0, 1]: the normalized log-mel that stores hold and models train on."""
    return (levels - np.float32(spec.floor_db)) / np.float32(-spec.floor_db)


def apply_normalization(mel: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Apply the model's normalization to a normalized log-mel with values in [0, 1].

    `db80` leaves it as it is. `zscore` gives the clip mean 0 and standard deviation 1, and 0 everywhere if all its
    cells are equal.
    """
    if spec.normalization == "db80":
        return mel
    return (mel - mel.mean()) / max(mel.std(), MIN_SD)


@lru_cache(maxsize=4)
def hann(n: int) -> NDArray[np.float32]:
    """The periodic Hann window [n]: 0 at its start and 1 in its middle."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


@lru_cache(maxsize=4)
def mel_bank(spec: AudioSpec) -> tuple[NDArray[np.float32], int]:
    """Triangular mel filters [n_mels, bins], and the number of Fourier bins from 0 Hz on that they use."""
    edges = mel_edges(spec.n_mels, spec.f_min, spec.f_max)
    bins = int(np.floor(spec.f_max * spec.n_fft / spec.sample_rate)) + 1
    hz = np.arange(bins) * spec.sample_rate / spec.n_fft
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (np.clip(np.minimum(rising, falling), 0, None) * area[:, None]).astype(np.float32), bins


@lru_cache(maxsize=4)
def _band_groups(spec: AudioSpec) -> list[tuple[slice, slice, NDArray[np.float32]]]:
    """The mel filters in groups: which bands, which Fourier bins they use, and the filters cut to those."""
    bank, _ = mel_bank(spec)
    groups = []
    for first in range(0, spec.n_mels, _BANDS):
        bands = slice(first, min(first + _BANDS, spec.n_mels))
        bins = np.flatnonzero(bank[bands].any(axis=0))
        # A front end may have bands so narrow that no bin lies in any of them.
        used = slice(bins[0], bins[-1] + 1) if len(bins) else slice(0, 0)
        groups.append((bands, used, np.ascontiguousarray(bank[bands, used])))
    return groups


def mel_edges(n_mels: int, f_min: float, f_max: float) -> NDArray[np.float64]:
    """Edges of the mel bands in Hz [n_mels + 2]: a band rises from one, peaks at the next, and falls to the third."""
    return _mel_to_hz(np.linspace(_hz_to_mel(f_min), _hz_to_mel(f_max), n_mels + 2))


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
