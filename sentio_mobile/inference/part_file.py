"""Predictions of a run that is not finished: one line a song beside the file to come, so that the next run goes on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Annotated

import msgspec
from msgspec import Meta

from sentio_mobile._internal.claims import cannot_write
from sentio_mobile._internal.files import open_file, open_to_append
from sentio_mobile._internal.records import Name, NonNegative, Record, Sha256, Text, replace
from sentio_mobile.inference.emotion import Emotion, Prediction
from sentio_mobile.spec import Uncertainty

SUFFIX = ".part"

_MAX_LINE = 256 * 1024 * 1024
"""Bytes of a line: a day of sound, predicted every hop."""


class PartSettings(Record, frozen=True, kw_only=True):
    """The first line: what the predictions depend on. A run with other settings starts again."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1  # version of this record
    model: Sha256  # hash of the model's sheet
    format: Name  # format of the bundle that was run
    form: Name | None  # its form; None for the faster of those that the bundle has
    precision: Name | None = None  # its precision; None for the highest that the bundle has
    every: NonNegative | None  # seconds from one window to the next; None for one prediction a song


class PartSong(Record, frozen=True, kw_only=True):
    """A line: one song."""

    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]  # hash of the file's path, size and time of change
    predictions: Annotated[tuple[Prediction, ...], Meta(max_length=10_000_000)]  # in order of time
    notes: Annotated[tuple[Text, ...], Meta(max_length=100)] = ()  # what was wrong with the file


class PartFile:
    """The file, opened by one run.

    Attributes:
        path: OUT.part, beside the file OUT to come.
        songs: Songs that were predicted before, by their keys.
    """

    def __init__(self, out: Path, settings: PartSettings) -> None:
        """Open the file and read what an earlier run with the same settings left.

        Args:
            out: The file to come.
            settings: What the predictions depend on.

        Raises:
            OutputError: It cannot be written.
        """
        self.path = out.with_name(out.name + SUFFIX)
        self.songs: dict[str, PartSong] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_to_append(self.path)
            end = self._read(settings)
            self._file.truncate(end)
            if not end:
                self._file.write(msgspec.json.encode(settings) + b"\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, key: str, emotions: tuple[Emotion, ...]) -> None:
        """Append a song.

        Raises:
            OutputError: It cannot be written.
        """
        song = PartSong(
            key=key,
            predictions=tuple(emotion.to_prediction() for emotion in emotions),
            notes=tuple(note[:4096] for emotion in emotions for note in emotion.notes)[:100],
        )
        try:
            self._file.write(msgspec.json.encode(song) + b"\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def remove(self) -> None:
        """Remove the file: its rows stand in the finished one."""
        self.path.unlink(missing_ok=True)

    def _read(self, settings: PartSettings) -> int:
        """Read the songs up to the first line that is not whole, and return the bytes up to there."""
        end = 0
        with open_file(self.path) as lines:
            while (line := lines.readline(_MAX_LINE)).endswith(b"\n"):
                try:
                    if not end and msgspec.json.decode(line, type=PartSettings) != settings:
                        return 0
                    if end:
                        song = msgspec.json.decode(line, type=PartSong)
                        self.songs[song.key] = song
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    return end
                end += len(line)
        return end


def key_of(song: Path) -> str | None:
    """What identifies an unchanged file, as 32 hex digits; None for a file that is not there."""
    try:
        facts = song.stat()
    except (OSError, ValueError):
        return None
    text = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} ".encode() + os.fsencode(os.path.realpath(song))
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def emotions_of(song: PartSong, name: str, uncertainty: Uncertainty | None) -> tuple[Emotion, ...]:
    """The predictions of a line as they were before they were written, with six decimals.

    Args:
        song: The line.
        name: The song as it is named in this run.
        uncertainty: The measured error of the model.
    """
    found = [
        Emotion(
            song=name,
            valence=one.valence,
            arousal=one.arousal,
            start=one.start,
            end=one.end,
            uncertainty=uncertainty,
            silent=one.silent,
        )
        for one in song.predictions
    ]
    if found and song.notes:
        found[-1] = replace(found[-1], notes=song.notes)
    return tuple(found)
