"""Predictions from production, and labels that came later: CSV, JSON, JSONL and Parquet, column by column.

A log has the columns that `predict` writes; more columns do no harm.

    date               When it was predicted: 2026-11-29, or a time such as 2026-11-29T14:03:00Z. Without this column
                       the file's name says it: 2026-11-29 or 2026-W48 is somewhere in it.
    song               What was predicted, optional: its rows of one week count once, and labels are found by it.
    valence, arousal   From -1 to 1. A row without both, such as that of a file that could not be read, is left out.
    valence_low, valence_high, arousal_low, arousal_high   The model's intervals, optional.
    group              Optional: songs that are alike, such as an artist's.
    silent             Optional: rows in which nothing could be heard are left out.
    input_...          Optional: numbers that say something of the sound, such as its loudness.
    model_sha256       Optional: the model that predicted, as `predict --log` writes it. Rows of another are refused.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file, read_file
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.shards import arrow, open_parquet, require_short
from sentio_mobile._internal.tables import MAX_TABLE_BYTES, without_guard
from sentio_mobile.data.songs import MAX_TEXT, csv_lines
from sentio_mobile.errors import InputError, printable, shortened
from sentio_mobile.spec import OUTPUTS

SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")
BOUNDS = tuple(f"{name}_{end}" for name in OUTPUTS for end in ("low", "high"))
INPUT = "input_"
MODEL = "model_sha256"
MAX_ROWS, MAX_INPUTS, MAX_NAME = 5_000_000, 20, 255

_TRUE = ("true", "1", "1.0", "yes")
_LARGEST = 1e9
_WEEK = re.compile(r"(?<!\d)(\d{4})-?W(\d{2})(?!\d)")
_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class PredictionLog:
    """Rows of a log that hold a prediction.

    Attributes:
        days: Day of each row in UTC, as `date.toordinal` counts [rows]; empty where they were not asked for.
        songs: Song of each row; empty where the log has none.
        groups: Group of each row; empty where the log has none.
        values: Valence and arousal, then each input [rows, 2 + inputs]; NaN where an input is missing.
        inputs: Names of the inputs.
        bounds: Lower and upper end of both intervals, as `BOUNDS` [rows, 4]; NaN where there is none.
        left_out: Days of rows without a prediction, or in which nothing could be heard.
    """

    days: NDArray[np.int64]
    songs: tuple[str, ...]
    groups: tuple[str, ...]
    values: NDArray[np.float64]
    inputs: tuple[str, ...]
    bounds: NDArray[np.float64]
    left_out: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)


def read_log(paths: Sequence[Path], *, dated: bool = True, models: Collection[str] = ()) -> PredictionLog:
    """Read a log of one file or several.

    Args:
        paths: The files.
        dated: Whether every row must have a date.
        models: Hashes of the models that may have predicted the rows that name one; empty takes any.

    Raises:
        InputError: A file is missing or of another type, a column is missing, a value is out of its range, or a row
            is of another model: two models differ as music that changes does.
        MissingExtraError: One is a Parquet file, and pyarrow is not installed.
    """
    parts = [_read_one(path, dated, models) for path in paths]
    inputs = tuple(dict.fromkeys(name for part in parts for name in part.inputs))[:MAX_INPUTS]
    # What one file lacks cannot be told of all of them.
    has_songs, has_groups = all(part.songs for part in parts), all(part.groups for part in parts)
    log = PredictionLog(
        days=np.concatenate([part.days for part in parts]),
        songs=tuple(song for part in parts for song in part.songs) if has_songs else (),
        groups=tuple(group for part in parts for group in part.groups) if has_groups else (),
        values=np.concatenate([_in_columns(part, inputs) for part in parts]),
        inputs=inputs,
        bounds=np.concatenate([part.bounds for part in parts]),
        left_out=np.concatenate([part.left_out for part in parts]),
    )
    if len(log) > MAX_ROWS:
        raise InputError(f"{paths[0]} and the others: {len(log):,} rows, more than {MAX_ROWS:,}; give fewer weeks")
    return log


def read_labels(path: Path) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """Read labels of songs: the columns song, valence, arousal, and optionally group.

    `valence_mean` and `arousal_mean` are taken for valence and arousal. Rows of one song are averaged.

    Args:
        path: The file, of any type that a log may have.

    Returns:
        Valence and arousal of each song, from -1 to 1, and the group of each song that has one.

    Raises:
        InputError: It is missing or of another type, a column is missing, or a value is out of its range.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    groups: dict[str, str] = {}
    for number, row in _rows(path):
        renamed = {
            **row,
            **{name: row[f"{name}_mean"] for name in OUTPUTS if name not in row and f"{name}_mean" in row},
        }
        _require(path, renamed, ("song", *OUTPUTS))
        song = _name(path, number, renamed, "song")
        pair = [_number(path, number, renamed, name, 1.0) for name in OUTPUTS]
        if np.isnan(pair).any():
            continue
        sums[song] = sums.get(song, np.zeros(3)) + np.array([*pair, 1.0])
        if group := _name(path, number, renamed, "group"):
            groups[song] = group
    if not sums:
        raise InputError(f"{path}: has no labels; write a row with song, valence and arousal for each labelled song")
    return {song: (float(s[0] / s[2]), float(s[1] / s[2])) for song, s in sums.items()}, groups


