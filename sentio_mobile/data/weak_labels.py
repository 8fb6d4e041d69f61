"""Weak labels: which side of neutral a song is on, high or low in valence and arousal, where nobody gave numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.data.songs import numbered_rows
from sentio_mobile.errors import DataError, LabelError

COLUMNS = ("song_id", "v_high", "a_high")
_VALUES: Mapping[str, float] = {"0": -1.0, "1": 1.0, "": 0.0}


@dataclass(frozen=True)
class WeakLabels:
    """The weak labels of songs.

    Attributes:
        path: File that they were read from.
        by_song: Valence and arousal of each song by its id: -1 low, 1 high, 0 unknown.
        digest: SHA-256 of the file.
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
