"""A command runs in a group of its own, of which nothing is left however the run ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import gone

from sentio_mobile._internal.subprocesses import exit_cause, run_logged

ROOT = Path(__file__).parents[2]


def pid_in(log: Path) -> int:
    limit = time.monotonic() + 20
    while not (log.is_file() and log.read_text().endswith("\n")):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return int(log.read_text())


def test_run_logged_writes_output_to_the_log_and_returns_the_status(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd()); print('fault', file=sys.stderr); sys.exit(3)"
    assert run_logged([sys.executable, "-c", script], tmp_path / "log", 30, tmp_path) == 3
    assert sorted((tmp_path / "log").read_text().split()) == sorted([str(tmp_path.resolve()), "fault"])


def test_run_logged_returns_the_signal_of_a_killed_command(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), 9)"
    assert run_logged([sys.executable, "-c", script], tmp_path / "log", 30, tmp_path) == -signal.SIGKILL


def test_run_logged_kills_grandchildren_at_the_time_limit(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_logged(["sh", "-c", "sleep 60 & echo $!; wait"], log, 0.5, tmp_path) is None
    assert gone(pid_in(log))


def test_run_logged_kills_children_that_the_command_left(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_logged(["sh", "-c", "sleep 60 & echo $!"], log, 30, tmp_path) == 0
    assert gone(pid_in(log))


def test_run_logged_leaves_no_orphan_when_interrupted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # As at a terminal: what a shell runs in the background is told to ignore interrupts, and so are these tests there.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from sentio_mobile._internal.subprocesses import run_logged\n"
        f"run_logged(['sh', '-c', 'echo $$; exec sleep 60'], Path({str(log)!r}), 60, Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        pid = pid_in(log)
        parent.send_signal(signal.SIGINT)
        parent.wait(20)
    assert gone(pid)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (None, "no end after 5 s"),
        (0, None),
        (1, None),
        (-signal.SIGKILL, "killed by signal 9, probably out of memory"),
        (-signal.SIGSEGV, "killed by signal 11 (SIGSEGV)"),
    ],
)
def test_exit_cause_names_the_time_limit_and_the_signal(status: int | None, cause: str | None) -> None:
    assert exit_cause(status, 5.0) == cause
