"""Songs of a log, each once: what was asked several times is no further evidence, and no further point of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.monitoring.log import PredictionLog


@dataclass(frozen=True, kw_only=True)
class Songs:
    """Songs of a stretch of time, each once.

    Attributes:
        values: Valence, arousal and inputs, each in the mean over the song's rows [songs, 2 + inputs].
        bounds: Ends of the intervals, likewise [songs, 4].
        names: The songs; empty where they are not known.
        groups: Their groups; empty where they are not known.
    """

    values: NDArray[np.float64]
    bounds: NDArray[np.float64]
    names: tuple[str, ...]
    groups: tuple[str, ...]


def each_once(log: PredictionLog, chosen: NDArray[np.bool_] | None = None) -> Songs:
    """The songs of a log, each once, in the order in which they come first.

    Args:
        log: The log. Where it names no songs, every row is one.
        chosen: The rows to take [rows]; None for all.
    """
    rows = np.arange(len(log)) if chosen is None else np.flatnonzero(chosen)
    if not log.songs:
        groups = tuple(log.groups[row] for row in rows) if log.groups else ()
        return Songs(values=log.values[rows], bounds=log.bounds[rows], names=(), groups=groups)
    first: dict[str, int] = {}
    song_of = np.array([first.setdefault(log.songs[row], len(first)) for row in rows], dtype=np.int64)
    at = rows[np.unique(song_of, return_index=True)[1]]
    counts = np.bincount(song_of)
    # A missing value makes the mean of its song missing.
    values, bounds = (
        np.stack([np.bincount(song_of, column[rows]) for column in table.T], axis=1) / counts[:, None]
        for table in (log.values, log.bounds)
    )
    groups = tuple(log.groups[row] for row in at) if log.groups else ()
    return Songs(values=values, bounds=bounds, names=tuple(first), groups=groups)
