"""A song with its labels, the scales that labels are written on, and the CSV files that hold them."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import open_file
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.tables import MAX_TABLE_BYTES
from sentio_mobile.data.scales import scale_of
from sentio_mobile.errors import LabelError

LabelSource = Literal["rated", "generated", "tags", "none"]
"""Where the labels of songs come from: people's ratings, the program that generated the music, tags, or nowhere."""

_SEPARATORS = ",;\t"
MAX_TEXT = 4096
"""Characters of an id, a group or a path, as every record takes them."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Moments:
    """Labels of moments of a song.

    Attributes:
        seconds: Time of each moment in seconds, ascending [moments].
        values: Valence and arousal of each moment, in [-1, 1] [moments, 2].
    """

    seconds: NDArray[np.float32]
    values: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Song:
    """One song, or a segment of one. Songs of the same `group` stay together in one split.

    Attributes:
        song_id: Unique id.
        path: Audio file.
        valence: Label in [-1, 1]; None without labels.
        arousal: Label in [-1, 1]; None without labels.
        group: Group, such as an album or an artist.
        moments: Labels of moments, where there are any.
        start: Start of a segment in the file, in seconds; 0 for a whole song.
        end: End of a segment in the file, in seconds; None for the end of the file.
        spread: Standard deviation of the raters' valence and arousal, of the same range as labels; None if unknown.
        raters: Number of people who rated the song; None if unknown.
        weak_labels: Valence and arousal as -1 (low), 1 (high) or 0 (unknown), where that is all that is known.
        source: Name of the data set, where several were prepared together.
    """

    song_id: str
    path: Path
    valence: float | None
    arousal: float | None
    group: str
    moments: Moments | None = None
    start: float = 0.0
    end: float | None = None
    spread: tuple[float, float] | None = None
    raters: int | None = None
    weak_labels: tuple[int, int] | None = None
    source: str = ""

    @property
    def segment(self) -> tuple[float, float | None] | None:
        """Start and end of a segment; None for a whole song."""
        return None if self.start == 0 and self.end is None else (self.start, self.end)

    def label(self, start: float, seconds: float) -> tuple[float, float] | None:
        """Valence and arousal of a clip: the mean over its moments, or the whole song's label without any.

        Args:
            start: Start of the clip in seconds.
            seconds: Length of the clip in seconds.
        """
        if self.valence is None or self.arousal is None:
            return None
        if self.moments is not None:
            inside = (self.moments.seconds >= start) & (self.moments.seconds < start + seconds)
            if inside.any():
                valence, arousal = self.moments.values[inside].mean(axis=0)
                return float(valence), float(arousal)
        return self.valence, self.arousal


def read_rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Read the rows of a CSV as dictionaries, without the spaces around headers and values (DEAM's files have them).

    Separators are commas, semicolons or tabs. The encoding is UTF-8, or UTF-16 with a byte order mark. Blank rows are
    skipped.

    Raises:
        LabelError: The file is missing, is no such CSV, has no row, or lacks a column of `needed`.
    """
    return [row for _, row in numbered_rows(path, needed)]


def numbered_rows(path: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Like `read_rows`, with the number of each row as a spreadsheet shows it."""
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
    """Read the rows of a CSV that are not blank, with stripped cells and their numbers; the header comes first.

    Args:
        path: Path of the CSV.
        first: A column that the header has. The separator is the one that makes it a column.

    Raises:
        LabelError: The file is missing or is no CSV.
    """
    text = read_text(path)
    # Excel writes and reads a line that names the separator. Other programs would take it for a header.
    stated = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    separator = stated[1] if stated else _separator(text, first)
    try:
        for number, line in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), start=1):
            cells = [cell.strip() for cell in line]
            if any(cells) and not (stated and number == 1):
                yield number, cells
    except csv.Error as error:
        raise LabelError(f"{path}: is no CSV ({error}); save it as CSV in UTF-8") from error


def read_text(path: Path) -> str:
    """The text of a table in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        LabelError: The file is missing or is no such text.
    """
    try:
        # A device has no end, and a pipe may never begin.
        with open_file(path) as file:
            raw = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if len(raw) > MAX_TABLE_BYTES:
        raise LabelError(
            f"{path}: has more than the {MAX_TABLE_BYTES:,} bytes that a table may have; is it the right file?"
        )
    # A byte order mark is the only certain sign of UTF-16.
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
    """The separator that makes `first` a column of the header, or else the most frequent one in it."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    for separator in _SEPARATORS:
        if first in (cell.strip().strip('"').strip() for cell in header.split(separator)) and separator in header:
            return separator
    return max(_SEPARATORS, key=header.count)


def require_printable(text: str, where: str, what: str) -> None:
    """Refuse control characters and line separators, which tables, terminals and pages cannot show.

    Args:
        text: An id, a group or a path.
        where: File and row, for the message.
        what: Name of the text, for the message.

    Raises:
        LabelError: There is one, and the message shows it escaped; or the text is too long for any record.
    """
    if len(text) > MAX_TEXT:
        raise LabelError(
            f"{where}: the {what} {text[:60]!r}... has {len(text):,} characters; give {MAX_TEXT:,} at most"
        )
    # Texts of a table of 300,000 songs are printable: a look at each character would take as long as the rest.
    if not text.isprintable() and any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in text):
        cut = text if len(text) <= 60 else text[:60] + "..."
        raise LabelError(f"{where}: the {what} {cut!r} has a control character in it; remove it")


def read_label(text: str, scale: str, where: str) -> float:
    """Read a label and map it from its scale to [-1, 1]. A decimal comma is read as a point.

    Args:
        text: The number as written.
        scale: The scale, such as `1-9` or `-1-1`.
        where: File, row and column, for the message.

    Raises:
        LabelError: It is empty, is not a number, or is outside the scale; or the scale is none.
    """
    known = scale_of(scale)
    value = read_number(text, where, f"a label from {known.words}")
    if not known.has(value):
        raise LabelError(f"{where}: {text} is off the scale {known.words}; mend it")
    return known.to_unit(value)


def read_number(text: str, where: str, what: str = "a number") -> float:
    """Read a number that is not NaN or infinite. A decimal comma is read as a point.

    Args:
        text: The number as written.
        where: File, row and column, for the message.
        what: What must be there, for the message.

    Raises:
        LabelError: It is empty, or is no such number.
    """
    if not text:
        raise LabelError(f"{where}: is empty; give {what} or remove the song")
    try:
        value = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError as error:
        raise LabelError(f"{where}: {shown(text)} is not a number; give {what}") from error
    if not math.isfinite(value):
        raise LabelError(f"{where}: {text} is no value; give {what} or remove the song")
    return value
