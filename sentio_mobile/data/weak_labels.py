"""On which side of neutral a song is, where nobody gave it numbers: high or low valence, high or low arousal."""

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
_SIDES: Mapping[str, float] = {"0": -1.0, "1": 1.0, "": 0.0}


@dataclass(frozen=True)
class WeakLabels:
    """The sides of songs by their ids: -1 low, 1 high, 0 not known. `digest` tells this file from any other."""

    path: Path
    of_song: Mapping[str, tuple[float, float]]
    digest: str

    def of(self, data: PreparedData) -> NDArray[np.float32]:
        """The sides of valence and arousal [songs, 2] of a prepared folder without labels; 0 for songs not listed.

        Raises:
            DataError: none of its songs is listed, or the folder has labels.
        """
        songs = data.split(UNLABELLED).song_ids
        found = np.array([self.of_song.get(song, (0.0, 0.0)) for song in songs], dtype=np.float32)
        if not found.any():
            raise DataError(
                f"{self.path}: lists no song of {data.folder}; its ids are such as {next(iter(self.of_song))!r}, those "
                f"of the songs such as {songs[0]!r}"
            )
        return found


def read_weak_labels(path: Path) -> WeakLabels:
    """Read a CSV with the columns song_id, v_high and a_high: 1 for high, 0 for low, empty where it is not known.

    Raises:
        LabelError: it is missing, or a value in it is not what it must be.
    """
    of_song: dict[str, tuple[float, float]] = {}
    for number, row in numbered_rows(path, COLUMNS):
        song, *said = (row[name] for name in COLUMNS)
        for name, text in zip(COLUMNS[1:], said, strict=True):
            if text not in _SIDES:
                raise LabelError(f"{path}, row {number}, {name}: {text!r} is no side; write 1 for high, 0 for low")
        if song in of_song:
            raise LabelError(f"{path}, row {number}: song {song!r} stands in the file twice; remove one")
        of_song[song] = (_SIDES[said[0]], _SIDES[said[1]])
    return WeakLabels(path, of_song, sha256(path))
