"""Which song is for training, which for choosing, and which for the final test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.songs import Song
from sentio_mobile.errors import DataError

SPLITS: tuple[str, str, str] = ("train", "val", "test")
GRID = 5
"""The valence-arousal square is cut into GRID x GRID cells."""
FEWEST = 3
"""Songs that a split needs for a concordance that means anything at all."""


def cell_of(song: Song) -> int:
    """The song's cell on the grid, counted from low valence and low arousal along arousal.

    Raises:
        DataError: nobody labelled the song.
    """
    if song.valence is None or song.arousal is None:
        raise DataError(f"song {song.song_id!r} has no labels; only labelled songs are split")
    column, row = (min(int((x + 1) / 2 * GRID), GRID - 1) for x in (song.valence, song.arousal))
    return column * GRID + row


def split_songs(songs: Sequence[Song], fractions: tuple[float, float, float], seed: int) -> list[str]:
    """A split for each song: whole groups, stratified over the grid.

    Groups are dealt out in random order; each goes where it brings the counts nearest to what the fractions ask for,
    measured as chi-square over the cells and over the split sizes. Of several such deals the nearest is kept: a large
    group that comes late spoils a deal, and dealing by size would leave nothing to the seed. scikit-learn's
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
    counts = {group: np.bincount(cells[rows], minlength=GRID * GRID) for group, rows in members.items()}
    wanted = np.outer(fractions, np.bincount(cells, minlength=GRID * GRID))
    random = np.random.default_rng(seed)
    # The more groups there are, the less one of them can spoil.
    deals = [
        _deal(random.permutation(list(members)), counts, wanted) for _ in range(max(1, min(20, 20_000 // len(members))))
    ]
    best = min(deals, key=lambda deal: deal[1])[0]
    splits = [best[song.group] for song in songs]
    for name in SPLITS:
        if (count := Counter(splits)[name]) < FEWEST:
            raise DataError(
                f"{len(songs)} songs in {len(members)} groups leave {count} for the {name} split, "
                f"which needs {FEWEST}; add songs or change the fractions"
            )
    return splits


def _deal(
    order: Iterable[str], counts: Mapping[str, NDArray[np.int64]], wanted: NDArray[np.float64]
) -> tuple[dict[str, str], float]:
    """A split for each group, dealt out in this order, and how far the outcome is from `wanted` [splits, cells]."""
    have = np.zeros_like(wanted)
    split_of: dict[str, str] = {}
    for group in order:
        costs = [_misfit(h + counts[group], w) - _misfit(h, w) for h, w in zip(have, wanted, strict=True)]
        best = int(np.argmin(costs))
        have[best] += counts[group]
        split_of[group] = SPLITS[best]
    return split_of, sum(_misfit(h, w) for h, w in zip(have, wanted, strict=True))


def _misfit(have: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    occupied = wanted > 0
    cells = ((have - wanted)[occupied] ** 2 / wanted[occupied]).sum()
    size = (have.sum() - wanted.sum()) ** 2 / wanted.sum()
    return float(cells + GRID * GRID * size)
