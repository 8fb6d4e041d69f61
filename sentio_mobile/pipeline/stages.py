"""Resumable stages of a run: each leaves a file or a folder, and is skipped while its inputs stay the same."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile import __version__
from sentio_mobile._internal.claims import claimed
from sentio_mobile._internal.records import (
    Name,
    NonNegative,
    Record,
    Sha256,
    read_record,
    replace,
    to_plain,
    write_record,
)
from sentio_mobile.data.songs import Song
from sentio_mobile.errors import DataError, OutputError

STATE = "run.json"


class StageState(Record, frozen=True, kw_only=True):
    """What is recorded of a stage."""

    key: Sha256  # hash of its inputs
    seconds: NonNegative | None  # its duration; None while it is running, or after it was interrupted


RunState = Annotated[dict[Name, StageState], Meta(max_length=1000)]
"""The contents of `run.json`: each stage by its name, which is the path of its output in the run's folder."""


@dataclass(kw_only=True)
class Stages:
    """The stages of one run, and what is recorded of them.

    Attributes:
        folder: Folder of the run.
        total: Number of its stages.
        announce: Called with a line of text when a stage begins or is skipped.
    """

    folder: Path
    total: int
    announce: Callable[[str], None]
    _state: dict[str, StageState] = field(default_factory=dict, init=False)
    _begun: int = field(default=0, init=False)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder of the run against other processes, and read what is recorded there.

        Raises:
            OutputError: Another process runs there, or the folder cannot be written.
            DataError: The record is damaged.
        """
        with claimed(self.folder, inside=True):
            if (self.folder / STATE).is_file():
                self._state = read_record(RunState, self.folder / STATE, DataError)
            yield

    def run(self, name: str, inputs: Sequence[object], work: Callable[[], object]) -> str:
        """Call `work` unless the stage is done: its output exists, and was made from the same inputs.

        Args:
            name: Path of the stage's output in the run's folder.
            inputs: Everything that the output depends on: settings, and keys of earlier stages.
            work: Makes the output.

        Returns:
            The key of the stage's inputs.

        Raises:
            OutputError: The output exists, and no earlier run made it.
        """
        key = hashlib.sha256(json.dumps([__version__, name, to_plain(inputs)]).encode()).hexdigest()
        recorded = self._state.get(name)
        self._begun += 1
        line = f"stage {self._begun} of {self.total}, {name}"
        output = self.folder / name
        if output.exists() and recorded is not None and recorded.key == key and recorded.seconds is not None:
            self.announce(f"{line}: done before")
            return key
        if output.exists() and recorded is None:
            raise OutputError(f"{output} exists, and no earlier run made it; choose another --out")
        self.announce(line)
        # Recorded before the work begins: from now on the output belongs to this run, which may overwrite it.
        self._record(name, StageState(key=key, seconds=None))
        output.parent.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        work()
        self._record(name, replace(self._state[name], seconds=round(time.monotonic() - start, 1)))
        return key

    def _record(self, name: str, state: StageState) -> None:
        self._state[name] = state
        write_record(self.folder / STATE, self._state)


def songs_key(songs: Sequence[Song]) -> list[list[object]]:
    """What identifies songs. Audio is too large to hash at every start: what reveals a changed file is part of it."""
    return [[song.song_id, song.group, *_labels(song), *_more(song), *file_state(song.path)] for song in songs]


def file_state(path: Path) -> list[object]:
    """Path, size and modification time of a file; the path alone for a file that does not exist."""
    if not path.is_file():
        return [str(path)]
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _more(song: Song) -> list[object]:
    """What only some songs have; empty for others, whose keys stay those of before."""
    more: list[object] = [song.segment, song.spread, song.raters, song.source]
    return more if any(value for value in more) else []


def _labels(song: Song) -> list[object]:
    """Everything that the labels of a song depend on."""
    moments = [] if song.moments is None else [song.moments.seconds.tolist(), song.moments.values.tolist()]
    return [song.valence, song.arousal, *moments]
