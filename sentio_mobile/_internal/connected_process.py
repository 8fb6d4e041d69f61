"""A process that answers over a connection: how it is started and ended, and how a record comes from the other side.

What runs a stranger's files or hears a stranger's songs does it in such a process. Nothing that it sends is trusted:
records have a largest size, and ranges.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import TypeVar

import msgspec

from sentio_mobile._internal.records import Record, from_plain
from sentio_mobile._internal.subprocesses import kill_group
from sentio_mobile.errors import InputError

MAX_RECORD_BYTES = 1 << 20

T = TypeVar("T", bound=Record)


def start_connected(
    command: Callable[[str], list[str]], *, env: Mapping[str, str], cwd: str | None = None
) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start a process in a group of its own, and give it with this side of the connection.

    Args:
        command: Gives the program and its arguments for the file descriptor of the process's side.
        env: Its environment.
        cwd: Its working folder; this process's where it is None.
    """
    ours, its = socket.socketpair()
    process = subprocess.Popen(
        command(str(its.fileno())),
        cwd=cwd,
        env=env,
        # Its end tells the process that this one is gone.
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
        # An interrupt at the terminal is this process's to answer.
        start_new_session=True,
    )
    its.close()
    return process, Connection(ours.detach())


def end_connected(process: subprocess.Popen[bytes], connection: Connection) -> None:
    """Close the connection, and kill the process and whatever it started."""
    connection.close()
    kill_group(process)


def receive(connection: Connection, kind: type[T], where: str, error: type[InputError] = InputError) -> T:
    """Receive a record.

    Args:
        connection: The connection.
        kind: The record's class.
        where: What messages call the other side.
        error: The class of error to raise.

    Raises:
        InputError: Of the class `error`. It is not one of this kind.
        EOFError, OSError: It is too long, or the other side is gone.
    """
    try:
        plain = msgspec.json.decode(connection.recv_bytes(MAX_RECORD_BYTES))
    except msgspec.DecodeError as fault:
        raise error(f"{where} sent what is no record") from fault
    return from_plain(kind, plain, where, error)
