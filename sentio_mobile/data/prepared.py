"""A prepared data folder: what every later stage reads, and the only thing that it knows of where songs came from.

songs.csv    song_id, row, split, group, valence, arousal (in [-1, 1]), path
mels.npy     float16 [rows, n_mels, n_frames], normalized as the AudioSpec says, memory-mapped
data.json    the AudioSpec, where the labels come from, seed, counts, what was skipped, a fingerprint
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.songs import read_rows
from sentio_mobile.data.splits import SPLITS
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.files import read_json
from sentio_mobile.spec import AudioSpec

SONGS, MELS, SHEET = "songs.csv", "mels.npy", "data.json"
COLUMNS = ("song_id", "row", "split", "group", "valence", "arousal", "path")


@dataclass(frozen=True)
class Split:
    """The songs of one split: ids, groups, rows of the store, and labels [songs, 2] in [-1, 1]."""

    name: str
    song_ids: tuple[str, ...]
    groups: tuple[str, ...]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.song_ids)


@dataclass(frozen=True)
class PreparedData:
    """A prepared data folder, opened; `mels` stays on disk until rows of it are read."""

    folder: Path
    audio: AudioSpec
    sheet: dict[str, Any]
    mels: NDArray[np.float16]
    splits: dict[str, Split]

    @property
    def origin(self) -> dict[str, Any]:
        """What a checkpoint must say about the songs that it learnt from."""
        kept = ("labels", "source", "fingerprint", "songs", "split_seed")
        return {name: self.sheet[name] for name in kept}


def open_data(folder: Path) -> PreparedData:
    """Open a prepared data folder.

    Raises:
        DataError: something in it is missing, damaged, or does not fit the rest.
    """
    if not (folder / SHEET).is_file():
        raise DataError(f"{folder}: is no prepared data (no {SHEET}); make it with `sentio-mobile data prepare`")
    sheet = read_json(folder / SHEET, DataError)
    try:
        audio = AudioSpec.from_dict(sheet["audio"])
        mels = np.load(folder / MELS, mmap_mode="r")
        rows = read_rows(folder / SONGS, COLUMNS)
        splits = {name: _split(name, [row for row in rows if row["split"] == name]) for name in SPLITS}
    except (KeyError, ValueError, OSError, InputError) as error:
        raise DataError(f"{folder}: is damaged ({error}); prepare it again") from error
    if mels.shape[1:] != (audio.n_mels, audio.n_frames) or any(s.rows.max() >= len(mels) for s in splits.values()):
        raise DataError(f"{folder}: {MELS} does not fit {SHEET}; prepare it again")
    return PreparedData(folder=folder, audio=audio, sheet=sheet, mels=mels, splits=splits)


def _split(name: str, rows: list[dict[str, str]]) -> Split:
    if not rows:
        raise DataError(f"no {name} songs")
    return Split(
        name=name,
        song_ids=tuple(row["song_id"] for row in rows),
        groups=tuple(row["group"] for row in rows),
        rows=np.array([int(row["row"]) for row in rows]),
        labels=np.array([[float(row["valence"]), float(row["arousal"])] for row in rows], dtype=np.float32),
    )


def write_songs(path: Path, rows: list[dict[str, object]]) -> None:
    """Write songs.csv."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
