"""Manifests: any CSV with one row for a song, for a segment of one, or for what one rater says of it."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np

from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import Role, TableSettings
from sentio_mobile.data.data_set import Source, labels_of
from sentio_mobile.data.manifest_columns import Table, find_columns
from sentio_mobile.data.norms import Norms, split_tags
from sentio_mobile.data.scales import Scale, guess_scale, off_scale, scale_of
from sentio_mobile.data.songs import LabelSource, Song, numbered_rows, read_number, require_printable
from sentio_mobile.errors import LabelError

_CLOCK = re.compile(r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")


class _Row(NamedTuple):
    """One row of a manifest. Labels and spreads are as written, on the table's scale."""

    where: str
    text: str
    audio: Path
    song_id: str
    group: str
    segment: tuple[float, float | None] | None
    rater: str
    labels: tuple[float, float] | None
    spread: tuple[float, float] | None
    raters: int | None
    tags: tuple[str, ...]


class _Label(NamedTuple):
    """The label of a song in [-1, 1], as `Song` has it; empty without one."""

    valence: float | None = None
    arousal: float | None = None
    spread: tuple[float, float] | None = None
    raters: int | None = None


def read_manifest(path: Path, settings: TableSettings, norms: Norms | None = None) -> Source:
    """Read a CSV with the columns `path[,valence_mean,arousal_mean][,group][,song_id]`, or others that are named.

    Paths are relative to the CSV's folder. A song without a group is a group of its own. Either all songs have labels
    or none has. With `start` and `end`, a row is a segment of a song; all segments of a file are of one group. With
    `rater`, a row is what one person says, and songs get the mean and the spread of their rows.

    Args:
        path: The CSV, as `numbered_rows` takes it.
        settings: Its scale, and its columns where they have other names.
        norms: Norms of words, by which songs get labels from their tags.

    Raises:
        LabelError: The file, a column, a label, a path or an id is wrong, or the scale cannot be guessed.
    """
    table = find_columns(path, settings.columns, by_tags=norms is not None)
    rows = [_read_row(table, number, row) for number, row in numbered_rows(path, (table.first,))]
    notes: list[str] = []
    labels: LabelSource = "none"
    scale: Scale | None = None
    if table.has("valence"):
        labels = labels_of(path.parent)
        scale = _scale(table, rows, settings.scale, notes)
    found = _songs(rows, scale, table)
    songs = [song for song, _ in found]
    if table.has("rater"):
        counts = [len(same) for _, same in found]
        notes.append(
            f"{path.name}: {len(rows)} ratings of {len(songs)} songs, {min(counts)} to {max(counts)} of each; a song's "
            "label is their mean, and their spread is kept"
        )
    if norms is not None and table.has("tags") and labels == "none":
        songs, labels = _label_by_tags(path, found, norms=norms, notes=notes), "tags"
    elif table.has("tags") and labels == "none":
        notes.append(f"{path.name}: the column {table.columns['tags']!r} is not read without a table of norms, --norms")
    return Source(
        songs=songs,
        root=path.parent,
        layout="manifest",
        labels=labels,
        scale=scale.name if scale else "",
        notes=tuple(notes),
    )


def _read_row(table: Table, number: int, row: Mapping[str, str]) -> _Row:
    where, text = f"{table.path}, row {number}", table.path_of(row)
    if not text.rstrip("/."):
        raise LabelError(f"{where}: has no path; name its audio file")
    require_printable(text, where, "path")
    song_id, group, rater = table.cell(row, "song_id"), table.cell(row, "group"), table.cell(row, "rater")
    require_printable(song_id, where, "song_id")
    require_printable(group, where, "group")
    require_printable(rater, where, "rater")
    if table.has("rater") and not rater:
        raise LabelError(f"{where}, {table.columns['rater']}: is empty; name the rater")
    start = _seconds(table.cell(row, "start"), f"{where}, start")
    end = _seconds(table.cell(row, "end"), f"{where}, end")
    if end is not None and end <= (start or 0):
        raise LabelError(f"{where}: ends at {end:g} s and starts at {start or 0:g} s; mend the row")
    labels = _pair(table, row, where, ("valence", "arousal"), "a label") if table.has("valence") else None
    return _Row(
        where=where,
        text=text,
        audio=_audio_file(table.path.parent, text, where),
        song_id=song_id,
        group=group,
        segment=None if start is None and end is None else (start or 0.0, end),
        rater=rater,
        labels=labels,
        spread=_spread(table, row, where) if labels else None,
        raters=_raters(table, row, where) if labels else None,
        tags=tuple(split_tags(table.cell(row, "tags"))),
    )


