"""Ctrl-C and SIGTERM end the command line with one line and their status, also where Python code cannot run."""

import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from support import gone

# A command of the real command line, whose work is one of these.
COMMAND = """
import hashlib, itertools, subprocess, sys, time
import rich_click as click
from sentio_mobile.cli.options import Command, Group
from sentio_mobile.cli.progress_bars import ProgressBars

def sleep():
    time.sleep(60)

def native():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # the main thread runs no Python code until it returns

def unclean():
    try:
        time.sleep(60)
    finally:
        native()

def pool():
    import math, multiprocessing
    from sentio_mobile._internal.workers import in_processes
    multiprocessing.current_process()._config["semprefix"] = "/" + sys.argv[4]
    for one in in_processes(math.factorial, itertools.count(), workers=2):
        print("ready", flush=True)

def child():
    process = subprocess.Popen(["sleep", "60"])
    print(process.pid, flush=True)
    process.wait()

@click.group(cls=Group)
def main():
    pass

@main.command(goes_on=sys.argv[2] == "goes on")
def work():
    with ProgressBars() as bars:
        bars.start("training", 9)
        bars.advance(note=sys.argv[3])
        if sys.argv[1] in ("sleep", "unclean"):
            print("ready", flush=True)
        globals()[sys.argv[1]]()

main(["work"])
"""


SEMAPHORES = Path("/dev/shm")


def stopped(
    number: int, work: str, how: str = "goes on", note: str = "epoch 7/30, CCC 0.31", *more: str
) -> tuple[int, str, float]:
    """Status, last line and seconds of a command that is sent a signal."""
    # As at a terminal: what a shell runs in the background is told to ignore interrupts, and so are these tests there.
    script = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{COMMAND}"
    command = [sys.executable, "-c", script, work, how, note, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        start = time.monotonic()
        process.send_signal(number)  # as `timeout` and terminals do
        _, errors = process.communicate()
        seconds = time.monotonic() - start
    if first.strip().isdigit():
        assert gone(int(first))
    lines = errors.splitlines()
    assert lines[0] == "training (9)"
    assert len(lines) == 2, errors
    return process.returncode, lines[1], seconds


@pytest.mark.parametrize("work", ["sleep", "native", "unclean", "child"])
@pytest.mark.parametrize(
    ("number", "status", "line"),
    [
        (signal.SIGINT, 130, "stopped at epoch 7; the same command goes on"),
        (signal.SIGTERM, 143, "stopped by SIGTERM at epoch 7; the same command goes on"),
    ],
)
def test_stopped_command_says_where_and_ends_within_two_seconds(number: int, status: int, line: str, work: str) -> None:
    found = stopped(number, work)
    assert found[:2] == (status, line)
    assert found[2] < 2


def test_stopped_command_that_cannot_go_on_says_so() -> None:
    found = stopped(signal.SIGTERM, "sleep", "starts again", "")
    assert found[:2] == (143, "stopped by SIGTERM at 1 of 9 (training); the same command starts again")


def test_signal_that_the_process_was_told_to_ignore_stays_ignored() -> None:
    script = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from sentio_mobile._internal.stopping import stoppable\n"
        "with stoppable():\n    os.kill(os.getpid(), signal.SIGINT)\n    print('goes on')"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout == "goes on\n"


@pytest.mark.skipif(not SEMAPHORES.is_dir(), reason="this system keeps named semaphores elsewhere")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_command_leaves_no_semaphores_of_its_pool_and_says_nothing_of_them(number: int) -> None:
    prefix = f"sentio-{uuid.uuid4().hex[:8]}"
    found = stopped(number, "pool", "goes on", "epoch 7/30, CCC 0.31", prefix)
    assert found[1].endswith("at epoch 7; the same command goes on")
    end = time.monotonic() + 20
    while left := list(SEMAPHORES.glob(f"sem.{prefix}*")):
        assert time.monotonic() < end, left
        time.sleep(0.05)
