"""Which songs to have rated next: those that a model is least sure of (uncertainty sampling, Lewis & Gale 1994).

A bundle's intervals are all as wide, but where the scale ends. What differs from song to song is how far the
predictions for its windows lie apart. So a song counts as wide as all its intervals together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file
from sentio_mobile.errors import InputError
from sentio_mobile.monitoring.log import read_log


@dataclass(frozen=True, kw_only=True)
class LeastSure:
    """Songs to be rated.

    Attributes:
        songs: The songs, in the order in which they were given, which tells nothing of the widths.
        unknown: Number of songs without a prediction, which are left out.
        alike: Whether all songs were as wide, so that the choice says nothing.
    """

    songs: tuple[Path, ...]
    unknown: int
    alike: bool


def widths_of(names: Sequence[str], values: NDArray[np.floating], bounds: NDArray[np.floating]) -> dict[str, float]:
    """How wide the intervals of each song are together, in the mean of valence and arousal, from 0 to 2.

    Args:
        names: Song of each row.
        values: Valence and arousal [rows, 2].
        bounds: Lower and upper end of the intervals of valence and of arousal [rows, 4]; NaN where there is none, and
            the value stands for both ends.
    """
    low, high = (np.where(np.isnan(bounds[:, at]), values, bounds[:, at]) for at in ([0, 2], [1, 3]))
    ends: dict[str, NDArray[np.floating]] = {}
    for name, below, above in zip(names, low, high, strict=True):
        known = ends.setdefault(name, np.stack([below, above]))
        ends[name] = np.stack([np.minimum(known[0], below), np.maximum(known[1], above)])
    return {name: float(np.mean(both[1] - both[0])) for name, both in ends.items()}


def read_widths(predictions: Path, folder: Path) -> dict[str, float]:
    """The widths of the songs of a file of predictions, by their absolute paths.

    Args:
        predictions: What `predict --out` or `--log` wrote: CSV, JSON, JSONL or Parquet.
        folder: Where names start from that are no path from the current folder.

    Raises:
        InputError: It is no such file, or names no songs.
        MissingExtraError: It is a Parquet file, and pyarrow is not installed.
    """
    log = read_log([predictions], dated=False)
    if not log.songs:
        raise InputError(f"{predictions}: has no column 'song'; it must say which songs were predicted")
    found = widths_of(log.songs, log.values[:, :2], log.bounds)
    return {_absolute(Path(name) if is_file(Path(name)) else folder / name): width for name, width in found.items()}


def least_sure(songs: Sequence[Path], widths: Mapping[str, float], count: int) -> LeastSure:
    """Choose the songs with the widest intervals.

    Args:
        songs: All songs.
        widths: Width of each song by its absolute path.
        count: Number of songs to choose; all that have a width where there are fewer.

    Raises:
        InputError: No song has a width.
    """
    known = [song for song in songs if _absolute(song) in widths]
    if not known:
        raise InputError(f"{songs[0]} and the others: none of them is in the predictions; predict this folder's songs")
    # Of songs that are as wide, those that come first.
    chosen = set(sorted(known, key=lambda song: -widths[_absolute(song)])[:count])
    found = [round(widths[_absolute(song)], 6) for song in known]
    return LeastSure(
        songs=tuple(song for song in known if song in chosen),
        unknown=len(songs) - len(known),
        alike=len(set(found)) == 1 and len(found) > count,
    )


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay as they are
