"""Work in processes: all results, errors as they were raised, and a clear line for a process that is killed."""

import math
import os
import sys
from pathlib import Path

import pytest

from sentio_mobile._internal.workers import in_processes, in_threads, usable_cores, useful_workers
from sentio_mobile.errors import WorkerError

LIMIT = sys.getrecursionlimit()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_gives_its_result(workers: int) -> None:
    found = in_processes(math.factorial, range(12), workers=workers, start=sys.setrecursionlimit, arguments=(LIMIT,))
    assert sorted(found) == [math.factorial(n) for n in range(12)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_raised_here(workers: int) -> None:
    with pytest.raises(ValueError, match="factorial"):
        list(in_processes(math.factorial, [3, -1], workers=workers, start=sys.setrecursionlimit, arguments=(LIMIT,)))


def test_a_killed_process_is_one_line() -> None:
    with pytest.raises(WorkerError, match="fewer workers"):
        list(in_processes(os._exit, [1], workers=2, start=sys.setrecursionlimit, arguments=(LIMIT,)))


def end_on_three(number: int) -> int:
    if number == 3:
        os._exit(1)
    return 10 * number


def test_results_come_in_order_and_an_item_that_ends_its_process_costs_itself() -> None:
    found = in_processes(end_on_three, range(6), workers=2, ordered=True, lost=lambda number: -number)
    assert list(found) == [0, 10, 20, -3, 40, 50]


def test_processes_are_started_where_they_are_worth_it() -> None:
    assert useful_workers(5) == 1
    assert useful_workers(10_000) == usable_cores()
    assert useful_workers(5, workers=8) == 5


def test_threads_start_only_a_few_items_ahead() -> None:
    begun: list[int] = []
    answers = in_threads(lambda i: begun.append(i) or i, range(1000))
    assert next(answers) == 0
    assert len(begun) < 50
    assert list(answers) == list(range(1, 1000))


def test_there_is_a_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_an_interrupt_at_the_terminal_is_not_the_workers_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # Ctrl-C reaches the whole group, also a worker that is still being loaded: here as early as Python runs anything.
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert sorted(in_processes(math.factorial, range(4), workers=2)) == [1, 1, 2, 6]
    assert capfd.readouterr().err == ""
