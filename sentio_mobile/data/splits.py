"""Which song is for training, which for choosing, and which for the final test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sentio_mobile.data.songs import Song
from sentio_mobile.errors import DataError

SPLITS: tuple[str, str, str] = ("train", "val", "test")
GRID = 5
"""The valence-arousal square is cut into GRID x GRID cells."""
_FEWEST = 3
"""Songs that a split needs for a concordance that means anything at all."""


def cell_of(song: Song) -> int:
    """The song's cell on the grid, counted from low valence and low arousal along arousal."""
    column, row = (min(int((x + 1) / 2 * GRID), GRID - 1) for x in (song.valence, song.arousal))
    return column * GRID + row


def split_songs(songs: Sequence[Song], fractions: tuple[float, float, float], seed: int) -> list[str]:
    """A split for each song: whole groups, stratified over the grid.

    Groups are dealt out in random order, larger ones first. Each goes where it brings the counts nearest to what the
    fractions ask for, measured as chi-square over the cells and over the split sizes. scikit-learn's
    StratifiedGroupKFold was not used: it refuses data in which no cell has as many songs as there are folds.

    Args:
        songs: the songs.
        fractions: shares of train, validation and test; they sum to 1.
        seed: of the random order.

    Raises:
        DataError: the fractions do not sum to 1, or there are too few songs or groups to fill every split.
    """
    if abs(sum(fractions) - 1) > 1e-6 or min(fractions) <= 0:
        raise DataError(f"split fractions must be above 0 and sum to 1, not {fractions}")
    members: dict[str, list[int]] = {}
    for i, song in enumerate(songs):
        members.setdefault(song.group, []).append(i)
    cells = np.array([cell_of(song) for song in songs])
    wanted = np.outer(fractions, np.bincount(cells, minlength=GRID * GRID))
    have = np.zeros_like(wanted)
    order = list(members)
    np.random.default_rng(seed).shuffle(order)
    order.sort(key=lambda group: -len(members[group]))
    splits = [""] * len(songs)
    for group in order:
        more = np.bincount(cells[members[group]], minlength=GRID * GRID)
        costs = [_misfit(have[s] + more, wanted[s]) - _misfit(have[s], wanted[s]) for s in range(len(SPLITS))]
        best = int(np.argmin(costs))
        have[best] += more
        for i in members[group]:
            splits[i] = SPLITS[best]
    for name in SPLITS:
        if (count := Counter(splits)[name]) < _FEWEST:
            raise DataError(
                f"{len(songs)} songs in {len(members)} groups leave {count} for the {name} split, "
                f"which needs {_FEWEST}; add songs or change the fractions"
            )
    return splits


def _misfit(have: np.ndarray, wanted: np.ndarray) -> float:
    occupied = wanted > 0
    cells = ((have - wanted)[occupied] ** 2 / wanted[occupied]).sum()
    size = (have.sum() - wanted.sum()) ** 2 / wanted.sum()
    return float(cells + GRID * GRID * size)
