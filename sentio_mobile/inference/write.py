"""Predictions as a file for a spreadsheet or a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.files import require_free
from sentio_mobile._internal.records import to_plain, write_record
from sentio_mobile._internal.tables import write_table
from sentio_mobile.errors import InputError
from sentio_mobile.inference.emotion import Emotion, Prediction

TABLE_SUFFIXES: tuple[str, ...] = (".csv", ".json")
CHART_SUFFIXES: tuple[str, ...] = (".png", ".svg")
"""Suffixes of the files that predictions are written to, and of those that charts are drawn in."""


def check_output_file(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse an output file before the work that would fill it. An older file at the same path is fine.

    Raises:
        InputError: The suffix is none of `suffixes`, or `path` is a folder.
        OutputError: The file cannot be written.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: unknown file type; use one of {', '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    require_free(path, overwrite=True)


def write_predictions(path: Path, emotions: Sequence[Emotion]) -> None:
    """Write one row for each prediction. The suffix chooses the format.

    Times are in seconds; valence and arousal are from -1 to 1.

    Args:
        path: A .csv or .json file. An older one is overwritten.
        emotions: The predictions.

    Raises:
        InputError: The suffix is none of `TABLE_SUFFIXES`.
        OutputError: The file cannot be written.
    """
    check_output_file(path, TABLE_SUFFIXES)
    rows = [emotion.to_prediction() for emotion in emotions]
    if path.suffix.lower() == ".json":
        write_record(path, rows)
        return
    cells = ({**to_plain(row), "scale": "{} to {}".format(*row.scale)} for row in rows)
    columns = Prediction.__struct_fields__
    write_table(path, columns, ([row[name] for name in columns] for row in cells))
