"""Child processes: their environment, their time limit, their log, and their end with the process that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sentio_mobile
from sentio_mobile.errors import OutputError

_running: set[subprocess.Popen[bytes]] = set()


def environment() -> dict[str, str]:
    """Environment for a child process: this one's, with an absolute `PYTHONPATH` that includes this package."""
    root = str(Path(sentio_mobile.__file__).parents[1])
    named = (path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *(str(Path(path).absolute()) for path in named)])}


def run_logged(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int | None:
    """Run a command in a process group of its own, which is killed however this function ends.

    Args:
        command: The program and its arguments.
        log: File for everything that it prints.
        timeout_s: Seconds after which it is killed.
        cwd: Its working folder, which also gets its temporary files.

    Returns:
        The exit status, minus the number of the signal that killed it, or None if the time was over.

    Raises:
        OutputError: `log` cannot be written.
    """
    try:
        output = log.open("wb")
    except OSError as error:
        raise OutputError(f"cannot write {log}: {error.strerror}; choose another place") from error
    with output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environment(), "TMPDIR": str(cwd)},
            # Never written to: its end tells `end_with_parent` that this process is gone.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(process)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _running.discard(process)
            kill_group(process)


def kill_logged() -> None:
    """Kill every command that `run_logged` is running, in whichever thread; those calls then return."""
    for process in tuple(_running):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def exit_cause(status: int | None, timeout_s: float) -> str | None:
    """Why a command did not end by itself, for messages; None if it did.

    Args:
        status: What `run_logged` returned.
        timeout_s: The time limit that it had.
    """
    if status is None:
        return f"no end after {timeout_s:g} s"
    if status >= 0:
        return None
    cause = ", probably out of memory" if -status == signal.SIGKILL else f" ({signal.Signals(-status).name})"
    return f"killed by signal {-status}{cause}"


def end_with_parent() -> None:
    """Watch the parent, in a process that `run_logged` started, and kill this process group when it is gone.

    So no converter outlives a command that was killed and could not clean up.
    """
    threading.Thread(target=_wait_for_parents_end, daemon=True).start()


@contextmanager
def silence_output() -> Iterator[None]:
    """Discard what libraries write to standard error, also past Python: some have no setting for it.

    Faults are not lost, because the libraries raise exceptions for them too.
    """
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _wait_for_parents_end() -> None:
    # Not `sys.stdin`, whose lock this thread would hold when the interpreter shuts down.
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its group, and whatever it started."""
    # The group may be empty, which macOS reports as a permission error if its last process is a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # The process leads its group; whatever it started is still in it.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()
