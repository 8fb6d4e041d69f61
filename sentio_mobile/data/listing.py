"""songs.csv of a prepared folder, line by line: what was stored of each window, and of the file that it came from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile.data.prepared import COLUMNS
from sentio_mobile.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One window of a song; `window` 0 is the one that is evaluated.

    Valence and arousal are in [-1, 1] where all is well, and None where nobody labelled it. `seconds` is the length of
    the file; `peak` the largest sample of the window, and `clipped` the share of its samples at full scale.
    """

    song_id: str
    window: int
    start: float
    row: int
    split: str
    group: str
    valence: float | None
    arousal: float | None
    path: str
    sha256: str
    seconds: float
    peak: float
    clipped: float


def read_listing(songs: Path) -> list[Listed]:
    """The windows of every song, in the order of the file.

    Args:
        songs: the prepared folder's songs.csv.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with songs.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
        return [_listed(dict(zip(COLUMNS, line, strict=True))) for line in lines[1:]]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{songs}: is damaged ({error}); prepare the data again") from error


def _listed(row: dict[str, str]) -> Listed:
    return Listed(
        song_id=row["song_id"],
        window=int(row["window"]),
        start=float(row["start"]),
        row=int(row["row"]),
        split=row["split"],
        group=row["group"],
        valence=_label(row["valence"]),
        arousal=_label(row["arousal"]),
        path=row["path"],
        sha256=row["sha256"],
        seconds=float(row["seconds"]),
        peak=float(row["peak"]),
        clipped=float(row["clipped"]),
    )


def _label(text: str) -> float | None:
    return float(text) if text else None
