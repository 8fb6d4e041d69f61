"""What is measured of every clip: small descriptions whose distributions are compared, real beside made up.

Two kinds. The five of the 0-100 score, one for each of its parts. And band statistics, richer, from which a linear
model hears valence and arousal and in which clips are near to each other or far apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips

Array = NDArray[np.float32]
T = TypeVar("T")

LAGS: tuple[int, ...] = (1, 4, 16, 64)
"""Frames over which changes are measured: from 23 ms to 1.5 s in the usual front end."""

MODULATION_HZ: tuple[float, ...] = (0.25, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Edges of the bands of slow movement; beats lie between 1 and 8 Hz."""

_BANDS, _POINTS, _FRAMES, _STRIDE = 16, 8, 4, 4
PATCH = _BANDS * _POINTS
"""Numbers in a patch."""

_FINE = 32
_MODULATED = 8
_LEAST_DB = 0.1


def groups_of(levels: Array, count: int) -> Array:
    """Means over neighbouring bands, in `count` groups of nearly one size: [bands, frames] -> [count, frames]."""
    edges = np.linspace(0, len(levels), min(count, len(levels)) + 1).astype(int)
    return np.asarray(np.add.reduceat(levels, edges[:-1], axis=0) / np.diff(edges)[:, None], dtype=np.float32)


