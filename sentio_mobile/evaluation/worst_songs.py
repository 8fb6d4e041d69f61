"""The songs that a model misses most, and what sets them apart from the others, if anything does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.listing import Listed
from sentio_mobile.evaluation.evaluated_model import Answers
from sentio_mobile.evaluation.slices import QUADRANTS, quadrant_of
from sentio_mobile.metrics.significance import holm

WORST = 10
SHARE = 0.25
"""Share of the songs that counts as missed most when they are compared with the others."""
_SHUFFLES = 4000


@dataclass(frozen=True, kw_only=True)
class WorstSong:
    """One song; `distance` is that of answer and label in the plane."""

    song_id: str
    group: str
    truth: tuple[float, float]
    predicted: tuple[float, float]
    distance: float


@dataclass(frozen=True)
class ErrorFactor:
    """What the missed songs may have in common.

    Attributes:
        name: a property of songs.
        missed: its mean over the songs that are missed most.
        others: its mean over the others.
        p: how often shuffled songs differ as much (a permutation test), corrected for all traits (Holm 1979).
    """

    name: str
    missed: float
    others: float
    p: float

    @property
    def is_shown(self) -> bool:
        """Whether chance is an unlikely reason."""
        return self.p < 0.05


@dataclass(frozen=True)
class WorstSongs:
    """The worst songs, and the traits that were looked at, the surest first. `count` songs counted as missed most."""

    songs: list[WorstSong]
    traits: list[ErrorFactor]
    count: int


def error_factors(
    songs: Sequence[Listed], labels: NDArray[np.floating], units: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """Properties of songs that might make them hard, each [songs].

    Args:
        songs: as songs.csv has them.
        labels: valence and arousal [songs, 2].
        units: log-mels in unit levels [songs, n_mels, n_frames].
    """
    units = np.asarray(units, dtype=np.float64)
    level = units.mean(axis=1)
    bands = np.arange(units.shape[1]) / (units.shape[1] - 1)
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
        "brightness (0 lowest band, 1 highest)": (units * bands[:, None]).sum(axis=(1, 2))
        / np.maximum(units.sum(axis=(1, 2)), 1e-9),
        "share of frames near silence": (units.max(axis=1) < 0.25).mean(axis=1),
        "onsets (mean rise from frame to frame)": np.maximum(np.diff(units, axis=2), 0).mean(axis=(1, 2)),
    }


def worst_songs(
    songs: Sequence[Listed],
    truth: NDArray[np.floating],
    *,
    predicted: Answers,
    traits: Mapping[str, NDArray[np.float64]],
    seed: int = 0,
) -> WorstSongs:
    """The worst songs by distance in the plane, and the traits of the worst quarter against the rest.

    Args:
        songs: as songs.csv has them.
        truth: labels [songs, 2].
        predicted: answers [songs, 2].
        traits: what `error_factors` gives.
        seed: of the shuffles.
    """
    distance = np.linalg.norm(predicted - truth, axis=1)
    order = np.argsort(-distance, kind="stable")
    count = max(1, round(SHARE * len(songs)))
    missed = np.isin(np.arange(len(songs)), order[:count])
    worst = [
        WorstSong(
            song_id=songs[i].song_id,
            group=songs[i].group,
            truth=_pair(truth[i]),
            predicted=_pair(predicted[i]),
            distance=float(distance[i]),
        )
        for i in order[:WORST]
    ]
    varied = {name: values for name, values in traits.items() if np.ptp(values) > 0}
    if not varied or count == len(songs):
        return WorstSongs(worst, [], count)
    values = np.stack(list(varied.values()))
    shuffles = np.random.default_rng(seed).permuted(np.tile(missed, (_SHUFFLES, 1)), axis=1)
    weights = shuffles / count - ~shuffles / (len(songs) - count)
    found = values @ (missed / count - ~missed / (len(songs) - count))
    by_chance = np.abs(values @ weights.T) >= np.abs(found)[:, None] - 1e-12
    p = holm(((by_chance.sum(axis=1) + 1) / (_SHUFFLES + 1)).tolist())
    found_traits = [
        ErrorFactor(name, float(own[missed].mean()), float(own[~missed].mean()), p[i])
        for i, (name, own) in enumerate(varied.items())
    ]
    return WorstSongs(worst, sorted(found_traits, key=lambda trait: trait.p), count)


def _pair(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
