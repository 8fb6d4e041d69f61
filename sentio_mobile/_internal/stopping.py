"""Ctrl-C and SIGTERM end a command within two seconds, with one line and an exit status of its own.

Both raise `Stopped` in the main thread, so that what is open is closed and unfinished output removed. Where the main
thread is inside a long native call and cannot notice, or its clean-up takes too long, a second thread ends the process.
Everything that is written survives that, because it survives a kill.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

import psutil

GRACE_S = 1.0
"""Seconds that the main thread has to clean up."""

_TRACKER = "multiprocessing.resource_tracker"
"""Python's process that removes what a pool has outside of any process, such as semaphores, when the pool is gone.

It ends by itself then. Killed, it would leave all that, and be started anew by who still has something to tell it.
"""

_QUIET = "ignore:resource_tracker:UserWarning"
"""What it removes after a stopped process is no news to anybody."""

_SIGNALS = {signal.SIGINT: "stopped", signal.SIGTERM: "stopped by SIGTERM"}


class Stopped(BaseException):
    """The process was told to stop. Not an error, and no `KeyboardInterrupt`, which libraries take for their own."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass
class Work:
    """What the process is doing, for the line that it ends with.

    Attributes:
        goes_on: Whether the same command goes on where this one stops.
        where: Tells how far the work has come, in a few words; empty if that is not known.
    """

    goes_on: bool = False
    where: Callable[[], str] = field(default=str)

    def line(self, number: int) -> str:
        """What is said when a signal ends the process."""
        where = self.where()
        way = "the same command goes on" if self.goes_on else "the same command starts again"
        return f"{_SIGNALS[signal.Signals(number)]}{' at ' if where else ''}{where}; {way}"


WORK = Work()
"""Of this process; the command line keeps it up to date."""

_ENDING = threading.Lock()


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` on Ctrl-C and SIGTERM while the block runs, and end the process if it does not end in time.

    `Stopped` that leaves the block ends the process with one line; a block that catches it goes on. Has no effect
    outside the main thread. A signal that the process was started to ignore stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if _QUIET not in (given := os.environ.get("PYTHONWARNINGS", "")):
        os.environ["PYTHONWARNINGS"] = f"{given},{_QUIET}".lstrip(",")
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    raised, ended = threading.Event(), threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        # `timeout` and terminals may send it twice. The second must not disturb the clean-up.
        if not raised.is_set():
            raised.set()
            raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in heard}
    # Written to at once, whatever the main thread is doing.
    wakeup = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ear, frozenset(heard), ended), daemon=True).start()
    try:
        yield
    except Stopped as stopped:
        _end(stopped.number)
    finally:
        ended.set()
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        mouth.close()


def _end(number: int) -> NoReturn:
    """End the process, and every process that it or they started, with the line and the status of a signal."""
    if _ENDING.acquire(blocking=False):
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if not any(_TRACKER in word for word in child.cmdline()):
                        child.kill()
        # The processes of one training get the signal together, and the first one speaks for all.
        if os.environ.get("LOCAL_RANK", "0") == "0":
            cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar may have hidden it
            with contextlib.suppress(OSError):
                # Not `sys.stderr`, whose lock the main thread may hold.
                os.write(2, f"{cursor}{WORK.line(number)}\n".encode())
        # At once: to take down a process with large libraries takes seconds where the machine is busy.
        os._exit(128 + number)
    threading.Event().wait()  # the other thread is ending the process
    raise AssertionError


def _watch(ear: socket.socket, heard: frozenset[int], ended: threading.Event) -> None:
    with ear:
        while numbers := ear.recv(64):
            number = next((number for number in numbers if number in heard), None)
            if number is not None and not ended.wait(GRACE_S):
                _end(number)
