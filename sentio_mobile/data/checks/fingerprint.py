"""Acoustic fingerprints and similarity of clips, to find a recording that is there twice.

A recording that was encoded again, made louder or softer, or shifted a little has other bytes, but nearly the same
log-mel. Fingerprints are small enough to compare every clip with every other. The similarity then settles the few pairs
that are near. Both limits lie between copies and different music as `benchmarks/research/duplicates.py` measured them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.spec import AudioSpec

MAX_DISTANCE_DB = 2.0
"""Distance of two fingerprints, in dB, up to which their clips are compared."""
MIN_SIMILARITY = 0.6
"""Similarity from which two clips count as the same recording."""

_BANDS, _PARTS = 16, 8
_QUIET_DB = -50.0
"""Lower levels are raised to this one: a lossy codec may leave anything there."""
_FINE_BANDS, _HOP = 32, 2
_MEAN_SECONDS = 2.0
_MAX_SHIFT_SECONDS = 3.0
_MIN_SECONDS = 1.0
"""Sound that a clip needs for a comparison. With less of it, any two clips are similar."""
_MIN_SD_DB = 0.5
"""Standard deviation that a clip needs for a comparison. In steady tones, only rounding varies."""


def fingerprints_of(mels: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    """Describe clips in a few numbers whose Euclidean distances are in dB.

    For each of 16 groups of bands: mean and standard deviation over time, and the deviation of each eighth of the clip
    from the mean. Levels are relative to the clip's loudest cell, so that loudness does not count.

    Args:
        mels: Normalized log-mels [clips, n_mels, n_frames], all finite.
        audio: Front end of the log-mels.

    Returns:
        Fingerprints [clips, 160]; with fewer numbers for fewer bands or frames.
    """
    levels = np.maximum((mels - 1) * -audio.floor_db, _QUIET_DB)
    bands = _mean_of_groups(levels, _BANDS, axis=1)
    parts = _mean_of_groups(bands, _PARTS, axis=2)
    mean = bands.mean(axis=2)
    deviations = (parts - mean[:, :, None]).reshape(len(mels), -1) / np.sqrt(parts.shape[2])
    numbers = np.concatenate([mean, bands.std(axis=2), deviations], axis=1)
    return np.asarray(numbers / np.sqrt(bands.shape[1]), dtype=np.float32)


def similarity(one: NDArray[np.float32], other: NDArray[np.float32], audio: AudioSpec) -> float:
    """Similarity of two clips: the largest correlation of their log-mels over small shifts in time.

    The running mean over 2 s of each band is subtracted first, so that songs are not similar because of the same
    instrument or the same end, and silence is left out. Copies of a recording have about 1, different music about 0.

    Args:
        one: Normalized log-mel [n_mels, n_frames], all finite.
        other: Normalized log-mel of the same shape.
        audio: Front end of the log-mels.

    Returns:
        A correlation from 0 to 1; 0 if there is too little sound or variation to compare.
    """
    first, second = (_variation(mel, audio) for mel in (one, other))
    if first is None or second is None:
        return 0.0
    frames = first.shape[1]
    spectra = (np.fft.rfft(x, 2 * frames) for x in (first, second))
    product = next(spectra) * next(spectra).conj()
    covariance = np.fft.irfft(product.sum(axis=0), 2 * frames)
    energies = [np.concatenate([[0.0], np.cumsum((x**2).sum(axis=0))]) for x in (first, second)]
    max_shift = min(round(_MAX_SHIFT_SECONDS * audio.sample_rate / (audio.hop_length * _HOP)), frames // 4)
    shift = np.arange(-max_shift, max_shift + 1)
    overlap = frames - np.abs(shift)
    parts = [
        energy[start + overlap] - energy[start]
        for energy, start in zip(energies, (np.maximum(shift, 0), np.maximum(-shift, 0)), strict=True)
    ]
    norm = np.sqrt(parts[0] * parts[1])
    # With hardly any sound in the overlap, anything would be similar.
    is_enough = norm > 0.25 * np.sqrt(energies[0][-1] * energies[1][-1])
    return float(np.max(covariance[shift] / np.where(is_enough, norm, np.inf), initial=0.0))


def _variation(mel: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32] | None:
    """Levels in dB [32, frames / 2] minus their running means, 0 in silence; None if there is too little to compare."""
    levels = np.maximum((_mean_of_groups(mel, _FINE_BANDS, axis=0) - 1) * -audio.floor_db, _QUIET_DB)
    levels = levels[:, : levels.shape[1] // _HOP * _HOP].reshape(len(levels), -1, _HOP).mean(axis=2)
    has_sound = levels.max(axis=0) > _QUIET_DB
    step = _HOP * audio.hop_length / audio.sample_rate
    if has_sound.sum() * step < min(_MIN_SECONDS, audio.seconds / 2):
        return None
    side = round(_MEAN_SECONDS / step / 2)
    sums = np.cumsum(np.pad(levels, ((0, 0), (side + 1, side)), mode="edge"), axis=1)
    running_mean = (sums[:, 2 * side + 1 :] - sums[:, : -2 * side - 1]) / (2 * side + 1)
    variation = np.where(has_sound, levels - running_mean, 0)
    if variation[:, has_sound].std() < _MIN_SD_DB:
        return None
    return np.asarray(variation, dtype=np.float32)


def _mean_of_groups(values: NDArray[np.float32], groups: int, axis: int) -> NDArray[np.float32]:
    """Means of neighbours along an axis, in at most so many groups of nearly the same size."""
    length = values.shape[axis]
    edges = np.unique(np.linspace(0, length, min(groups, length) + 1).astype(int))
    shape = [1] * values.ndim
    shape[axis] = -1
    sums = np.add.reduceat(values, edges[:-1], axis=axis)
    return np.asarray(sums / np.diff(edges).reshape(shape), dtype=np.float32)
