"""A song, its labels, the scales that people wrote them down on, and the CSVs that hold them."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import LabelError

SCALES: Mapping[str, tuple[float, float]] = {"1-9": (1.0, 9.0), "-1-1": (-1.0, 1.0)}
"""Lowest and highest label of each scale."""

_SEPARATORS = ",;\t"
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Moments:
    """Labels of moments of a song: `seconds` [moments], ascending, and `values` [moments, 2] in [-1, 1]."""

    seconds: NDArray[np.float32]
    values: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
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

    Commas, semicolons and tabs separate; UTF-8 and, with its mark, UTF-16 are read; blank rows are passed over.

    Raises:
        LabelError: the file is missing, is no such CSV, has no row, or lacks a column of `needed`.
    """
    return [row for _, row in numbered_rows(path, needed)]


def numbered_rows(path: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """As `read_rows`, each row with the number that a spreadsheet shows beside it."""
    lines = csv_lines(path, needed[0])
    number, header = next(lines, (0, []))
    if twice := [name for name, times in Counter(header).items() if name and times > 1]:
        raise LabelError(f"{path}, row {number}: names the column {twice[0]!r} twice; rename or remove one")
    if missing := [name for name in needed if name not in header]:
        raise LabelError(f"{path}: has no column {missing[0]!r}; it has {', '.join(header) or 'nothing'}")
    rows = []
    for number, line in lines:
        if len(line) != len(header):
            hint = "mend the row" if len(line) < len(header) else "put quotes around a value that has a separator in it"
            raise LabelError(f"{path}, row {number}: has {len(line)} values for {len(header)} columns; {hint}")
        rows.append((number, dict(zip(header, line, strict=True))))
    if not rows:
        raise LabelError(f"{path}: has a header and no rows; add a row for each song")
    return rows


def csv_lines(path: Path, first: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV that are not blank, stripped, each with its number in the file; the header comes first.

    Args:
        path: the CSV.
        first: a column that the header has; the separator is the one that sets it apart.

    Raises:
        LabelError: the file is missing or is no CSV.
    """
    text = _text(path)
    # Excel's own line about the separator, which it writes and reads but other programs take for a header.
    said = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    separator = said[1] if said else _separator(text, first)
    try:
        for number, line in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), start=1):
            cells = [cell.strip() for cell in line]
            if any(cells) and not (said and number == 1):
                yield number, cells
    except csv.Error as error:
        raise LabelError(f"{path}: is no CSV ({error}); save it as CSV in UTF-8") from error


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    # Only a mark at its start tells UTF-16 from anything else; any other guess would be one.
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        raise LabelError(f"{path}, row {row}: is no CSV in UTF-8; save the file as CSV UTF-8") from error
    if "\0" in text:
        raise LabelError(f"{path}: is no CSV in UTF-8 (it has zero bytes); save the file as CSV UTF-8")
    return text


def _separator(text: str, first: str) -> str:
    """The separator whose reading of the header has `first` among its columns, or the one that cuts it most often."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    for separator in _SEPARATORS:
        if first in (cell.strip().strip('"').strip() for cell in header.split(separator)) and separator in header:
            return separator
    return max(_SEPARATORS, key=header.count)


def read_label(text: str, scale: str, where: str) -> float:
    """One label, from its scale to [-1, 1]. A decimal comma is read as a point: no label is in the thousands.

    Args:
        text: the number as written.
        scale: a key of `SCALES`.
        where: file, row and column, for the message.

    Raises:
        LabelError: it is empty or not a number, or lies off the scale.
    """
    low, high = SCALES[scale]
    if not text:
        raise LabelError(f"{where}: is empty; give a label from {low:g} to {high:g} or remove the song")
    try:
        value = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError as error:
        raise LabelError(f"{where}: {text!r} is not a number; give a label from {low:g} to {high:g}") from error
    if not math.isfinite(value) or not low <= value <= high:
        others = " or ".join(repr(name) for name in SCALES if name != scale)
        raise LabelError(f"{where}: {text} is off the scale {low:g} to {high:g}; mend it or give the scale {others}")
    return 2 * (value - low) / (high - low) - 1
