"""Splits that somebody else has fixed: lists of songs, as published studies have them, or a songs.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile.data.songs import Song, numbered_rows
from sentio_mobile.data.splits import FEWEST, SPLITS
from sentio_mobile.errors import DataError, LabelError

_NAMED = 5
"""Songs that a note names; the rest are counted."""


@dataclass(frozen=True)
class GivenSplits:
    """Which song is in which split, by its id, and where that stands."""

    path: Path
    of_song: Mapping[str, str]

    def apply(self, songs: Sequence[Song]) -> tuple[list[Song], list[str]]:
        """The songs that have a split, and notes on those that have none and on those that are not there.

        Raises:
            DataError: a split has too few songs.
        """
        kept = [song for song in songs if song.song_id in self.of_song]
        left_out = [song.song_id for song in songs if song.song_id not in self.of_song]
        missing = sorted(set(self.of_song) - {song.song_id for song in songs})
        counts = Counter(self.of_song[song.song_id] for song in kept)
        for name in SPLITS:
            if counts[name] < FEWEST:
                raise DataError(
                    f"{self.path}: gives {counts[name]} of the songs to the {name} split, which needs {FEWEST}; its "
                    f"ids are such as {next(iter(self.of_song))!r}, those of the songs such as {songs[0].song_id!r}"
                )
        odd = ((left_out, "songs have no split and are left out"), (missing, "listed songs are not there"))
        notes = [f"{len(ids)} {what}, such as {', '.join(ids[:_NAMED])}" for ids, what in odd if ids]
        return kept, notes


def read_splits(path: Path) -> GivenSplits:
    """Read the splits of songs.

    Args:
        path: a folder with train.txt, val.txt and test.txt, each a song's id a line; or a CSV with the columns song_id
            and split, such as the songs.csv of a prepared folder.

    Raises:
        LabelError: a file is missing or is no such list, a split is not one of three, or a song has two.
    """
    of_song: dict[str, str] = {}
    for where, song, split in _lines(path):
        if split not in SPLITS:
            raise LabelError(f"{where}: {split!r} is no split; write {', '.join(SPLITS)}")
        if of_song.setdefault(song, split) != split:
            raise LabelError(f"{where}: song {song!r} is in {of_song[song]} and in {split}; remove one of them")
    if not of_song:
        raise LabelError(f"{path}: lists no song; write a song's id on each line")
    return GivenSplits(path, of_song)


def _lines(path: Path) -> Iterable[tuple[str, str, str]]:
    if not path.is_dir():
        for number, row in numbered_rows(path, ("song_id", "split")):
            yield f"{path}, row {number}", row["song_id"], row["split"]
        return
    for split in SPLITS:
        place = path / f"{split}.txt"
        try:
            text = place.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise LabelError(
                f"{place}: cannot be read ({error}); give a folder with train.txt, val.txt and test.txt"
            ) from error
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield f"{place}, line {number}", line.strip(), split