def patches(levels: Array) -> Array:
    """Mean and second moments of the clip's patches, [PATCH] and [PATCH, PATCH], one after the other.

    A patch is 16 groups of bands by 8 points in time, each the mean of 4 frames: three quarters of a second in the
    usual front end. One starts at every fourth point.
    """
    bands = groups_of(levels, _BANDS)
    points = bands[:, : bands.shape[1] // _FRAMES * _FRAMES].reshape(len(bands), -1, _FRAMES).mean(axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(points, _POINTS, axis=1)[:, ::_STRIDE]
    flat = windows.transpose(1, 0, 2).reshape(-1, len(bands) * _POINTS)
    return np.concatenate([flat.mean(axis=0), (flat.T @ flat / len(flat)).ravel()])


def moments(levels: Array) -> Array:
    """Mean, standard deviation, skewness and excess kurtosis of all cells [4]."""
    mean, sd = levels.mean(dtype=np.float64), levels.std(dtype=np.float64)
    z = ((levels - mean) / max(sd, _LEAST_DB)).astype(np.float32)
    square = z * z
    third, fourth = (square * z).mean(dtype=np.float64), (square * square).mean(dtype=np.float64)
    return np.array([mean, sd, third, fourth - 3], dtype=np.float32)


def smoothness(levels: Array) -> Array:
    """Mean absolute change over each of `LAGS` [4]; 0 where the clip is shorter."""
    return np.array([_change(levels, lag).mean() for lag in LAGS], dtype=np.float32)


def correlation(levels: Array) -> Array:
    """Correlations over time between 32 groups of bands, each pair once [496]; 0 for a group that does not move."""
    bands = groups_of(levels, _FINE)
    moving = bands - bands.mean(axis=1, keepdims=True)
    size = np.sqrt((moving**2).mean(axis=1))
    unit = moving / np.where(size > _LEAST_DB, size, np.inf)[:, None]
    return np.asarray((unit @ unit.T / levels.shape[1])[np.triu_indices(len(bands), 1)], dtype=np.float32)


def dynamic_range(levels: Array) -> Array:
    """From the 5th to the 95th percentile: of all cells, of the frames' mean levels, within a frame (its mean) [3]."""
    within = np.diff(np.percentile(levels, (5, 95), axis=0), axis=0).mean()
    spans = [np.diff(np.percentile(x, (5, 95)))[0] for x in (levels, levels.mean(axis=0))]
    return np.array([*spans, within], dtype=np.float32)


def statistics(levels: Array, audio: AudioSpec) -> Array:
    """Band statistics [171]: what a linear model hears emotion from.

    In 32 groups of bands: mean, standard deviation, and mean change over 1 and over 16 frames. In 8 groups: the depth
    of slow movement, in dB, within each pair of neighbours of `MODULATION_HZ`. And the mean of the frames' levels, its
    standard deviation over time, and its change over 4 frames.
    """
    bands = groups_of(levels, _FINE)
    loudness = bands.mean(axis=0, keepdims=True)
    parts = [
        bands.mean(axis=1),
        bands.std(axis=1),
        *(_change(bands, lag).mean(axis=1) for lag in (1, 16)),
        _modulation(groups_of(levels, _MODULATED), audio).ravel(),
        [loudness.mean(), loudness.std(), _change(loudness, 4).mean()],
    ]
    return np.concatenate(parts).astype(np.float32)


DESCRIPTIONS: Mapping[str, Callable[[Array], Array]] = {
    "frechet": patches,
    "moments": moments,
    "smoothness": smoothness,
    "correlation": correlation,
    "range": dynamic_range,
}
"""What the parts of the score compare; all take levels in dB [bands, frames]."""


def describe(clips: Clips, audio: AudioSpec, progress: Progress) -> dict[str, Array]:
    """What the parts of the score compare: each of `DESCRIPTIONS` of every clip [n, numbers].

    Args:
        clips: read once, one at a time.
        audio: the front end that they follow.
        progress: shown clip by clip.

    Raises:
        DataError: a clip holds a value that is no number.
    """
    rows = measure(clips, progress, lambda unit: [f(decibels(unit, audio)) for f in DESCRIPTIONS.values()])
    return {name: np.stack(values) for name, values in zip(DESCRIPTIONS, zip(*rows, strict=True), strict=True)}


def statistics_of(clips: Clips, audio: AudioSpec, progress: Progress) -> Array:
    """`statistics` of every clip [n, 171].

    Raises:
        DataError: a clip holds a value that is no number.
    """
    return np.stack(measure(clips, progress, lambda unit: statistics(decibels(unit, audio), audio)))


def measure(clips: Clips, progress: Progress, measurement: Callable[[Array], T]) -> list[T]:
    """Something of every clip, from its unit levels.

    Raises:
        DataError: a clip holds a value that is no number.
    """
    found = []
    progress.start(f"measuring {clips.what}", len(clips))
    for name, unit in zip(clips.names, clips, strict=True):
        if not np.isfinite(unit).all():
            raise DataError(f"{clips.what}: {name!r} holds values that are no numbers; make it again")
        found.append(measurement(unit))
        progress.advance()
    progress.finish()
    return found


def decibels(unit: Array, audio: AudioSpec) -> Array:
    """Unit levels as dB re the clip's loudest cell, from `audio.floor_db` to 0."""
    return np.asarray((np.clip(unit, 0, 1) - 1) * -audio.floor_db, dtype=np.float32)


def _change(levels: Array, lag: int) -> Array:
    """How much each band changes over `lag` frames [bands, frames - lag]; one 0 each where there are too few."""
    if levels.shape[1] <= lag:
        return np.zeros((len(levels), 1), dtype=np.float32)
    return np.abs(levels[:, lag:] - levels[:, :-lag])


def _modulation(bands: Array, audio: AudioSpec) -> Array:
    """Depth of movement in dB re 1 dB, for each band and each range of `MODULATION_HZ` [bands, 5]."""
    frames = bands.shape[1]
    window = np.hanning(frames)
    moving = (bands - bands.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(moving, axis=1)) ** 2 * (2 / (frames * (window**2).sum()))
    hz = np.fft.rfftfreq(frames, audio.hop_length / audio.sample_rate)
    edges = np.searchsorted(hz, MODULATION_HZ)
    sums = [power[:, low:high].sum(axis=1) for low, high in pairwise(edges)]
    return np.asarray(10 * np.log10(np.stack(sums, axis=1) + _LEAST_DB**2), dtype=np.float32)