def _read_one(path: Path, dated: bool, models: Collection[str]) -> PredictionLog:
    days: list[int] = []
    left_out: list[int] = []
    songs: list[str] = []
    groups: list[str] = []
    values: list[list[float]] = []
    bounds: list[list[float]] = []
    inputs: tuple[str, ...] | None = None
    of_file, seen = None, 0
    for number, row in _rows(path):
        if inputs is None:
            _require(path, row, OUTPUTS)
            inputs = _inputs(path, row)
            of_file = _day_of_name(path) if dated and "date" not in row else None
        if (seen := seen + 1) > MAX_ROWS:
            raise InputError(f"{path}: has more than {MAX_ROWS:,} rows; give fewer weeks")
        if models and (other := _text(row.get(MODEL))) and other not in models:
            named = _text(row.get("model")) or other
            raise InputError(
                f"{path}, row {number}: is of another model than the bundle ({_shown(named)}); keep the rows of one "
                f"{MODEL} in a log of their own"
            )
        day = 0 if not dated else of_file if of_file is not None else _day(path, number, row.get("date"))
        numbers = [_number(path, number, row, name, 1.0) for name in OUTPUTS]
        if np.isnan(numbers).any() or _text(row.get("silent")).lower() in _TRUE:
            left_out.append(day)
            continue
        days.append(day)
        songs.append(_name(path, number, row, "song"))
        groups.append(_name(path, number, row, "group"))
        values.append([*numbers, *(_number(path, number, row, name, _LARGEST) for name in inputs)])
        bounds.append([_number(path, number, row, name, 1.0) for name in BOUNDS])
    if not values:
        raise InputError(f"{path}: has no predictions; give a log with the columns valence and arousal")
    return PredictionLog(
        days=np.array(days, dtype=np.int64),
        songs=tuple(songs) if all(songs) else (),
        groups=tuple(groups) if all(groups) else (),
        values=np.array(values, dtype=np.float64),
        inputs=inputs or (),
        bounds=np.array(bounds, dtype=np.float64),
        left_out=np.array(left_out, dtype=np.int64),
    )


def _inputs(path: Path, row: Row) -> tuple[str, ...]:
    inputs = tuple(name for name in row if name.startswith(INPUT))
    if long := next((name for name in inputs if len(name) > MAX_NAME), None):
        raise InputError(f"{path}: the column {_shown(long)} has a name of more than {MAX_NAME} characters; shorten it")
    return inputs


