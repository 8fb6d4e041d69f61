"""Embeddings that a user has already, as a CSV or Parquet table by song and second, for windows of prepared songs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.songs import csv_lines
from sentio_mobile.errors import DataError, LabelError, MissingExtraError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.teacher.embed import STEP_S, EmbeddedClips, require_few, require_step
from sentio_mobile.teacher.embedding_cache import ClipSteps

SONG, TIME = "song_id", "time_s"
"""The columns that a table must have; all others are the values of an embedding."""

PARQUET_SUFFIXES = (".parquet", ".pq")

MAX_VALUES = 65_536
"""Values of the largest embedding, as `EncoderInfo.size` has it."""

_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, kw_only=True)
class EmbeddingTable:
    """Embeddings by song and second.

    Attributes:
        path: File that they were read from.
        digest: SHA-256 of the file.
        rows: For each song: the second at which the sound of each row begins, ascending [rows], and its embeddings
            [rows, size].
        size: Values of one embedding.
    """

    path: Path
    digest: str
    rows: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float32]]]
    size: int

    @property
    def hop(self) -> float | None:
        """The usual time in seconds from one row of a song to the next; None if no song has two rows."""
        gaps = np.concatenate([np.diff(times) for times, _ in self.rows.values()])
        return float(np.median(gaps)) if len(gaps) else None


def read_table(path: Path) -> EmbeddingTable:
    """Read a table: the columns `song_id` and `time_s`, and a column of numbers for each value of an embedding.

    Args:
        path: A .parquet file, or else a CSV in UTF-8.

    Raises:
        LabelError: The file is missing or no such table, rows are of different lengths, a cell is not a finite number,
            or a song has two rows for one moment.
        MissingExtraError: It is a Parquet file, and pyarrow is not installed.
    """
    is_parquet = path.suffix.lower() in PARQUET_SUFFIXES
    songs, times, values, names = _read_parquet(path) if is_parquet else _read_csv(path)
    table = np.column_stack([times, values])
    # In a CSV the header is row 1.
    first = 1 if is_parquet else 2
    if not (fine := np.isfinite(table) & (np.abs(table) <= _LARGEST)).all():
        row, column = np.argwhere(~fine)[0]
        raise LabelError(
            f"{path}, {'record' if is_parquet else 'row'} {row + first}: {table[row, column]:g} in the column "
            f"{(TIME, *names)[column]!r} is not from {-_LARGEST:,.0f} to {_LARGEST:,.0f}; mend or remove it"
        )
    order = np.lexsort((times, np.array(songs)))
    found: dict[str, tuple[NDArray[np.float64], NDArray[np.float32]]] = {}
    starts = [0, *(i for i in range(1, len(order)) if songs[order[i]] != songs[order[i - 1]])]
    for begin, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = order[begin:end]
        if (np.diff(times[rows]) <= 0).any():
            twice = times[rows][:-1][np.diff(times[rows]) <= 0][0]
            raise LabelError(f"{path}: song {songs[rows[0]]!r} has two rows at {twice:g} s; remove one")
        found[songs[rows[0]]] = times[rows], values[rows]
    return EmbeddingTable(path=path, digest=sha256(path), rows=found, size=values.shape[1])


def map_table(table: EmbeddingTable, folders: Sequence[PreparedData], *, step: float = STEP_S) -> EmbeddedClips:
    """Give each window of prepared songs the rows that lie in it, averaged over steps of equal length.

    A step without a row gets what lies between its neighbours, and the steps after the last row get that row.

    Args:
        table: The embeddings.
        folders: Prepared folders, whose clips are equally long.
        step: Seconds that a step must last. Where rows are further apart than this, steps are as far apart as they.

    Returns:
        The embeddings, each clip once, and the songs that the table lacks.

    Raises:
        InputError: `step` is out of its range.
        DataError: The folders' clips differ in length, or the table lacks more than 5% of a folder's songs.
    """
    require_step(step)
    audio = folders[0].audio
    steps: dict[int, ClipSteps] = {}
    faults: list[str] = []
    count = max(1, int(audio.seconds / max(table.hop or audio.seconds, step) + 1e-6))
    for data in folders:
        if data.audio.seconds != audio.seconds:
            raise DataError(
                f"{data.folder} has clips of {data.audio.seconds:g} s, {folders[0].folder} of {audio.seconds:g} s; "
                "prepare both with the same settings"
            )
        songs: dict[str, str | None] = {}
        for row in read_clip_rows(data.folder / SONGS):
            times, values = table.rows.get(row.song_id, (np.zeros(0), np.zeros((0, table.size), np.float32)))
            inside = (times >= row.start) & (times < row.start + row.read_seconds(audio.seconds))
            songs.setdefault(row.song_id, None)
            if inside.any():
                places = ((times[inside] - row.start) / audio.seconds * count).astype(int)
                steps[int(data.store.checksums[row.row])] = ClipSteps(_averaged(places, values[inside], count), None)
            elif len(times):
                songs[row.song_id] = f"{row.song_id}: has no row from {row.start:g} to {row.start + audio.seconds:g} s"
            else:
                songs[row.song_id] = f"{row.song_id}: has no row"
        lacking = [f"{fault} in {table.path}" for fault in songs.values() if fault]
        require_few(lacking, len(songs), data, "song_id must be as in songs.csv of the prepared folder")
        faults += lacking
    info = EncoderInfo(
        name=table.path.stem[:255] or "table",
        sample_rate=audio.sample_rate,
        window_s=audio.seconds / count,
        hop_s=audio.seconds / count,
        size=table.size,
        parameters=0,
        licence="unknown",
        source=f"the table {table.path.name}",
        digest=table.digest,
    )
    return EmbeddedClips(info=info, steps=steps, tag_names=(), faults=tuple(faults))


def _averaged(places: NDArray[np.int64], values: NDArray[np.float32], count: int) -> NDArray[np.float16]:
    """Mean of the rows at each of so many places [count, size]. A place without any lies between its neighbours."""
    filled, which = np.unique(places, return_inverse=True)
    means = np.zeros((len(filled), values.shape[1]))
    np.add.at(means, which, values)
    means /= np.bincount(which)[:, None]
    at = np.interp(np.arange(count), filled, np.arange(len(filled)))
    low, share = np.floor(at).astype(int), (at % 1)[:, None]
    high = np.minimum(low + 1, len(filled) - 1)
    return np.asarray((1 - share) * means[low] + share * means[high], dtype=np.float16)


Columns = tuple[list[str], NDArray[np.float64], NDArray[np.float32], tuple[str, ...]]
"""Song and time of each row, its values [rows, size], and the names of their columns."""


def _read_csv(path: Path) -> Columns:
    lines = csv_lines(path, SONG)
    _, header = next(lines, (0, []))
    names = _value_columns(path, header)
    song, time = header.index(SONG), header.index(TIME)
    songs: list[str] = []
    numbers: list[NDArray[np.float64]] = []
    for number, cells in lines:
        if len(cells) != len(header):
            raise LabelError(f"{path}, row {number}: has {len(cells)} values for {len(header)} columns; mend the row")
        songs.append(cells[song])
        cells[song] = "0"
        try:
            numbers.append(np.array(cells, dtype=np.float64))
        except ValueError:
            raise LabelError(f"{path}, row {number}: {_first_text(cells, header)}; mend or remove it") from None
    if not songs:
        raise LabelError(f"{path}: has a header and no rows; write a row for each second of each song")
    table = np.stack(numbers)
    return songs, table[:, time], np.delete(table, [song, time], axis=1).astype(np.float32), names


def _first_text(cells: Sequence[str], header: Sequence[str]) -> str:
    for cell, name in zip(cells, header, strict=True):
        try:
            float(cell)
        except ValueError:
            return f"{cell[:60]!r} in the column {name!r} is not a number"
    return "a cell is not a number"


def _read_parquet(path: Path) -> Columns:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "reading a Parquet table") from error
    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise LabelError(f"{path}: cannot be read as Parquet ({reason}); write it again") from error
    names = _value_columns(path, table.column_names)
    if not table.num_rows:
        raise LabelError(f"{path}: has no rows; write a row for each second of each song")

    def numbers(name: str) -> NDArray[np.float64]:
        column = table.column(name)
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise LabelError(f"{path}: the column {name!r} is of the type {column.type}, not of numbers; write numbers")
        # Missing numbers become NaN, which is refused with its row.
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)

    songs = [str(song) for song in table.column(SONG).to_pylist()]
    return songs, numbers(TIME), np.column_stack([numbers(name) for name in names]).astype(np.float32), names


def _value_columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table's values."""
    if missing := [name for name in (SONG, TIME) if name not in header]:
        shown = ", ".join(header[:10]) + (", ..." if len(header) > 10 else "")
        raise LabelError(f"{path}: has no column {missing[0]!r}; it has {shown or 'nothing'}")
    if len(set(header)) < len(header):
        raise LabelError(f"{path}: names the column {_first_twice(header)!r} twice; rename or remove one")
    names = tuple(name for name in header if name not in (SONG, TIME))
    if not 1 <= len(names) <= MAX_VALUES:
        raise LabelError(f"{path}: has {len(names)} columns of values; write one for each value of an embedding")
    return names


def _first_twice(names: Sequence[str]) -> str:
    seen: Iterator[str] = (name for i, name in enumerate(names) if name in names[:i])
    return next(seen, "")
