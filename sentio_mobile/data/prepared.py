"""A prepared data folder: what every later stage reads, and all that it knows of where the songs came from.

songs.csv    One row for each window of each song: its row in the store, split, labels and audio file.
store/       The clips as normalized log-mels, unless they are stored elsewhere; see store.py.
data.json    The front end, the source of labels and clips, seed, counts, skipped songs, and a fingerprint of it all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file, sha256
from sentio_mobile._internal.records import Count, Name, Record, Seed, Sha256, Text, from_plain, read_plain
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.data_set import SetFacts
from sentio_mobile.data.scales import ScaleName
from sentio_mobile.data.songs import LabelSource
from sentio_mobile.data.splits import SPLITS
from sentio_mobile.data.store import Store, open_store
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec, DataOrigin, SplitName

STORE, SHEET = "store", "data.json"
SCHEMA = 2
"""Version of data.json. Version 1 had no number in it."""

UNLABELLED = "unlabelled"
"""The only split of songs without labels."""

Fraction = Annotated[float, Meta(gt=0, lt=1)]
Line = Annotated[str, Meta(max_length=16_384)]
"""A line for people, which may name a long path."""
Lines = Annotated[tuple[Line, ...], Meta(max_length=1_000_000)]


class DataSheet(Record, frozen=True, kw_only=True):
    """data.json of a prepared folder."""

    schema: Literal[2] = 2  # version of this record
    audio: AudioSpec  # front end of the clips
    store: Line  # folder of the log-mel store, relative to the prepared folder
    labels: LabelSource  # where the labels come from
    source: Text  # name of the folder or the CSV that was prepared
    layout: Name  # layout of the source: "deam", "manifest", "folder", or that of another package's reader
    scale: ScaleName  # scale of the source's labels; empty without labels, or where several sources differ
    dynamic: bool  # whether windows have labels of their own moments
    window: Literal["start", "middle"]  # part of a longer song that is evaluated
    windows: Annotated[int, Meta(ge=1, le=64)]  # windows stored of a longer song, at most
    # perturbed copies of each window of a song that is trained on; None for folders from before there were any
    perturb: Annotated[int, Meta(ge=0, le=5)] | None = None
    split_seed: Seed | None  # seed of the split; None where the splits were given
    split_fractions: tuple[Fraction, Fraction, Fraction] | None  # shares of train, val and test; None as above
    split_list: Text | None  # file or folder of the given splits; None where songs were split here
    songs: dict[SplitName, Count]  # number of songs in each split
    groups: Count  # number of groups
    # the sources that were prepared together; empty for one, and for folders from before there could be several
    sources: Annotated[tuple[SetFacts, ...], Meta(max_length=64)] | None = None
    notes: Lines  # the scale, what was left out of the source, and why
    skipped: Lines  # one line for each song without usable audio
    songs_sha256: Sha256  # hash of songs.csv
    fingerprint: Sha256  # hash of songs.csv and all its clips

    @property
    def origin(self) -> DataOrigin:
        """The part of the sheet that a checkpoint states about its training songs."""
        return DataOrigin(
            labels=self.labels,
            source=self.source,
            fingerprint=self.fingerprint,
            songs=dict(self.songs),
            split_seed=self.split_seed,
        )


@dataclass(frozen=True, kw_only=True)
class Split:
    """The songs of one split. Labels are in [-1, 1], and NaN without labels. `val` and `test` may have no songs.

    Attributes:
        name: `train`, `val`, `test` or `unlabelled`.
        song_ids: Song ids [songs].
        groups: Group of each song [songs].
        rows: Store row of each song's evaluated window [songs].
        labels: Valence and arousal of that window [songs, 2].
        windows: Store rows of all windows [songs, W], the evaluated one first. Songs with fewer repeat theirs.
        window_labels: Valence and arousal of all windows [songs, W, 2].
        errors: Standard error of each label, the raters' standard deviation over the square root of their number
            [songs, 2]; NaN where it is unknown.
        sources: Data set of each song [songs], where several were prepared together; else empty texts.
    """

    name: str
    song_ids: tuple[str, ...]
    groups: tuple[str, ...]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    windows: NDArray[np.int64]
    window_labels: NDArray[np.float32]
    errors: NDArray[np.float32]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.song_ids)


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """An open prepared data folder. The clips stay on disk until rows of them are read."""

    folder: Path
    sheet: DataSheet
    store: Store
    splits: dict[str, Split]

    @property
    def audio(self) -> AudioSpec:
        """Front end of the clips."""
        return self.sheet.audio

    @property
    def mels(self) -> NDArray[np.float16]:
        """All clips of the store as normalized log-mels [rows, n_mels, n_frames]; memory-mapped and read-only."""
        return self.store.mels

    @property
    def origin(self) -> DataOrigin:
        """What a checkpoint states about its training songs."""
        return self.sheet.origin

    def split(self, name: str) -> Split:
        """Return the songs of one split.

        Raises:
            DataError: There is no such split.
        """
        if name not in self.splits:
            raise DataError(
                f"{self.folder}: has no {name} songs, only {', '.join(self.splits)}; prepare songs that have labels"
            )
        return self.splits[name]


def read_sheet(folder: Path) -> DataSheet:
    """Read data.json of a prepared folder.

    Raises:
        DataError: The folder is not a prepared one, was prepared by another version, or the file is damaged.
    """
    if not is_file(folder / SHEET):
        raise DataError(f"{folder}: is no prepared data (no {SHEET}); make it with `sentio-mobile data prepare`")
    values = read_plain(folder / SHEET, DataError)
    schema = values.get("schema", 1) if isinstance(values, dict) else SCHEMA
    if schema != SCHEMA:
        age = "an older" if isinstance(schema, int) and schema < SCHEMA else "another"
        raise DataError(
            f"{folder}: was prepared by {age} version; prepare it again with --force (clips in its store are reused)"
        )
    return from_plain(DataSheet, values, str(folder / SHEET), DataError, complete=True)


def open_data(folder: Path) -> PreparedData:
    """Open a prepared data folder.

    Raises:
        DataError: Something in it is missing, damaged, or does not fit the rest.
    """
    sheet = read_sheet(folder)
    try:
        songs_sha256 = sha256(folder / SONGS)
    except OSError as error:
        raise DataError(f"{folder / SONGS}: is damaged ({error.strerror}); prepare the data again") from error
    if songs_sha256 != sheet.songs_sha256:
        raise DataError(f"{folder}: {SONGS} is not the one that {SHEET} was written for; prepare it again")
    splits, rows = _read_splits(folder / SONGS)
    store = open_store(folder / sheet.store, sheet.audio)
    if rows.min() < 0 or rows.max() >= len(store.mels):
        raise DataError(
            f"{store.folder}: the store has {len(store.mels)} records, {SONGS} of {folder} asks for number "
            f"{rows.max()}; bring the whole store back, or prepare the data again"
        )
    if fingerprint_of(songs_sha256, store.checksums[rows]) != sheet.fingerprint:
        raise DataError(f"{store.folder}: the store has other clips than {folder} was prepared with; prepare it again")
    return PreparedData(folder=folder, sheet=sheet, store=store, splits=splits)


def require_rater_noise(data: PreparedData, errors: NDArray[np.floating]) -> None:
    """Refuse to weigh labels by their raters' disagreement where none of their errors [songs, 2] is known.

    Raises:
        DataError: None is.
    """
    if not np.isfinite(errors).all(axis=1).any():
        raise DataError(
            f"{data.folder}: does not say how much raters disagree, which weigh_by_raters needs; prepare a table with "
            "one row a rater (column rater), or with columns valence_sd, arousal_sd and raters; or set it to false"
        )


def fingerprint_of(songs_sha256: str, checksums: NDArray[np.uint64]) -> str:
    """Hash songs.csv and the content of its clips, given by their checksums in its order [clips]."""
    return hashlib.sha256(songs_sha256.encode() + checksums.astype("<u8").tobytes()).hexdigest()


def _read_splits(path: Path) -> tuple[dict[str, Split], NDArray[np.int64]]:
    """Read the splits, and the store rows of all windows in the order of the file."""
    songs: dict[str, list[list[ClipRow]]] = {}
    rows = read_clip_rows(path)
    windows: list[ClipRow] = []
    for row in rows:
        if row.window == 0:
            windows = []
            songs.setdefault(row.split, []).append(windows)
        if row.window != len(windows) or (windows and windows[0].song_id != row.song_id):
            raise DataError(
                f"{path}: is damaged (window {row.window} of {row.song_id!r} is out of order); prepare the data again"
            )
        windows.append(row)
    names = (UNLABELLED,) if UNLABELLED in songs else SPLITS
    if not set(songs) <= set(names) or names[0] not in songs:
        raise DataError(
            f"{path}: is damaged (it has songs for {', '.join(songs) or 'nothing'}, not for {', '.join(names)}); "
            "prepare the data again"
        )
    return {name: _split(name, songs.get(name, [])) for name in names}, np.array([row.row for row in rows])


def _split(name: str, songs: list[list[ClipRow]]) -> Split:
    count = max((len(windows) for windows in songs), default=1)
    filled = [[windows[i % len(windows)] for i in range(count)] for windows in songs]
    # Without songs, the shapes must be given.
    rows = np.array([[window.row for window in windows] for windows in filled], dtype=np.int64).reshape(-1, count)
    labels = np.array([[_labels(window) for window in windows] for windows in filled], dtype=np.float32)
    labels = labels.reshape(-1, count, 2)
    return Split(
        name=name,
        song_ids=tuple(windows[0].song_id for windows in songs),
        groups=tuple(windows[0].group for windows in songs),
        rows=rows[:, 0],
        labels=labels[:, 0],
        windows=rows,
        window_labels=labels,
        errors=np.array([windows[0].errors for windows in songs], dtype=np.float32).reshape(-1, 2),
        sources=tuple(windows[0].source for windows in songs),
    )


def _labels(row: ClipRow) -> tuple[float, float]:
    missing = float("nan")
    return missing if row.valence is None else row.valence, missing if row.arousal is None else row.arousal