def _in_columns(part: PredictionLog, inputs: Sequence[str]) -> NDArray[np.float64]:
    columns = [part.values[:, :2]]
    for name in inputs:
        at = part.inputs.index(name) + 2 if name in part.inputs else None
        columns.append(np.full((len(part), 1), np.nan) if at is None else part.values[:, at : at + 1])
    return np.concatenate(columns, axis=1)


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """The rows of a file with their numbers; in a CSV the header is row 1."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: unknown file type; use one of {', '.join(SUFFIXES)}")
    if not is_file(path):
        raise InputError(f"cannot read {path}: it is missing, or is not a file")
    if suffix == ".csv":
        lines = csv_lines(path, "valence")
        _, header = next(lines, (0, []))
        for number, cells in lines:
            if len(cells) != len(header):
                raise InputError(
                    f"{path}, row {number}: has {len(cells)} values for {len(header)} columns; mend the row"
                )
            yield number, dict(zip(header, map(without_guard, cells), strict=True))
    elif suffix == ".parquet":
        yield from _parquet_rows(path)
    else:
        content = read_file(path, MAX_TABLE_BYTES)
        # Line by line: a list of a gigabyte of empty lines would take eight.
        lines_of = [content] if suffix == ".json" else io.BytesIO(content)
        for number, line in enumerate(lines_of, start=1):
            if line.strip():
                yield from _json_rows(path, number, line, suffix)


def _json_rows(path: Path, number: int, text: bytes, suffix: str) -> Iterator[tuple[int, Row]]:
    try:
        if suffix == ".json":
            yield from enumerate(msgspec.json.decode(text, type=list[dict[str, object]]), start=1)
        else:
            yield number, msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "a list of objects" if suffix == ".json" else "an object"
        raise InputError(f"{path}, row {number}: is not {what} in JSON ({error}); write it again") from None


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    pa = arrow("reading a Parquet table")
    try:
        file = open_parquet(path, str(path))
        if file.metadata.num_rows > MAX_ROWS:
            raise InputError(f"{path}: has more than {MAX_ROWS:,} rows; give fewer weeks")
        known = (
            "date",
            "song",
            "group",
            "silent",
            "model",
            MODEL,
            *OUTPUTS,
            *(f"{name}_mean" for name in OUTPUTS),
            *BOUNDS,
        )
        chosen = [one for one in file.schema_arrow if one.name in known or one.name.startswith(INPUT)]
        if nested := [one.name for one in chosen if pa.types.is_nested(one.type)]:
            raise InputError(f"{path}: the column {shown(nested[0])} has lists or records; write one value a row")
        number = 0
        for batch in file.iter_batches(batch_size=10_000, columns=[one.name for one in chosen]):
            require_short([one for one in batch.columns if pa.types.is_dictionary(one.type)], str(path))
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except InputError:
        raise
    # Times that Python cannot hold, and zones of time that nobody knows, are errors of values and of keys.
    except (OSError, ValueError, LookupError, OverflowError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as Parquet ({reason}); write it again") from error


def _require(path: Path, row: Row, names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in row]:
        raise InputError(f"{path}: has no column {missing[0]!r}; it has {', '.join(row) or 'none'}"[:500])


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _name(path: Path, number: int, row: Row, column: str) -> str:
    """A song or a group, of a length that every record takes."""
    text = _text(row.get(column))
    if len(text) > MAX_TEXT:
        raise InputError(
            f"{path}, row {number}: {_shown(text)} in the column {column!r} has {len(text):,} characters; give "
            f"{MAX_TEXT:,} at most"
        )
    return text


def _number(path: Path, number: int, row: Row, name: str, largest: float) -> float:
    """A number from -largest to largest; NaN where the cell is empty."""
    value = row.get(name)
    if value is None or value == "":
        return np.nan
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else np.inf
    except (ValueError, OverflowError):
        found = np.inf
    if not abs(found) <= largest:
        raise InputError(
            f"{path}, row {number}: {_shown(value)} in the column {name!r} is not a number from {-largest:,.0f} to "
            f"{largest:,.0f}; mend or remove it"
        )
    return found


def _day(path: Path, number: int, value: object) -> int:
    moment: object = value
    try:
        if isinstance(value, str):
            moment = datetime.datetime.fromisoformat(value)
        if isinstance(moment, datetime.datetime):
            moment = (moment.astimezone(datetime.UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        moment = None
    if not isinstance(moment, datetime.date):
        raise InputError(
            f"{path}, row {number}: {_shown(value)} in the column 'date' is no date such as 2026-11-29 or "
            "2026-11-29T14:03:00Z; mend or remove it"
        )
    return moment.toordinal()


def _day_of_name(path: Path) -> int:
    try:
        if found := _WEEK.search(path.stem):
            return datetime.date.fromisocalendar(int(found[1]), int(found[2]), 1).toordinal()
        if found := _DAY.search(path.stem):
            return datetime.date.fromisoformat(found[1]).toordinal()
    except ValueError:
        pass
    raise InputError(
        f"{path}: has no column 'date', and its name tells none; add the column, or name it as 2026-W48.csv"
    )


def _shown(value: object) -> str:
    return shortened(printable(repr(value)), 60)
