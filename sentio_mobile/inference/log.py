"""A log of predictions: a line of JSON each, with when it was made and by which model. `monitor` reads it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentio_mobile._internal.claims import cannot_write
from sentio_mobile._internal.files import open_file, open_to_append, sha256
from sentio_mobile._internal.records import Name, NonNegative, Record, Sha256, Text
from sentio_mobile.audio.decode import LOWEST_DB
from sentio_mobile.errors import InputError
from sentio_mobile.inference.emotion import Prediction, Score
from sentio_mobile.inference.predictor import name_of
from sentio_mobile.inference.songs import SongPredictions

LOG_SUFFIX = ".jsonl"

SongNames = Literal["path", "name", "hash"]
"""How a log names songs: by the path as it was given, by the file's name, or by the hash of the file alone."""

UNREAD = "unread"
"""The name of a song that could not be read, where songs are named by their hash."""

_HASH_LENGTH = 32
_BLOCK = 65_536
"""More than a line ever has."""
_BEGINS = b'{"date":"'
"""How every line begins."""

Level = Annotated[float, Meta(ge=LOWEST_DB, le=60)]


class LogRow(Record, frozen=True, kw_only=True):
    """A line of a log. Values are null where a song could not be predicted: `monitor` counts it."""

    # When it was predicted, in UTC: 2026-11-29T14:03:00Z.
    date: Text
    # The song, named as was asked for.
    song: Text
    # Start and end of the stretch, in seconds from the start of the song.
    start: NonNegative | None = None
    end: NonNegative | None = None
    # From -1, unpleasant, to 1, pleasant.
    valence: Score | None = None
    # From -1, calm, to 1, energetic.
    arousal: Score | None = None
    # Ends of the intervals; null where the model has no measured uncertainty.
    valence_low: Score | None = None
    valence_high: Score | None = None
    arousal_low: Score | None = None
    arousal_high: Score | None = None
    # Whether nothing could be heard.
    silent: bool = False
    # Level of the stretch: root mean square in dB, where 0 is full scale.
    input_level: Level | None = None
    # Name and release of the bundle, or the name of the teacher's folder.
    model: Name
    # Hash of the sheet that lists the model's files, which is a bundle's manifest.
    model_sha256: Sha256


class LogFile:
    """A log, opened by one run to add to it. A line that was cut off when a run was killed is removed.

    Args:
        path: A .jsonl file. One that is there is added to.
        model: Name of the model.
        model_sha256: Hash of the sheet that lists its files.
        songs: How songs are named.

    Raises:
        InputError: It has another suffix, or holds something else than a log.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path, *, model: str, model_sha256: str, songs: SongNames = "path") -> None:
        check_log(path)
        self.path, self._model, self._sha256, self._songs = path, model, model_sha256, songs
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_to_append(path)
            whole = _whole_lines(path)
            with open_file(path) as file:
                file.seek(whole)
                # A run that was killed may have lacked no more than the end of the line.
                is_row = _is_row(last := file.read(_BLOCK))
            if is_row:
                self._file.write(b"\n")
            elif last:
                self._file.truncate(whole)
        except OSError as error:
            raise cannot_write(path, error) from error

    def __enter__(self) -> LogFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, found: SongPredictions) -> None:
        """Append the predictions of a song, or that there are none.

        Raises:
            OutputError: They cannot be written.
        """
        song = log_name(found.song, self._songs)
        self.add_rows(song, [(emotion.to_prediction(), emotion.level_db) for emotion in found.emotions])

    def add_rows(self, song: str, found: Sequence[tuple[Prediction, float | None]]) -> None:
        """Append what was predicted for a song.

        Args:
            song: What the log calls it.
            found: Its predictions, each with the level of the stretch in dB, if that is known; none for a song that
                could not be predicted.

        Raises:
            OutputError: They cannot be written.
        """
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        rows = [self._row(date, song, one, level) for one, level in found]
        rows = rows or [LogRow(date=date, song=song, model=self._model, model_sha256=self._sha256)]
        try:
            self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _row(self, date: str, song: str, one: Prediction, level_db: float | None) -> LogRow:
        return LogRow(
            date=date,
            song=song,
            start=one.start,
            end=one.end,
            valence=one.valence,
            arousal=one.arousal,
            valence_low=one.valence_low,
            valence_high=one.valence_high,
            arousal_low=one.arousal_low,
            arousal_high=one.arousal_high,
            silent=one.silent,
            input_level=None if level_db is None else round(level_db, 2),
            model=self._model,
            model_sha256=self._sha256,
        )


def check_log(path: Path) -> None:
    """Refuse a log before the work that would fill it.

    Raises:
        InputError: It has another suffix, or holds something else than a log.
    """
    if path.suffix.lower() != LOG_SUFFIX:
        raise InputError(f"{path}: is no log; give a name that ends with {LOG_SUFFIX}")
    try:
        with open_file(path) as file:
            first = file.readline(_BLOCK)
    except OSError:
        return  # what cannot be read is told when it is opened to write
    # A line that was cut off ends anywhere.
    is_log = (
        _is_row(first) if first.endswith(b"\n") or len(first) == _BLOCK else _BEGINS.startswith(first[: len(_BEGINS)])
    )
    if not is_log:
        raise InputError(f"{path}: holds something else than a log of predictions; give another name")


def _is_row(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=LogRow)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _whole_lines(path: Path) -> int:
    """Bytes of a file up to the end of its last whole line."""
    with open_file(path) as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            at = file.read(end - begin).rfind(b"\n")
            if at >= 0:
                return begin + at + 1
            end = begin
    return 0


def log_name(song: Path, names: SongNames) -> str:
    """What a log calls a song.

    Args:
        song: The file.
        names: How songs are named.
    """
    if names == "path":
        return name_of(song)
    if names == "name":
        return name_of(song.name)
    try:
        return sha256(song)[:_HASH_LENGTH]
    except (OSError, ValueError):
        return UNREAD
