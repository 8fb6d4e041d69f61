"""Features of a clip: small descriptions whose distributions are compared between generated and real clips.

There are two kinds: the features behind the five parts of the score, and richer band statistics, from which a linear
model predicts valence and arousal and which place clips near to each other or far apart.
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
"""Frames over which changes are measured: from 23 ms to 1.5 s in the default front end."""

MODULATION_HZ: tuple[float, ...] = (0.25, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Edges of the bands of slow modulation; beats lie between 1 and 8 Hz."""

_PATCH_BANDS, _PATCH_POINTS, _FRAMES_PER_POINT, _PATCH_STRIDE = 16, 8, 4, 4
PATCH = _PATCH_BANDS * _PATCH_POINTS
"""Numbers in a patch."""

_FINE_GROUPS = 32
_MODULATION_GROUPS = 8
_MIN_DB = 0.1
"""Smallest standard deviation in dB that counts as movement."""


def band_groups(levels: Array, count: int) -> Array:
    """Average adjacent bands into `count` groups of nearly equal size: [bands, frames] to [count, frames]."""
    edges = np.linspace(0, len(levels), min(count, len(levels)) + 1).astype(int)
    return np.asarray(np.add.reduceat(levels, edges[:-1], axis=0) / np.diff(edges)[:, None], dtype=np.float32)


