"""A labelled song, and the scales on which people wrote the labels down."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import LabelError

SCALES: Mapping[str, tuple[float, float]] = {"1-9": (1.0, 9.0), "-1-1": (-1.0, 1.0)}
"""Lowest and highest label of each scale."""


@dataclass(frozen=True)
class Moments:
    """Labels of moments of a song: `seconds` [moments], ascending, and `values` [moments, 2] in [-1, 1]."""

    seconds: NDArray[np.float32]
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Song:
    """One song. Valence and arousal are in [-1, 1], and None where nobody labelled it.

    Songs of one `group` never part between splits.
    """

    song_id: str
    path: Path
    valence: float | None
    arousal: float | None
    group: str
    moments: Moments | None = None

    def label(self, start: float, seconds: float) -> tuple[float, float] | None:
        """Valence and arousal of the clip from `start` on: the mean over its moments, or the whole song's label."""
        if self.valence is None or self.arousal is None:
            return None
        if self.moments is not None:
            inside = (self.moments.seconds >= start) & (self.moments.seconds < start + seconds)
            if inside.any():
                valence, arousal = self.moments.values[inside].mean(axis=0)
                return float(valence), float(arousal)
        return self.valence, self.arousal


def read_rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV as dictionaries; blanks around headers and values are cut off, as DEAM's files need.

    Raises:
        LabelError: the file is missing, is no UTF-8 CSV, has no row, or lacks a column of `needed`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if line]
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: is no CSV in UTF-8; save it as one") from error
    header = lines[0] if lines else []
    if missing := [name for name in needed if name not in header]:
        raise LabelError(f"{path}: has no column {missing[0]!r}; it has {', '.join(header) or 'nothing'}")
    if len(lines) < 2:
        raise LabelError(f"{path}: has a header and no rows; add a row for each song")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise LabelError(f"{path}, row {number}: has {len(line)} values for {len(header)} columns; mend the row")
    return [dict(zip(header, line, strict=True)) for line in lines[1:]]


def read_label(text: str, scale: str, where: str) -> float:
    """One label, from its scale to [-1, 1].

    Args:
        text: the number as written.
        scale: a key of `SCALES`.
        where: file, row and column, for the message.

    Raises:
        LabelError: it is not a number, or lies off the scale.
    """
    low, high = SCALES[scale]
    try:
        value = float(text)
    except ValueError as error:
        raise LabelError(f"{where}: {text!r} is not a number; give a label from {low:g} to {high:g}") from error
    if not math.isfinite(value) or not low <= value <= high:
        others = " or ".join(repr(name) for name in SCALES if name != scale)
        raise LabelError(f"{where}: {text} is off the scale {low:g} to {high:g}; mend it or give the scale {others}")
    return 2 * (value - low) / (high - low) - 1
