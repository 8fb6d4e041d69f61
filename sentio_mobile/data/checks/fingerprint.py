"""How a clip sounds in a few numbers, and how alike two clips are: what finds a recording that is there twice.

A recording that was encoded again, made louder or softer, or shifted a little has other bytes, but nearly the same
log-mel. A sketch is small enough to compare every clip with every other; likeness then settles the few pairs that come
near. Both limits lie between copies and different music as `benchmarks/research/duplicates.py` measured them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.spec import AudioSpec

NEAR_DB = 2.0
"""Distance of two sketches, in dB, up to which their clips are compared closely."""
ALIKE = 0.6
"""Likeness from which on two clips are the same recording."""

_BANDS, _PARTS = 16, 8
_QUIET_DB = -50.0
"""Levels below are taken for this one: a lossy codec leaves noise or nothing there."""
_FINE_BANDS, _HOP = 32, 2
_SLOW_SECONDS = 2.0
_SHIFT_SECONDS = 3.0
_LEAST_SECONDS = 1.0
"""Sound that a clip needs to be compared; of less, any two look alike."""
_LEAST_DB = 0.5
"""Movement that a clip needs to be compared: of steady tones only rounding moves."""


def sketch(mels: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    """Small descriptions of clips, whose Euclidean distances are in dB.

    For each of 16 groups of bands: mean and standard deviation over time, and how far the mean of each eighth of the
    clip lies from the whole's. Levels are relative to the clip's loudest, so that loudness is left out.

    Args:
        mels: unit levels [clips, bands, frames], all numbers.
        audio: the front end that made them.

    Returns:
        [clips, 160]; fewer numbers for fewer bands or frames.
    """
    levels = np.maximum((mels - 1) * -audio.floor_db, _QUIET_DB)
    bands = _mean_of_groups(levels, _BANDS, axis=1)
    parts = _mean_of_groups(bands, _PARTS, axis=2)
    mean = bands.mean(axis=2)
    moves = (parts - mean[:, :, None]).reshape(len(mels), -1) / np.sqrt(parts.shape[2])
    together = np.concatenate([mean, bands.std(axis=2), moves], axis=1)
    return np.asarray(together / np.sqrt(bands.shape[1]), dtype=np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32], audio: AudioSpec) -> float:
    """How alike two clips move: the largest correlation of their log-mels over small shifts in time.

    Each band's running mean over 2 s is taken off first, so that songs are not alike for the same instrument, nor for
    ending at the same time, and silence counts for nothing. Same recordings have about 1, different music about 0.

    Args:
        one: unit levels [bands, frames], all numbers.
        other: of the same shape.
        audio: the front end that made them.

    Returns:
        A correlation from 0 to 1; 0 where there is too little sound, or too little movement, to tell.
    """
    first, second = (_movement(mel, audio) for mel in (one, other))
    if first is None or second is None:
        return 0.0
    frames = first.shape[1]
    spectra = (np.fft.rfft(x, 2 * frames) for x in (first, second))
    product = next(spectra) * next(spectra).conj()
    together = np.fft.irfft(product.sum(axis=0), 2 * frames)
    energies = [np.concatenate([[0.0], np.cumsum((x**2).sum(axis=0))]) for x in (first, second)]
    most = min(round(_SHIFT_SECONDS * audio.sample_rate / (audio.hop_length * _HOP)), frames // 4)
    shift = np.arange(-most, most + 1)
    overlap = frames - np.abs(shift)
    parts = [
        energy[start + overlap] - energy[start]
        for energy, start in zip(energies, (np.maximum(shift, 0), np.maximum(-shift, 0)), strict=True)
    ]
    size = np.sqrt(parts[0] * parts[1])
    # A shift that leaves hardly any sound to compare would make anything alike.
    enough = size > 0.25 * np.sqrt(energies[0][-1] * energies[1][-1])
    return float(np.max(together[shift] / np.where(enough, size, np.inf), initial=0.0))


def _movement(mel: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32] | None:
    """Levels in dB [32, frames / 2] less their running means, 0 where it is silent; None where there is too little."""
    levels = np.maximum((_mean_of_groups(mel, _FINE_BANDS, axis=0) - 1) * -audio.floor_db, _QUIET_DB)
    levels = levels[:, : levels.shape[1] // _HOP * _HOP].reshape(len(levels), -1, _HOP).mean(axis=2)
    sounds = levels.max(axis=0) > _QUIET_DB
    step = _HOP * audio.hop_length / audio.sample_rate
    if sounds.sum() * step < min(_LEAST_SECONDS, audio.seconds / 2):
        return None
    side = round(_SLOW_SECONDS / step / 2)
    sums = np.cumsum(np.pad(levels, ((0, 0), (side + 1, side)), mode="edge"), axis=1)
    slow = (sums[:, 2 * side + 1 :] - sums[:, : -2 * side - 1]) / (2 * side + 1)
    moving = np.where(sounds, levels - slow, 0)
    if moving[:, sounds].std() < _LEAST_DB:
        return None
    return np.asarray(moving, dtype=np.float32)


def _mean_of_groups(values: NDArray[np.float32], groups: int, axis: int) -> NDArray[np.float32]:
    """Means of neighbours along an axis, in so many groups of nearly one size, or in all there are."""
    length = values.shape[axis]
    edges = np.unique(np.linspace(0, length, min(groups, length) + 1).astype(int))
    shape = [1] * values.ndim
    shape[axis] = -1
    sums = np.add.reduceat(values, edges[:-1], axis=axis)
    return np.asarray(sums / np.diff(edges).reshape(shape), dtype=np.float32)
