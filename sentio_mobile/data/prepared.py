"""A prepared data folder: what every later stage reads, and the only thing that it knows of where songs came from.

songs.csv    a line for each window of each song: where it is in the store, its split, its labels, its audio file
store/       the clips, unless they are kept elsewhere: log-mels in unit levels, see store.py
data.json    the AudioSpec, where labels and clips come from, seed, counts, what was skipped, a fingerprint of it all
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import read_json, sha256, write_text
from sentio_mobile.data.splits import SPLITS
from sentio_mobile.data.store import Store, open_store
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.spec import AudioSpec

SONGS, STORE, SHEET = "songs.csv", "store", "data.json"
COLUMNS = (
    *("song_id", "window", "start", "row", "split", "group", "valence", "arousal", "path"),
    *("sha256", "seconds", "peak", "clipped"),
)
"""`window` 0 is the one that is evaluated; `start` and `seconds` (of the whole file) are in seconds. Without labels
`valence` and `arousal` are empty. `peak` and `clipped`, the share of samples at full scale, are those of the window."""

UNLABELLED = "unlabelled"
"""The one split of songs without labels."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The songs of one split. Labels are in [-1, 1], and NaN where there are none.

    Attributes:
        name: `train`, `val`, `test`, or `unlabelled`.
        song_ids: of each song.
        groups: of each song.
        rows: of each song's evaluated window in the store [songs].
        labels: valence and arousal of that window [songs, 2].
        windows: rows of all windows [songs, W], the evaluated one first; songs that have fewer repeat theirs.
        window_labels: valence and arousal of each of them [songs, W, 2].
    """

    name: str
    song_ids: tuple[str, ...]
    groups: tuple[str, ...]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    windows: NDArray[np.int64]
    window_labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.song_ids)


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """A prepared data folder, opened; the store's clips stay on disk until rows of them are read."""

    folder: Path
    audio: AudioSpec
    sheet: dict[str, Any]
    store: Store
    splits: dict[str, Split]

    @property
    def mels(self) -> NDArray[np.float16]:
        """All clips of the store, in unit levels: [rows, n_mels, n_frames], memory-mapped and read-only."""
        return self.store.mels

    @property
    def origin(self) -> dict[str, Any]:
        """What a checkpoint must say about the songs that it learnt from."""
        kept = ("labels", "source", "fingerprint", "songs", "split_seed")
        return {name: self.sheet[name] for name in kept}

    def split(self, name: str) -> Split:
        """The songs of one split.

        Raises:
            DataError: there is none of this name.
        """
        if name not in self.splits:
            raise DataError(
                f"{self.folder}: has no {name} songs, only {', '.join(self.splits)}; prepare songs that have labels"
            )
        return self.splits[name]


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
        place, songs_sha256, fingerprint = (str(sheet[name]) for name in ("store", "songs_sha256", "fingerprint"))
        if sha256(folder / SONGS) != songs_sha256:
            raise DataError(f"{folder}: {SONGS} is not the one that {SHEET} was written for; prepare it again")
        splits, rows = _read_songs(folder / SONGS)
    except (KeyError, ValueError, OSError, csv.Error) as error:
        raise DataError(f"{folder}: is damaged ({type(error).__name__}: {error}); prepare it again") from error
    except InputError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{folder}: is damaged ({error}); prepare it again") from error
    store = open_store(folder / place, audio)
    if rows.min() < 0 or rows.max() >= len(store.mels):
        raise DataError(
            f"{store.folder}: the store has {len(store.mels)} records, {SONGS} of {folder} asks for number "
            f"{rows.max()}; bring the whole store back, or prepare the data again"
        )
    if fingerprint_of(songs_sha256, store.checksums[rows]) != fingerprint:
        raise DataError(f"{store.folder}: the store has other clips than {folder} was prepared with; prepare it again")
    return PreparedData(folder=folder, audio=audio, sheet=sheet, store=store, splits=splits)


def fingerprint_of(songs_sha256: str, checksums: NDArray[np.uint64]) -> str:
    """One hash over songs.csv and the content of its clips, in its order [clips]."""
    return hashlib.sha256(songs_sha256.encode() + checksums.astype("<u8").tobytes()).hexdigest()


def _read_songs(path: Path) -> tuple[dict[str, Split], NDArray[np.int64]]:
    """The splits, and the rows of all lines in their order."""
    songs: dict[str, list[_Song]] = {}
    rows: list[int] = []
    last = None
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.reader(file)
        if tuple(next(table, ())) != COLUMNS:
            raise ValueError(f"{SONGS} has other columns than {', '.join(COLUMNS)}")
        for song_id, window, _, row, split, group, valence, arousal, *_ in table:
            label = (float(valence or "nan"), float(arousal or "nan"))
            if int(window) == 0:
                last = _Song(song_id, group, [], [])
                songs.setdefault(split, []).append(last)
            if last is None or last.song_id != song_id or len(last.rows) != int(window):
                raise ValueError(f"{SONGS} has window {window} of {song_id!r} out of its order")
            last.rows.append(int(row))
            last.labels.append(label)
            rows.append(int(row))
    names = (UNLABELLED,) if UNLABELLED in songs else SPLITS
    if set(songs) != set(names):
        raise ValueError(f"{SONGS} has songs for {', '.join(songs) or 'nothing'}, not for {', '.join(names)}")
    return {name: _split(name, songs[name]) for name in names}, np.array(rows)


@dataclass(frozen=True, slots=True)
class _Song:
    song_id: str
    group: str
    rows: list[int]
    labels: list[tuple[float, float]]


def _split(name: str, songs: list[_Song]) -> Split:
    most = max(len(song.rows) for song in songs)
    windows = np.array([[song.rows[i % len(song.rows)] for i in range(most)] for song in songs])
    labels = np.array([[song.labels[i % len(song.rows)] for i in range(most)] for song in songs], dtype=np.float32)
    return Split(
        name=name,
        song_ids=tuple(song.song_id for song in songs),
        groups=tuple(song.group for song in songs),
        rows=windows[:, 0],
        labels=labels[:, 0],
        windows=windows,
        window_labels=labels,
    )


def write_songs(path: Path, lines: Iterable[tuple[object, ...]]) -> None:
    """Write songs.csv beside its place, and move it in.

    Args:
        path: the file.
        lines: values in the order of `COLUMNS`.

    Raises:
        OutputError: it cannot be written there.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(lines)
    # A file's name need not be text; what cannot be written is spelt out.
    write_text(path, text.getvalue().encode("utf-8", "backslashreplace").decode())