def _pair(table: Table, row: Mapping[str, str], where: str, roles: tuple[Role, Role], what: str) -> tuple[float, float]:
    one, other = table.columns[roles[0]], table.columns[roles[1]]
    return read_number(row[one], f"{where}, {one}", what), read_number(row[other], f"{where}, {other}", what)


def _spread(table: Table, row: Mapping[str, str], where: str) -> tuple[float, float] | None:
    if not (table.cell(row, "valence_sd") and table.cell(row, "arousal_sd")):
        return None
    spread = _pair(table, row, where, ("valence_sd", "arousal_sd"), "a standard deviation")
    if min(spread) < 0:
        raise LabelError(f"{where}: a standard deviation is below 0; mend the row")
    return spread


def _raters(table: Table, row: Mapping[str, str], where: str) -> int | None:
    if not (text := table.cell(row, "raters")):
        return None
    count = read_number(text, f"{where}, raters", "a number of raters")
    if not (1 <= count <= 1_000_000 and count == int(count)):
        raise LabelError(f"{where}, raters: {text} is no number of raters; mend the row")
    return int(count)


def _seconds(text: str, where: str) -> float | None:
    """Seconds, or minutes and seconds as 1:05; None for an empty cell."""
    if not text:
        return None
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))
    value = read_number(text, where, "seconds")
    if not 0 <= value <= 1e6:
        raise LabelError(f"{where}: {text} is no time in seconds; mend the row")
    return value


def _audio_file(root: Path, text: str, where: str) -> Path:
    """The file that a manifest names: by a path, one from Windows with backslashes, or a file: URI."""
    if text.lower().startswith("file:"):
        try:
            return root / unquote(urlsplit(text).path)
        except ValueError:
            raise LabelError(f"{where}: {shown(text)} is no address of a file; write its path") from None
    if "\\" in text and not os.path.exists(root / text):  # noqa: PTH110 - Path.exists fails on a name that is too long
        text = text.replace("\\", "/")
    return root / text


def _scale(table: Table, rows: Sequence[_Row], given: str, notes: list[str]) -> Scale:
    """The scale of a table's labels, given or guessed; and a note that states it."""
    names = f"{table.columns['valence']}\n{table.columns['arousal']}"
    values = [(row.where, names, row.labels) for row in rows if row.labels]
    labels = np.array([pair for _, _, pair in values], dtype=np.float64)
    scale = scale_of(given) if given else guess_scale(labels, str(table.path))
    if fault := off_scale(values, scale, table.path.name):
        raise fault
    span = f"the values {labels.min():.4g} to {labels.max():.4g}"
    notes.append(f"{table.path.name}: scale {scale.name}, {f'as given, for {span}' if given else f'from {span}'}")
    return scale


def _songs(rows: Sequence[_Row], scale: Scale | None, table: Table) -> list[tuple[Song, list[_Row]]]:
    """A song of each file, or of each segment of one, and its rows."""
    # By text, because a path is taken apart whenever it is hashed: a quarter of the time of a large table.
    found: dict[tuple[str, tuple[float, float | None] | None], list[_Row]] = {}
    first_of: dict[str, _Row] = {}
    for row in rows:
        audio = str(row.audio)
        found.setdefault((audio, row.segment), []).append(row)
        other = first_of.setdefault(audio, row)
        if row.group != other.group:
            raise LabelError(
                f"{row.where}: {row.text} is of the group {shown(row.group)}, and {_row(other)} says "
                f"{shown(other.group)}; give all rows of a file one group"
            )
    parts = Counter(audio for audio, _ in found)
    uses = Counter(name for same in found.values() for name in {row.song_id for row in same})
    songs: dict[str, tuple[Song, list[_Row]]] = {}
    for (audio, _), same in found.items():
        if len(same) > 1 and not table.has("rater"):
            raise _twice(same, table)
        song = _song(same, scale, is_part=parts[audio] > 1, uses=uses)
        if song.song_id in songs:
            raise LabelError(
                f"{same[0].where}: song {shown(song.song_id)} stands in the file twice "
                f"({_row(songs[song.song_id][1][0])} too); remove one, or give each a song_id of its own"
            )
        songs[song.song_id] = song, same
    return list(songs.values())


