"""Weak labels: which side of neutral a song is on, high or low in valence and arousal, where nobody gave numbers."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256, write_text
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.data.songs import Song, numbered_rows
from sentio_mobile.errors import DataError, LabelError

WEAK_LABELS = "weak_labels.csv"
"""File in a prepared folder that has the weak labels of its songs, where their source has some."""

COLUMNS = ("song_id", "v_high", "a_high")
_VALUES: Mapping[str, float] = {"0": -1.0, "1": 1.0, "": 0.0}


@dataclass(frozen=True)
class WeakLabels:
    """The weak labels of songs.

    Attributes:
        path: File, or data set, that they were read from.
        by_song: Valence and arousal of each song by its id: -1 low, 1 high, 0 unknown.
        digest: SHA-256 of the file, or of the labels.
    """

    path: Path
    by_song: Mapping[str, tuple[float, float]]
    digest: str

    def of(self, data: PreparedData) -> NDArray[np.float32]:
        """The weak labels of a prepared folder without labels [songs, 2]; 0 for songs that are not listed.

        Raises:
            DataError: None of its songs is listed, or the folder has labels.
        """
        songs = data.split(UNLABELLED).song_ids
        found = np.array([self.by_song.get(song, (0.0, 0.0)) for song in songs], dtype=np.float32)
        if not found.any():
            raise DataError(
                f"{self.path}: lists no song of {data.folder}; its ids are such as {next(iter(self.by_song))!r}, those "
                f"of the songs such as {songs[0]!r}"
            )
        return found


def write_weak_labels(path: Path, songs: Iterable[Song]) -> None:
    """Write the weak labels that songs have as `read_weak_labels` reads them.

    Raises:
        OutputError: The file cannot be written.
    """
    words = {1: "1", -1: "0", 0: ""}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(
        (song.song_id, *(words[side] for side in song.weak_labels)) for song in songs if song.weak_labels is not None
    )
    write_text(path, text.getvalue().encode("utf-8", "backslashreplace").decode())


def weak_labels_of(source: Source) -> WeakLabels:
    """The weak labels that the songs of a data set have."""
    by_song = {song.song_id: song.weak_labels for song in source.songs if song.weak_labels is not None}
    digest = hashlib.sha256(repr(sorted(by_song.items())).encode("utf-8", "backslashreplace")).hexdigest()
    return WeakLabels(source.root, {song: (float(v), float(a)) for song, (v, a) in by_song.items()}, digest)


def read_weak_labels(path: Path) -> WeakLabels:
    """Read a CSV with the columns song_id, v_high and a_high: 1 for high, 0 for low, empty for unknown.

    Raises:
        LabelError: The file is missing, or a value in it is wrong.
    """
    by_song: dict[str, tuple[float, float]] = {}
    for number, row in numbered_rows(path, COLUMNS):
        song, *values = (row[name] for name in COLUMNS)
        for name, text in zip(COLUMNS[1:], values, strict=True):
            if text not in _VALUES:
                raise LabelError(
                    f"{path}, row {number}, {name}: {text!r} is no weak label; write 1 for high, 0 for low"
                )
        if song in by_song:
            raise LabelError(f"{path}, row {number}: song {song!r} stands in the file twice; remove one")
        by_song[song] = (_VALUES[values[0]], _VALUES[values[1]])
    return WeakLabels(path, by_song, sha256(path))
