"""Work in processes: all results, errors as they were raised, and a clear line for a process that is killed."""

import math
import os
import sys

import pytest

from sentio_mobile._internal.workers import in_processes, usable_cores
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


def test_there_is_a_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
