"""A teacher in a process of its own, for songs that strangers upload: a crash or a hang costs that song alone."""

from __future__ import annotations

import sys
import threading
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.connected_process import end_connected, receive, start_connected
from sentio_mobile._internal.files import scratch_folder
from sentio_mobile._internal.records import Record, Text, json_bytes
from sentio_mobile._internal.sandbox import tell_of_missing_limits
from sentio_mobile._internal.subprocesses import environment
from sentio_mobile.errors import InputError, SentioError, WorkerError
from sentio_mobile.inference.emotion import Prediction
from sentio_mobile.inference.log import Level

SONG_LIMIT_S = 60
"""Seconds of processor time that a song may take."""
WALL_FACTOR = 4
"""How much longer than that it may take where other work shares the cores."""
LOAD_WALL_S = 600.0

WORKER = "sentio_mobile.inference.teacher_worker"
_WHERE = "the teacher's process"


class Ask(Record, frozen=True, kw_only=True):
    """What the process is asked: to predict a file."""

    # Path of the file.
    path: Text
    # What the song is called in the answer.
    song: Text
    # Seconds of processor time that it may take.
    limit_s: Annotated[int, Meta(ge=1, le=100_000)]


class Answer(Record, frozen=True, kw_only=True):
    """What a teacher says of a song; of none when it has been opened."""

    # Null where the song could not be predicted.
    prediction: Prediction | None = None
    # Level of the stretch: root mean square in dB of full scale; null where it was not measured.
    level_db: Level | None = None
    # Why it could not be predicted; empty if it could.
    fault: Text = ""
    # What was wrong with the file.
    notes: Annotated[tuple[Text, ...], Meta(max_length=1000)] = ()


class TeacherProcess:
    """A process that has opened a teacher. After a crash or a hang another one is started.

    Attributes:
        scratch: A folder for uploaded files, the only one that the process reads.

    Args:
        folder: The folder of a checkpoint or of a probe.
        threads: Threads that the teacher may use, at least 1.
        limit_s: Seconds of processor time that a song may take.

    Raises:
        InputError: The teacher cannot be opened.
        WorkerError: The process ended while it was opening it.
    """

    def __init__(self, folder: Path, *, threads: int = 1, limit_s: int = SONG_LIMIT_S) -> None:
        tell_of_missing_limits()
        self._folder, self._threads, self._limit_s = folder, threads, limit_s
        self._lock = threading.Lock()
        self._holder = ExitStack()
        self.scratch = self._holder.enter_context(scratch_folder())
        try:
            self._start()
        except BaseException:
            self._holder.close()
            raise

    def __enter__(self) -> TeacherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._holder.close()

    def predict(self, path: Path, song: str) -> Answer:
        """Predict a file in `scratch`. Calls of several threads wait for each other.

        Args:
            path: The file.
            song: What it is called in the answer.
        """
        with self._lock:
            try:
                if self._process.poll() is not None:
                    self._end()
                    self._start()
                ask = Ask(path=str(path), song=song, limit_s=self._limit_s)
                self._connection.send_bytes(json_bytes(ask))
                if not self._connection.poll(WALL_FACTOR * self._limit_s):
                    self._end()
                    return Answer(fault=f"{song}: took too much time")
                return receive(self._connection, Answer, _WHERE)
            except (OSError, EOFError, SentioError):
                self._end()
                return Answer(fault=f"{song}: ended the process that heard it: it is damaged, or took too much time")

    def _start(self) -> None:
        arguments = (str(self._folder.resolve()), str(self.scratch), str(self._threads))
        self._process, self._connection = start_connected(
            lambda descriptor: [sys.executable, "-P", "-m", WORKER, *arguments, descriptor], env=environment()
        )
        self._end = weakref.finalize(self, end_connected, self._process, self._connection)
        try:
            if not self._connection.poll(LOAD_WALL_S):
                raise EOFError
            opened = receive(self._connection, Answer, _WHERE)
        except (OSError, EOFError, InputError) as error:
            self._end()
            raise WorkerError(
                f"{self._folder}: the process that opens it ended, probably because memory was short; try again"
            ) from error
        except BaseException:
            self._end()
            raise
        if opened.fault:
            self._end()
            raise InputError(opened.fault)
