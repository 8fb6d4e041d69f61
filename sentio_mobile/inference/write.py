"""Answers as a file for a spreadsheet or a program."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.files import require_free, write_json, write_text
from sentio_mobile.errors import InputError
from sentio_mobile.inference.emotion import BOUNDS, Emotion

TABLES: tuple[str, ...] = (".csv", ".json")
PICTURES: tuple[str, ...] = (".png", ".svg")
"""Endings of files that answers can be written to, and drawn in."""

COLUMNS: tuple[str, ...] = ("song", "start", "end", "time", "valence", "arousal", *BOUNDS, "quadrant", "scale")


def check_place(place: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a file before the work that would fill it. An older file there is no hindrance.

    Raises:
        InputError: its ending is none of `suffixes`, or a folder stands there.
        OutputError: it cannot be written.
    """
    if place.suffix.lower() not in suffixes:
        raise InputError(f"{place}: its ending says no known format; give one of {', '.join(suffixes)}")
    if place.is_dir():
        raise InputError(f"{place}: is a folder; give the name of a file")
    require_free(place, overwrite=True)


def write_answers(place: Path, answers: Sequence[Emotion]) -> None:
    """Write answers, one row each: times in seconds, values from -1 to 1. The ending chooses the format.

    Raises:
        InputError: the ending is none of `TABLES`.
        OutputError: the file cannot be written.
    """
    check_place(place, TABLES)
    if place.suffix.lower() == ".json":
        write_json(place, [answer.to_dict() for answer in answers])
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for answer in answers:
        low, high = answer.scale
        writer.writerow({**answer.to_dict(), "scale": f"{low} to {high}"})
    write_text(place, text.getvalue())
