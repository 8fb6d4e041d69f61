"""Ratings of songs by people: the order in which one hears them, what was said so far, and how far they agree.

The order is drawn for each rater and says nothing of a song. Some songs come a second time, later, to see whether the
rater says the same. After each rating the table is written whole, so that a killed session loses nothing.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.records import Name, Record, Size, from_plain
from sentio_mobile._internal.tables import read_table, write_table
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.reliability import icc, split_half, with_interval
from sentio_mobile.spec import OUTPUTS

COLUMNS = ("path", "valence_mean", "arousal_mean", "rater", "rated")
"""Columns of the table: `data prepare RATINGS --scale -1 1` reads it."""
APART = 10
"""Songs at least between a song and its repeat, where there are as many."""

Value = Annotated[float, Meta(ge=-1, le=1)]


class Rating(Record, frozen=True, kw_only=True):
    """What one rater says of one song."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)]  # the song, relative to the table
    valence: Value  # from -1, unpleasant, to 1, pleasant
    arousal: Value  # from -1, calm, to 1, energetic
    rater: Name  # who says it
    rated: Name  # when, in UTC


class OutputAgreement(Record, frozen=True, kw_only=True):
    """How far raters agree in valence or in arousal. Undefined for fewer than 5 songs that all of them rated."""

    one: Interval  # ICC(2,1): of one rating
    mean: Interval  # ICC(2,k): of the mean over the raters
    halves: Interval  # split-half reliability of that mean, Spearman-Brown
    repeats: Interval  # ICC(2,1) of first and repeated ratings by the same rater


class Agreement(Record, frozen=True, kw_only=True):
    """How far the ratings of a table can be relied on."""

    raters: Size  # raters
    ratings: Size  # ratings, repeats left out
    shared: Size  # songs that all raters rated
    repeated: Size  # ratings that were repeated
    valence: OutputAgreement  # agreement in valence
    arousal: OutputAgreement  # agreement in arousal


@dataclass(frozen=True)
class Item:
    """A song to be rated, and whether it was rated before to see if the rater says the same."""

    song: Path
    repeat: bool


def draw_order(songs: Sequence[Path], *, rater: str, repeats: float, seed: int = 0) -> tuple[Item, ...]:
    """The order in which a rater hears songs: the same each time, and another for each rater.

    Args:
        songs: The songs.
        rater: Name of the rater.
        repeats: Share of the songs that come twice, 0 to 1.
        seed: Random seed.
    """
    rng = np.random.default_rng([seed, *rater.encode()])
    first = [Item(songs[at], False) for at in rng.permutation(len(songs))]
    again = rng.permutation(len(songs))[: round(repeats * len(songs))]
    order = list(first)
    for at in sorted(again):
        item = first[at]
        earliest = min(order.index(item) + 1 + APART, len(order))
        order.insert(int(rng.integers(earliest, len(order) + 1)), Item(item.song, True))
    return tuple(order)


class RatingTable:
    """The ratings of all raters in a CSV, with repeats in a second one beside it.

    Args:
        path: The CSV. One that is there already is gone on with.

    Raises:
        InputError: It is no such table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ratings = _read(path)
        self.repeats = _read(self.repeats_path)

    @property
    def repeats_path(self) -> Path:
        """The CSV of repeats."""
        return self.path.with_name(f"{self.path.stem}.repeats{self.path.suffix}")

    def name_of(self, song: Path) -> str:
        """What a song is called in the table: its path from the table's folder."""
        return Path(os.path.relpath(song, self.path.absolute().parent)).as_posix()

    def is_rated(self, item: Item, rater: str) -> bool:
        """Whether a rater has rated an item."""
        name = self.name_of(item.song)
        return any((one.path, one.rater) == (name, rater) for one in (self.repeats if item.repeat else self.ratings))

    def add(self, item: Item, *, rater: str, valence: float, arousal: float) -> None:
        """Add a rating, and write the table.

        Raises:
            RecordError: A value is out of its range.
            OutputError: It cannot be written.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        rating = Rating(path=self.name_of(item.song), valence=valence, arousal=arousal, rater=rater, rated=now)
        rows, path = (self.repeats, self.repeats_path) if item.repeat else (self.ratings, self.path)
        rows.append(rating)
        write_table(path, COLUMNS, [(one.path, one.valence, one.arousal, one.rater, one.rated) for one in rows])

    def agreement(self, seed: int = 0) -> Agreement:
        """How far raters agree with each other and with themselves."""
        raters = sorted({one.rater for one in self.ratings})
        said = {(one.path, one.rater): (one.valence, one.arousal) for one in self.ratings}
        shared = sorted(song for song in {one.path for one in self.ratings} if all((song, r) in said for r in raters))
        table = np.array([[said[song, rater] for rater in raters] for song in shared]).reshape(
            len(shared), len(raters), 2
        )
        pairs = np.array(
            [
                (said[one.path, one.rater], (one.valence, one.arousal))
                for one in self.repeats
                if (one.path, one.rater) in said
            ]
        ).reshape(-1, 2, 2)
        return Agreement(
            raters=len(raters),
            ratings=len(self.ratings),
            shared=len(shared),
            repeated=len(pairs),
            **{name: _agreement(table[..., at], pairs[..., at], seed) for at, name in enumerate(OUTPUTS)},
        )


def _agreement(table: NDArray[np.float64], pairs: NDArray[np.float64], seed: int) -> OutputAgreement:
    return OutputAgreement(
        one=with_interval(icc, table, seed),
        mean=with_interval(lambda values: icc(values, mean=True), table, seed),
        halves=with_interval(split_half, table, seed),
        repeats=with_interval(icc, pairs, seed),
    )


def _read(path: Path) -> list[Rating]:
    if not is_file(path):
        return []
    rows = read_table(path)
    header = next(rows, [])
    if tuple(header) != COLUMNS:
        raise InputError(
            f"{path}: is no table of ratings (its columns are not {', '.join(COLUMNS)}); give another --out"
        )
    found = []
    for number, row in enumerate(rows, start=2):
        where = f"{path}, row {number}"
        if len(row) != len(COLUMNS):
            raise InputError(f"{where}: has {len(row)} values for {len(COLUMNS)} columns; mend the row")
        try:
            values = {"valence": float(row[1]), "arousal": float(row[2])}
        except ValueError:
            raise InputError(f"{where}: a rating is not a number; mend the row") from None
        found.append(from_plain(Rating, {"path": row[0], **values, "rater": row[3], "rated": row[4]}, where))
    return found
