"""Tables that the toolkit writes for people and reads again: CSV with every cell as it was, and without formulas.

A spreadsheet computes a cell that begins with `=`, `+`, `-` or `@`, and the name of a song may be one that starts a
program. Such a text gets an apostrophe before it, which spreadsheets take for "this is text". Reading takes it off.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sentio_mobile._internal.files import read_file, write_text
from sentio_mobile.errors import InputError

MAX_TABLE_BYTES = 1024 * 1024 * 1024
"""The largest table that is read."""

MAX_CELL = 131_072
"""Characters of a cell: Python's reader of CSV takes no more."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_HARMLESS = re.compile(f"{_NUMBER}( to {_NUMBER})?")
"""A number, and a range of numbers as the predictions of songs have it."""


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV beside its place and move it in.

    Args:
        path: The file.
        columns: Names of the columns.
        rows: Values in the order of the columns. None is an empty cell.

    Raises:
        InputError: A text is too long for a cell.
        OutputError: The file cannot be written.
    """
    lines = _Lines()
    table = csv.writer(lines, lineterminator="\r\n")
    table.writerow(columns)
    table.writerows([_cell(value, path) for value in row] for row in rows)
    write_text(path, lines.text.getvalue())


def read_table(path: Path, error: type[InputError] = InputError) -> Iterator[list[str]]:
    """Read what `write_table` wrote, row by row; the names of the columns come first.

    Args:
        path: The file.
        error: The class of error to raise.

    Raises:
        InputError: Of the class `error`. The file cannot be read or is no such table.
    """
    content = read_file(path, MAX_TABLE_BYTES, error)
    try:
        text = io.StringIO(content.decode(), newline="")
        for row in csv.reader(text, strict=True):
            yield [without_guard(cell) if cell.startswith("'") else cell for cell in row]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise error(f"{path}: is damaged ({fault}); write it again") from None


def without_guard(cell: str) -> str:
    """The text of a cell, without the apostrophe that `write_table` put before what a spreadsheet would compute."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class _Lines:
    """Takes rows from the writer of CSV, which puts quotes around cells with a character of the line's end in them.

    Lines end as in Unix, and a carriage return in a cell needs quotes all the same: every reader takes it for an end.
    """

    def __init__(self) -> None:
        self.text = io.StringIO(newline="")

    def write(self, line: str) -> None:
        self.text.write(line[:-2] + "\n")


def _cell(value: object, path: Path) -> object:
    if not isinstance(value, str):
        return value
    # The name of a file need not be valid Unicode. Bytes that are not are escaped.
    text = value.encode("utf-8", "backslashreplace").decode()
    if len(text) >= MAX_CELL:
        raise InputError(f"{path}: a text of {len(text):,} characters is too long for a table; shorten it")
    return f"'{text}" if _FORMULA.match(text) and not _HARMLESS.fullmatch(text) else text
