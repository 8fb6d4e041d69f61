"""Worker processes: their environment, and a way to run one that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import sentio_mobile
from sentio_mobile.errors import OutputError


def environment() -> dict[str, str]:
    """This process's environment, with this package and the entries of `PYTHONPATH` as absolute paths."""
    root = str(Path(sentio_mobile.__file__).parents[1])
    named = (path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *(str(Path(path).absolute()) for path in named)])}


def run_logged(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int | None:
    """Run a command in a process group of its own, with all that it prints in `log` and its temporary files in `cwd`.

    However this function ends, nothing of the group is left running.

    Returns:
        The exit status, the negative number of the signal that killed it, or None when the time was over.

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
            # Held open and never written to: its end tells the worker that the parent is gone.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Nobody may be left, which macOS reports as a permission error when the last one is a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # The process leads its group; what it left behind is still in it.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()
