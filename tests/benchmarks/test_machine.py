"""The load of the machine: what others take, and not what this process does itself."""

import os
import subprocess
import sys
import time

import pytest

from sentio_mobile.benchmarks.machine import LoadMeter


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.fixture
def one_core() -> object:
    """One core alone, so that what this process does itself is not lost among many."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system pins no process to a core")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("one_core")
def test_own_work_and_that_of_own_processes_is_no_load() -> None:
    meter = LoadMeter()
    # A fork of a process with threads may hang.
    program = "import time; end = time.monotonic() + 0.8\nwhile time.monotonic() < end: pass"
    with subprocess.Popen([sys.executable, "-c", program]):
        spin(0.7)
        share = meter.share()
    assert share is not None
    # Others may well be at work here: what counts is that a core that is full of our own work is not all theirs.
    assert share < 0.9


def test_others_work_is_load(monkeypatch: pytest.MonkeyPatch) -> None:
    # On the clock, all cores, in use, own: four cores for one second, two and a half in use, one of them by us.
    times = iter([(0.0, 100.0, 50.0, 10.0), (1.0, 104.0, 52.5, 11.0)])
    monkeypatch.setattr("sentio_mobile.benchmarks.machine._core_times", lambda: next(times))
    assert LoadMeter().share() == pytest.approx(1.5 / 4)


def test_a_moment_is_too_short_to_tell() -> None:
    assert LoadMeter().share() is None
