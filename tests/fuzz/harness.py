"""One rule for every door: a typed error or the right answer, and nothing else happens.

`attempt` calls a reader on what a stranger may have sent, and watches. The reader may return, or raise one of the
toolkit's own errors with a message of one line. It may not take more than `MAX_CPU_S` seconds, not take much memory,
not start a program, not open a connection, and not write outside the folder of the test.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from sentio_mobile.errors import MAX_MESSAGE, SentioError, printable

T = TypeVar("T")

MAX_CPU_S = 5.0
"""Seconds of processor time of a case. Seconds of the clock would depend on what else the machine does."""
MAX_WAIT_S = 60.0
"""Seconds of the clock after which a case hangs, for example because it waits for a pipe."""
MAX_MEMORY = 1024**3
"""Bytes that a case may add to the most that this process has ever taken."""

RECORD = os.environ.get("SENTIO_FUZZ_RECORD")
"""A file that gets a line for each door: cases, how many of them were refused, and the slowest."""

_STARTS = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.fork", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.Request", "ftplib.connect"),
    *("pickle.find_class", "webbrowser.open", "ctypes.dlopen"),
)
_CHANGES = (
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class HangError(BaseException):
    """A case takes too long. Not an Exception, so that no reader swallows it."""


class _Watch:
    """What the code under test did that it must not do, as the interpreter reports it."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.allowed: tuple[str, ...] = ()
        self.seen: list[str] = []
        self._importing = 0

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.folder is None or event in self.allowed:
            return
        if event in _STARTS:
            # A library that is loaded on first use reads its shared objects.
            if event == "ctypes.dlopen" and _in_import():
                return
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            path, _, flags = (*arguments, None, None, None)[:3]
            if isinstance(flags, int) and flags & _WRITING and isinstance(path, str | bytes | os.PathLike):
                self._outside(event, path)
        elif event in _CHANGES:
            for path in arguments:
                if isinstance(path, str | bytes | os.PathLike):
                    self._outside(event, path)

    def _outside(self, event: str, path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> None:
        place = os.path.realpath(os.fsdecode(path))
        inside = self.folder is not None and place.startswith(f"{self.folder}{os.sep}")
        if not inside and place not in ("/dev/null", str(self.folder)) and "__pycache__" not in place:
            self.seen.append(f"{event} {place}")


def _in_import() -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


_WATCH = _Watch()
sys.addaudithook(_WATCH.hook)

TALLY: dict[str, Counter[str]] = {}
"""Cases of each door, by what became of them."""
FAULTS: dict[str, set[str]] = {}
"""What broke the rule at each door: the error, and where it was raised."""
SLOWEST: Counter[str] = Counter()
"""Milliseconds of processor time of the slowest case of each door."""


@contextmanager
def watched(folder: Path, allowed: tuple[str, ...] = ()) -> Iterator[None]:
    """Watch what happens inside the block.

    Args:
        folder: The only folder that may be written to.
        allowed: Audit events that are part of what the door is for.

    Raises:
        AssertionError: Something happened that must not happen.
    """

    def hangs(*_: object) -> None:
        raise HangError(f"no end after {MAX_CPU_S:g} s of processor time or {MAX_WAIT_S:g} s of waiting")

    before = [signal.signal(number, hangs) for number in (signal.SIGPROF, signal.SIGALRM)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    _WATCH.folder, _WATCH.allowed, _WATCH.seen = Path(os.path.realpath(folder)), allowed, []
    signal.setitimer(signal.ITIMER_PROF, MAX_CPU_S)
    signal.setitimer(signal.ITIMER_REAL, MAX_WAIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _WATCH.folder = None
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)
    assert _WATCH.seen == [], _WATCH.seen
    added = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    assert added <= MAX_MEMORY, f"{added:,} bytes of memory"
    left = len(os.listdir("/proc/self/fd")) - descriptors  # noqa: PTH208
    # A library that is loaded on first use keeps a few files open.
    assert left <= 8, f"{left} files were left open"


def attempt(door: str, read: Callable[[], T], folder: Path, allowed: tuple[str, ...] = ()) -> T | None:
    """Call a reader on one case and hold it to the rule.

    Args:
        door: Name of the door, for the record.
        read: Reads the case.
        folder: The only folder that it may write to.
        allowed: Audit events that are part of what the door is for.

    Returns:
        What the reader returns; None where it refuses the case.

    Raises:
        AssertionError: The rule is broken.
    """
    tally, start = TALLY.setdefault(door, Counter()), time.process_time()
    tally["cases"] += 1
    try:
        with watched(folder, allowed):
            found = read()
    except SentioError as error:
        check_message(error)
        tally["refused"] += 1
        return None
    except BaseException as fault:
        place = traceback.extract_tb(fault.__traceback__)[-1]
        FAULTS.setdefault(door, set()).add(f"{type(fault).__name__} in {Path(place.filename).name}:{place.lineno}")
        raise
    finally:
        SLOWEST[door] = max(SLOWEST[door], round(1000 * (time.process_time() - start)))
    return found


def check_message(error: SentioError) -> None:
    """Hold a message to the rule: one line, which a terminal shows as it is, and not empty."""
    text = str(error)
    assert text == printable(text), ascii(text)
    assert 0 < len(text) <= MAX_MESSAGE, len(text)
    assert len(text.splitlines()) == 1, ascii(text)


def write_record() -> None:
    """Append the tally to the file that `SENTIO_FUZZ_RECORD` names."""
    if RECORD:
        lines = [
            {"door": name, **found, "slowest_ms": SLOWEST[name], "faults": sorted(FAULTS.get(name, ()))}
            for name, found in sorted(TALLY.items())
        ]
        with Path(RECORD).open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