def patches(levels: Array) -> Array:
    """Mean and second moments of the clip's patches, [PATCH] and [PATCH, PATCH], concatenated.

    A patch is 16 groups of bands by 8 points in time, each the mean of 4 frames: three quarters of a second in the
    default front end. A patch starts at every fourth point.
    """
    bands = band_groups(levels, _PATCH_BANDS)
    points = bands[:, : bands.shape[1] // _FRAMES_PER_POINT * _FRAMES_PER_POINT]
    points = points.reshape(len(bands), -1, _FRAMES_PER_POINT).mean(axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(points, _PATCH_POINTS, axis=1)[:, ::_PATCH_STRIDE]
    flat = windows.transpose(1, 0, 2).reshape(-1, len(bands) * _PATCH_POINTS)
    return np.concatenate([flat.mean(axis=0), (flat.T @ flat / len(flat)).ravel()])


def moments(levels: Array) -> Array:
    """Mean, standard deviation, skewness and excess kurtosis of all cells [4]."""
    mean, sd = levels.mean(dtype=np.float64), levels.std(dtype=np.float64)
    z = ((levels - mean) / max(sd, _MIN_DB)).astype(np.float32)
    square = z * z
    third, fourth = (square * z).mean(dtype=np.float64), (square * square).mean(dtype=np.float64)
    return np.array([mean, sd, third, fourth - 3], dtype=np.float32)


def smoothness(levels: Array) -> Array:
    """Mean absolute change over each of `LAGS` [4]; 0 for lags longer than the clip."""
    return np.array([_change(levels, lag).mean() for lag in LAGS], dtype=np.float32)


def correlation(levels: Array) -> Array:
    """Correlations over time between 32 groups of bands, each pair once [496]; 0 for a group that does not move."""
    bands = band_groups(levels, _FINE_GROUPS)
    centred = bands - bands.mean(axis=1, keepdims=True)
    sd = np.sqrt((centred**2).mean(axis=1))
    standardized = centred / np.where(sd > _MIN_DB, sd, np.inf)[:, None]
    products = standardized @ standardized.T / levels.shape[1]
    return np.asarray(products[np.triu_indices(len(bands), 1)], dtype=np.float32)


def dynamic_range(levels: Array) -> Array:
    """5th to 95th percentile of all cells, of the frames' mean levels, and within a frame (averaged) [3]."""
    within = np.diff(np.percentile(levels, (5, 95), axis=0), axis=0).mean()
    spans = [np.diff(np.percentile(values, (5, 95)))[0] for values in (levels, levels.mean(axis=0))]
    return np.array([*spans, within], dtype=np.float32)


def statistics(levels: Array, audio: AudioSpec) -> Array:
    """Band statistics [171], from which a linear model predicts emotion.

    For each of 32 groups of bands: mean, standard deviation, and mean change over 1 and over 16 frames. For each of 8
    groups: the depth of slow modulation in dB between adjacent edges of `MODULATION_HZ`. For the mean level of a frame:
    its mean, its standard deviation over time, and its change over 4 frames.
    """
    bands = band_groups(levels, _FINE_GROUPS)
    loudness = bands.mean(axis=0, keepdims=True)
    parts = [
        bands.mean(axis=1),
        bands.std(axis=1),
        *(_change(bands, lag).mean(axis=1) for lag in (1, 16)),
        _modulation(band_groups(levels, _MODULATION_GROUPS), audio).ravel(),
        [loudness.mean(), loudness.std(), _change(loudness, 4).mean()],
    ]
    return np.concatenate(parts).astype(np.float32)


SCORE_FEATURES: Mapping[str, Callable[[Array], Array]] = {
    "frechet": patches,
    "moments": moments,
    "smoothness": smoothness,
    "correlation": correlation,
    "range": dynamic_range,
}
"""The features behind each part of the score; all take levels in dB [bands, frames]."""


def score_features(clips: Clips, audio: AudioSpec, progress: Progress) -> dict[str, Array]:
    """Compute each of `SCORE_FEATURES` for every clip [n, numbers].

    Args:
        clips: Clips, read once and one at a time.
        audio: Front end of the clips.
        progress: Progress, clip by clip.

    Raises:
        DataError: A clip holds a value that is not finite.
    """
    rows = measure(clips, progress, lambda mel: [f(decibels(mel, audio)) for f in SCORE_FEATURES.values()])
    return {name: np.stack(values) for name, values in zip(SCORE_FEATURES, zip(*rows, strict=True), strict=True)}


def band_statistics(clips: Clips, audio: AudioSpec, progress: Progress) -> Array:
    """Compute `statistics` of every clip [n, 171].

    Raises:
        DataError: A clip holds a value that is not finite.
    """
    return np.stack(measure(clips, progress, lambda mel: statistics(decibels(mel, audio), audio)))


def measure(clips: Clips, progress: Progress, measurement: Callable[[Array], T]) -> list[T]:
    """Apply a measurement to the normalized log-mel of every clip.

    Raises:
        DataError: A clip holds a value that is not finite.
    """
    results = []
    progress.start(f"measuring {clips.name}", len(clips))
    for clip_name, mel in zip(clips.clip_names, clips, strict=True):
        if not np.isfinite(mel).all():
            raise DataError(f"{clips.name}: {clip_name!r} holds values that are not numbers; make it again")
        results.append(measurement(mel))
        progress.advance()
    progress.finish()
    return results


def decibels(mel: Array, audio: AudioSpec) -> Array:
    """A normalized log-mel in dB relative to the clip's loudest cell, from `audio.floor_db` to 0."""
    return np.asarray((np.clip(mel, 0, 1) - 1) * -audio.floor_db, dtype=np.float32)


def _change(levels: Array, lag: int) -> Array:
    """Absolute change of each band over `lag` frames [bands, frames - lag]; one 0 per band for a shorter clip."""
    if levels.shape[1] <= lag:
        return np.zeros((len(levels), 1), dtype=np.float32)
    return np.abs(levels[:, lag:] - levels[:, :-lag])


def _modulation(bands: Array, audio: AudioSpec) -> Array:
    """Depth of modulation in dB relative to 1 dB, by band and by range of `MODULATION_HZ` [bands, 5]."""
    frames = bands.shape[1]
    window = np.hanning(frames)
    centred = (bands - bands.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(centred, axis=1)) ** 2 * (2 / (frames * (window**2).sum()))
    hz = np.fft.rfftfreq(frames, audio.hop_length / audio.sample_rate)
    edges = np.searchsorted(hz, MODULATION_HZ)
    sums = [power[:, low:high].sum(axis=1) for low, high in pairwise(edges)]
    return np.asarray(10 * np.log10(np.stack(sums, axis=1) + _MIN_DB**2), dtype=np.float32)
