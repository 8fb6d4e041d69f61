"""The songs with the largest errors, and the factors that set them apart from the others, if any do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Finite, Name, NonNegative, Record, Share, Text
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.evaluation.evaluated_model import Predictions
from sentio_mobile.evaluation.slices import QUADRANTS, quadrant_of
from sentio_mobile.metrics.evaluation import Emotion
from sentio_mobile.metrics.significance import holm

MAX_LISTED = 10
"""Worst songs that are listed by name."""
WORST_SHARE = 0.25
"""Share of the songs that is compared with the others, when factors are tested."""
SIGNIFICANCE = 0.05
"""Largest corrected p of a factor that is reported."""
_PERMUTATIONS = 4000


class WorstSong(Record, frozen=True, kw_only=True):
    """One song with a large error."""

    song_id: Text  # id of the song
    group: Text  # its group
    truth: tuple[Emotion, Emotion]  # label: valence and arousal
    predicted: tuple[Finite, Finite]  # prediction: valence and arousal
    distance: NonNegative  # euclidean distance of prediction and label in the valence-arousal plane


class ErrorFactor(Record, frozen=True, kw_only=True):
    """A property of songs, compared between the worst songs and the others."""

    name: Name  # the property
    worst: Finite  # mean over the worst songs
    others: Finite  # mean over the other songs
    p: Share  # p of a permutation test, corrected for all factors (Holm 1979)

    @property
    def is_significant(self) -> bool:
        """Whether chance is an unlikely explanation of the difference."""
        return self.p < SIGNIFICANCE


class WorstSongs(Record, frozen=True, kw_only=True):
    """The songs with the largest errors."""

    songs: Annotated[tuple[WorstSong, ...], Meta(max_length=MAX_LISTED)]  # the worst of them, largest error first
    factors: Annotated[tuple[ErrorFactor, ...], Meta(max_length=100)]  # all factors that were tested, smallest p first
    count: Count  # number of songs that counted as worst in the tests


def error_factors(
    songs: Sequence[ClipRow], labels: NDArray[np.floating], log_mels: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """Properties of songs that might explain large errors, each [songs].

    Args:
        songs: The songs, as songs.csv lists them.
        labels: Valence and arousal [songs, 2].
        log_mels: Normalized log-mels [songs, n_mels, n_frames] in [0, 1].
    """
    log_mels = np.asarray(log_mels, dtype=np.float64)
    level = log_mels.mean(axis=1)
    bands = np.arange(log_mels.shape[1]) / (log_mels.shape[1] - 1)
    quadrant = quadrant_of(labels)
    return {
        "valence of the label": labels[:, 0].astype(np.float64),
        "arousal of the label": labels[:, 1].astype(np.float64),
        "distance of the label from the middle": np.linalg.norm(labels, axis=1),
        **{f"in the quadrant {name}": (quadrant == i).astype(np.float64) for i, name in enumerate(QUADRANTS)},
        "peak level of the clip": np.array([song.peak for song in songs]),
        "share of clipped samples": np.array([song.clipped for song in songs]),
        "mean level of the spectrogram": level.mean(axis=1),
        "change of level over time": level.std(axis=1),
        "brightness (0 lowest band, 1 highest)": (log_mels * bands[:, None]).sum(axis=(1, 2))
        / np.maximum(log_mels.sum(axis=(1, 2)), 1e-9),
        "share of frames near silence": (log_mels.max(axis=1) < 0.25).mean(axis=1),
        "onsets (mean rise from frame to frame)": np.maximum(np.diff(log_mels, axis=2), 0).mean(axis=(1, 2)),
    }


def worst_songs(
    songs: Sequence[ClipRow],
    truth: NDArray[np.floating],
    *,
    predicted: Predictions,
    factors: Mapping[str, NDArray[np.float64]],
    seed: int = 0,
) -> WorstSongs:
    """List the worst songs by distance in the plane, and compare the worst quarter with the others in every factor.

    Args:
        songs: The songs, as songs.csv lists them.
        truth: Labels [songs, 2].
        predicted: Predictions [songs, 2].
        factors: Properties of the songs, from `error_factors`.
        seed: Random seed of the permutations.
    """
    distance = np.linalg.norm(predicted - truth, axis=1)
    order = np.argsort(-distance, kind="stable")
    count = max(1, round(WORST_SHARE * len(songs)))
    is_worst = np.isin(np.arange(len(songs)), order[:count])
    listed = tuple(
        WorstSong(
            song_id=songs[i].song_id,
            group=songs[i].group,
            truth=_pair(truth[i]),
            predicted=_pair(predicted[i]),
            distance=float(distance[i]),
        )
        for i in order[:MAX_LISTED]
    )
    varied = {name: values for name, values in factors.items() if np.ptp(values) > 0}
    if not varied or count == len(songs):
        return WorstSongs(songs=listed, factors=(), count=count)
    values = np.stack(list(varied.values()))
    permuted = np.random.default_rng(seed).permuted(np.tile(is_worst, (_PERMUTATIONS, 1)), axis=1)
    weights = permuted / count - ~permuted / (len(songs) - count)
    difference = values @ (is_worst / count - ~is_worst / (len(songs) - count))
    as_large = np.abs(values @ weights.T) >= np.abs(difference)[:, None] - 1e-12
    p = holm(((as_large.sum(axis=1) + 1) / (_PERMUTATIONS + 1)).tolist())
    tested = [
        ErrorFactor(name=name, worst=float(own[is_worst].mean()), others=float(own[~is_worst].mean()), p=p[i])
        for i, (name, own) in enumerate(varied.items())
    ]
    return WorstSongs(songs=listed, factors=tuple(sorted(tested, key=lambda factor: factor.p)), count=count)


def _pair(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
