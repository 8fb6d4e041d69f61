"""The split of each song into training, validation and test songs: drawn by a seed, or read from a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.songs import Song, numbered_rows, read_text
from sentio_mobile.errors import DataError, LabelError

SPLITS: tuple[str, str, str] = ("train", "val", "test")
GRID = 5
"""The valence-arousal square is divided into GRID x GRID cells."""
MIN_SONGS = 3
"""Songs that each split needs. A concordance over fewer means nothing."""

_NAMED = 5
"""Songs that a note names. The rest are only counted."""


def cell_of(song: Song) -> int:
    """Cell of a song on the grid, counted from low valence and low arousal, along arousal first.

    Raises:
        DataError: The song has no labels.
    """
    if song.valence is None or song.arousal is None:
        raise DataError(f"song {song.song_id!r} has no labels; only labelled songs are split")
    column, row = (min(int((x + 1) / 2 * GRID), GRID - 1) for x in (song.valence, song.arousal))
    return column * GRID + row


def split_songs(songs: Sequence[Song], fractions: tuple[float, float, float], seed: int) -> list[str]:
    """Draw a split for each song: whole groups, stratified over the grid.

    Groups are assigned in random order. Each goes to the split that it brings nearest to the counts that the fractions
    ask for, measured as chi-square over the cells and over the split sizes. The best of several random orders is used,
    because a large group that comes late spoils an order; an order by size would leave nothing to the seed.
    scikit-learn's StratifiedGroupKFold does not serve: it refuses data without one cell of as many songs as folds.

    Args:
        songs: Labelled songs.
        fractions: Shares of training, validation and test songs. They sum to 1.
        seed: Random seed of the orders.

    Returns:
        A name of `SPLITS` for each song.

    Raises:
        DataError: The fractions do not sum to 1, or there are too few songs or groups to fill every split.
    """
    if abs(sum(fractions) - 1) > 1e-6 or min(fractions) <= 0:
        raise DataError(f"split fractions must be above 0 and sum to 1, not {fractions}")
    splits = [SPLITS[part] for part in draw_parts(songs, fractions, seed)]
    for name in SPLITS:
        if (count := Counter(splits)[name]) < MIN_SONGS:
            raise DataError(
                f"{len(songs)} songs in {len({song.group for song in songs})} groups leave {count} for the {name} "
                f"split, which needs {MIN_SONGS}; add songs or change the fractions"
            )
    return splits


def draw_parts(songs: Sequence[Song], shares: Sequence[float], seed: int) -> list[int]:
    """Draw a part for each song, as `split_songs` does, and return its number.

    Args:
        songs: Labelled songs.
        shares: Share of the songs that each part gets. They sum to 1.
        seed: Random seed of the orders.
    """
    members: dict[str, list[int]] = {}
    for i, song in enumerate(songs):
        members.setdefault(song.group, []).append(i)
    cells = np.array([cell_of(song) for song in songs])
    counts = {group: np.bincount(cells[rows], minlength=GRID * GRID) for group, rows in members.items()}
    wanted = np.outer(shares, np.bincount(cells, minlength=GRID * GRID))
    random = np.random.default_rng(seed)
    # With many groups, no single one can spoil an order, and fewer orders are enough.
    attempts = max(1, min(20, 20_000 // len(members)))
    assignments = [_assign(random.permutation(list(members)), counts, wanted) for _ in range(attempts)]
    best = min(assignments, key=lambda assignment: assignment[1])[0]
    return [best[song.group] for song in songs]


def _assign(
    order: Iterable[str], counts: Mapping[str, NDArray[np.int64]], wanted: NDArray[np.float64]
) -> tuple[dict[str, int], float]:
    """Assign groups in this order; return their parts, and the distance from `wanted` [parts, cells]."""
    have = np.zeros_like(wanted)
    # Shares are above 0: a cell that is empty for one part is empty for all.
    occupied = wanted[0] > 0
    cells, sizes = np.ascontiguousarray(wanted[:, occupied]), wanted.sum(axis=1)

    def misfits(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        far = (np.compress(occupied, numbers, axis=1) - cells) ** 2 / cells
        return np.asarray(far.sum(axis=1) + GRID * GRID * ((numbers.sum(axis=1) - sizes) ** 2 / sizes))

    part_of: dict[str, int] = {}
    now = misfits(have)
    for group in order:
        then = misfits(have + counts[group])
        best = int(np.argmin(then - now))
        have[best] += counts[group]
        now[best] = then[best]
        part_of[group] = best
    return part_of, float(sum(now))


@dataclass(frozen=True)
class SplitList:
    """Splits that a study published, or another prepared folder has.

    Attributes:
        path: File or folder that they were read from.
        split_of: Split of each song by its id.
    """

    path: Path
    split_of: Mapping[str, str]

    def select(self, songs: Sequence[Song]) -> tuple[list[Song], list[str]]:
        """Return the songs that have a split, and notes on the songs that are missing on either side.

        Raises:
            DataError: A split has too few songs. Only `val` and `test` may have none at all.
        """
        listed = [song for song in songs if song.song_id in self.split_of]
        left_out = [song.song_id for song in songs if song.song_id not in self.split_of]
        missing = sorted(set(self.split_of) - {song.song_id for song in songs})
        counts = Counter(self.split_of[song.song_id] for song in listed)
        for name in SPLITS:
            if counts[name] < MIN_SONGS and (name == "train" or counts[name] or name in self.split_of.values()):
                raise DataError(
                    f"{self.path}: gives {counts[name]} of the songs to the {name} split, which needs {MIN_SONGS}; its "
                    f"ids are such as {next(iter(self.split_of))!r}, those of the songs such as {songs[0].song_id!r}"
                )
        unmatched = ((left_out, "songs have no split and are left out"), (missing, "listed songs are not there"))
        notes = [f"{len(ids)} {what}, such as {', '.join(ids[:_NAMED])}" for ids, what in unmatched if ids]
        return listed, notes


def read_splits(path: Path) -> SplitList:
    """Read a list of splits.

    Args:
        path: A folder with train.txt, val.txt and test.txt, each with one song id a line; or a CSV with the columns
            song_id and split, such as songs.csv of a prepared folder.

    Raises:
        LabelError: A file is missing or is no such list, a split is unknown, or a song has two.
    """
    split_of: dict[str, str] = {}
    for where, song, split in _lines(path):
        if split not in SPLITS:
            raise LabelError(f"{where}: {split!r} is no split; write {', '.join(SPLITS)}")
        if split_of.setdefault(song, split) != split:
            raise LabelError(f"{where}: song {song!r} is in {split_of[song]} and in {split}; remove one of them")
    if not split_of:
        raise LabelError(f"{path}: lists no song; write a song's id on each line")
    return SplitList(path, split_of)


def _lines(path: Path) -> Iterable[tuple[str, str, str]]:
    """Place, song id and split of each entry."""
    if not path.is_dir():
        for number, row in numbered_rows(path, ("song_id", "split")):
            yield f"{path}, row {number}", row["song_id"], row["split"]
        return
    for split in SPLITS:
        place = path / f"{split}.txt"
        try:
            text = read_text(place)
        except LabelError as error:
            raise LabelError(f"{error}; give a folder with train.txt, val.txt and test.txt") from None
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield f"{place}, line {number}", line.strip(), split