def _song(rows: Sequence[_Row], scale: Scale | None, *, is_part: bool, uses: Counter[str]) -> Song:
    """A song of one row, or of the rows of its raters."""
    first = rows[0]
    named = first.song_id if all(row.song_id == first.song_id for row in rows) else ""
    song_id, segment = named or _stem(first), first.segment
    if segment is not None and (not named or uses[named] > 1):
        song_id += f"@{segment[0]:g}-{'end' if segment[1] is None else f'{segment[1]:g}'}"
    start, end = segment or (0.0, None)
    label = _Label() if scale is None else _label(rows, scale)
    return Song(
        song_id=song_id,
        path=first.audio,
        valence=label.valence,
        arousal=label.arousal,
        # Parts of one file stay together, whatever they are called.
        group=first.group or (_stem(first) if is_part else song_id),
        start=start,
        end=end,
        spread=label.spread,
        raters=label.raters,
    )


def _stem(row: _Row) -> str:
    """What a file is called without its ending."""
    path = Path(row.text) if "file:" not in row.text[:5].lower() else row.audio
    return path.with_suffix("").as_posix()


def _label(rows: Sequence[_Row], scale: Scale) -> _Label:
    """The label of a song: that of its row, or the mean of its raters', whose spread is kept."""
    spread, raters, labels = rows[0].spread, rows[0].raters, rows[0].labels
    if rows[0].rater:
        values = np.array([row.labels for row in rows], dtype=np.float64)
        seen: set[str] = set()
        for row in rows:
            if row.rater in seen:
                raise LabelError(f"{row.where}: {shown(row.rater)} has rated {row.text} before; remove one rating")
            seen.add(row.rater)
        deviations = values.std(axis=0, ddof=1) if len(rows) > 1 else None
        spread = None if deviations is None else (float(deviations[0]), float(deviations[1]))
        raters, (valence, arousal) = len(rows), values.mean(axis=0)
        labels = float(valence), float(arousal)
    assert labels is not None
    return _Label(
        valence=scale.to_unit(labels[0]),
        arousal=scale.to_unit(labels[1]),
        spread=spread and (scale.spread_to_unit(spread[0]), scale.spread_to_unit(spread[1])),
        raters=raters,
    )


def _twice(rows: Sequence[_Row], table: Table) -> LabelError:
    """The fault of several rows for one file, with what they can mean."""
    first, row = rows[:2]
    return LabelError(
        f"{row.where}: {row.text} is the audio of {_row(first)} too; if each row is one person's rating, name the "
        f"column of raters: --columns rater={shlex.quote(table.like_raters or 'NAME')}; if it is a part of the song, "
        "give columns start and end; or remove one"
    )


def _row(row: _Row) -> str:
    """The row's number as messages have it."""
    return row.where.rpartition(", ")[2]


def _label_by_tags(
    path: Path, found: Sequence[tuple[Song, Sequence[_Row]]], *, norms: Norms, notes: list[str]
) -> list[Song]:
    """The songs with a tag that has a norm, labelled by the mean of their tags' norms."""
    labelled = []
    for song, rows in found:
        if label := norms.label(rows[0].tags):
            labelled.append(replace(song, valence=label[0], arousal=label[1]))
    notes.append(norms.note)
    if not labelled:
        raise LabelError(f"{path}: no song has a tag that is a word of {norms.path}; check both tables")
    if left := len(found) - len(labelled):
        notes.append(f"{path.name}: {left} songs have no tag that is a word of {norms.path.name} and are left out")
    return labelled
