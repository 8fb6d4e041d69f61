"""A teacher in a process of its own, for songs that strangers upload: a crash or a hang costs that song alone."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from sentio_mobile._internal.records import Record, Text, from_plain, json_bytes
from sentio_mobile._internal.sandbox import tell_of_missing_limits
from sentio_mobile._internal.subprocesses import environment, kill_group
from sentio_mobile.errors import InputError, WorkerError
from sentio_mobile.inference.emotion import Prediction

SONG_LIMIT_S = 60
"""Seconds of processor time that a song may take."""
WALL_FACTOR = 4
"""How much longer than that it may take where other work shares the cores."""
LOAD_WALL_S = 600.0
MAX_RECORD_BYTES = 1 << 20

T = TypeVar("T", bound=Record)


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
        self._holder = tempfile.TemporaryDirectory(prefix="sentio-mobile-")
        self.scratch = Path(self._holder.name)
        try:
            self._start()
        except BaseException:
            self._holder.cleanup()
            raise

    def __enter__(self) -> TeacherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._holder.cleanup()

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
                return receive(self._connection, Answer)
            except (OSError, EOFError):
                self._end()
                return Answer(fault=f"{song}: ended the process that heard it: it is damaged, or took too much time")

    def _start(self) -> None:
        ours, its = socket.socketpair()
        arguments = (str(self._folder.resolve()), str(self.scratch), str(self._threads), str(its.fileno()))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sentio_mobile.inference.teacher_worker", *arguments],
            env=environment(),
            # Its end tells the process that this one is gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
            # An interrupt at the terminal is this process's to answer.
            start_new_session=True,
        )
        its.close()
        self._connection = Connection(ours.detach())
        self._end = weakref.finalize(self, _end, self._process, self._connection)
        try:
            if not self._connection.poll(LOAD_WALL_S):
                raise EOFError
            opened = receive(self._connection, Answer)
        except (OSError, EOFError) as error:
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


def receive(connection: Connection, kind: type[T]) -> T:
    """Receive a record.

    Raises:
        OSError: It is too long, is none of this kind, or the other side is gone.
    """
    try:
        plain = msgspec.json.decode(connection.recv_bytes(MAX_RECORD_BYTES))
        return from_plain(kind, plain, "the teacher's process")
    except (msgspec.DecodeError, InputError) as error:
        raise OSError(str(error)) from error


def _end(process: subprocess.Popen[bytes], connection: Connection) -> None:
    connection.close()
    kill_group(process)
