"""songs.csv of a prepared folder: one row for each window of each song, written by preparation and read by all else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile._internal.tables import read_table, write_table
from sentio_mobile.errors import DataError

SONGS = "songs.csv"
COLUMNS = (
    *("song_id", "window", "start", "row", "split", "group", "valence", "arousal", "path"),
    *("sha256", "seconds", "peak", "clipped", "change"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """One window of one song.

    Labels may be missing or out of range here: finding that out is the job of `data check`.
    """

    song_id: str
    window: int
    """Number of the window within its song. Evaluation uses window 0."""
    start: float
    """Start of the window in the song, in seconds."""
    row: int
    """Row of the clip in the log-mel store."""
    split: str
    group: str
    valence: float | None
    """In [-1, 1] in a sound folder. None for a song without labels."""
    arousal: float | None
    """In [-1, 1] in a sound folder. None for a song without labels."""
    path: str
    """Audio file, relative to the folder that was prepared."""
    sha256: str
    """Hash of the audio file."""
    seconds: float
    """Length of the audio file in seconds."""
    peak: float
    """Largest absolute sample of the window; full scale is 1."""
    clipped: float
    """Share of the window's samples at full scale, in [0, 1]."""
    change: str = ""
    """Name of the perturbation that the window went through; empty for the sound as it is."""


def read_clip_rows(songs: Path) -> list[ClipRow]:
    """Read songs.csv.

    Args:
        songs: Path of a prepared folder's songs.csv.

    Returns:
        All windows in the order of the file.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        table = read_table(songs, DataError)
        columns = tuple(next(table, ()))
        # Folders from before there were perturbed windows lack the last column.
        if columns not in (COLUMNS, COLUMNS[:-1]):
            raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
        return [_parse(dict(zip(columns, cells, strict=True))) for cells in table]
    except ValueError as error:
        raise DataError(f"{songs}: is damaged ({error}); prepare the data again") from error


def write_clip_rows(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    """Write songs.csv beside its place and move it in.

    Args:
        path: Path of the file.
        rows: Values in the order of `COLUMNS`.

    Raises:
        OutputError: The file cannot be written.
    """
    write_table(path, COLUMNS, rows)


def _parse(cells: dict[str, str]) -> ClipRow:
    return ClipRow(
        song_id=cells["song_id"],
        window=int(cells["window"]),
        start=_measure(cells["start"]),
        row=int(cells["row"]),
        split=cells["split"],
        group=cells["group"],
        valence=_label(cells["valence"]),
        arousal=_label(cells["arousal"]),
        path=cells["path"],
        sha256=cells["sha256"],
        seconds=_measure(cells["seconds"]),
        peak=_measure(cells["peak"]),
        clipped=_measure(cells["clipped"]),
        change=cells.get("change", ""),
    )


def _label(text: str) -> float | None:
    return float(text) if text else None


def _measure(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{text} is not a number from 0 on")
    return value
