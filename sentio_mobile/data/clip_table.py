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
    *("segment_start", "segment_end", "valence_sd", "arousal_sd", "raters", "source"),
)
_FIRST_COLUMNS = COLUMNS.index("change")
"""Columns that every songs.csv has. Those after them are left out from the end where no song has a value."""


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
    segment: tuple[float, float] | None = None
    """Start and end of the segment that the song is, in seconds of the file; None for a whole file."""
    spread: tuple[float, float] | None = None
    """Standard deviation of the raters' valence and arousal, of labels in [-1, 1]; None if unknown."""
    raters: int | None = None
    """Number of people who rated the song; None if unknown."""
    source: str = ""
    """Name of the data set, where several were prepared together."""

    @property
    def errors(self) -> tuple[float, float]:
        """Standard error of both labels, as means over raters, of labels in [-1, 1]; NaN where it is unknown."""
        if self.spread is None or self.raters is None:
            return math.nan, math.nan
        return self.spread[0] / self.raters**0.5, self.spread[1] / self.raters**0.5

    def read_seconds(self, clip: float) -> float:
        """Seconds of the file that the window has, given those of a clip: fewer where a segment ends within it."""
        return clip if self.segment is None else max(0.0, min(clip, self.segment[1] - self.start))


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
        if columns != COLUMNS[: max(len(columns), _FIRST_COLUMNS)]:
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
    listed = list(rows)
    # A folder of plain songs has the columns that it had before there were others.
    used = max((at for row in listed for at, value in enumerate(row, 1) if value != ""), default=0)
    count = max(used, _FIRST_COLUMNS + 1)
    write_table(path, COLUMNS[:count], (row[:count] for row in listed))


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
        segment=_both(cells, "segment_start", "segment_end"),
        spread=_both(cells, "valence_sd", "arousal_sd"),
        raters=int(cells["raters"]) if cells.get("raters") else None,
        source=cells.get("source", ""),
    )


def _both(cells: dict[str, str], one: str, other: str) -> tuple[float, float] | None:
    if not cells.get(one) and not cells.get(other):
        return None
    return _measure(cells[one]), _measure(cells[other])


def _label(text: str) -> float | None:
    return float(text) if text else None


def _measure(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{text} is not a number from 0 on")
    return value
