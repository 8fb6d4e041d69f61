"""The process that runs artifacts: `sandboxed("sentio_mobile.formats.worker", ...)`. It serves one `RuntimeProcess`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.sandbox import address_space, limit_cpu, limit_memory
from sentio_mobile._internal.subprocesses import end_with_parent
from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.messages import Drop, Load, Reply, Request, Run, receive, receive_array, send
from sentio_mobile.formats.registry import get_format

MEMORY = 4 << 30
"""Bytes that all artifacts of a process may take together, beside their runtimes."""
LOAD_LIMIT_S = 120
"""Seconds of processor time for loading an artifact, the import of its runtime included."""

_MAX_ERROR = 1000


def main(descriptor: int) -> None:
    """Answer requests until the other side is gone.

    Args:
        descriptor: The process's end of the connection.
    """
    end_with_parent()
    connection, runners, runtimes = Connection(descriptor), dict[int, Runner](), _Runtimes()
    while True:
        try:
            request: Request = receive(connection, Request)  # type: ignore[arg-type]
        except EOFError:
            return
        if isinstance(request, Load):
            _load(connection, request, runners=runners, runtimes=runtimes)
        elif isinstance(request, Run):
            _run(connection, request, runners[request.number])
        else:
            assert isinstance(request, Drop)
            runners.pop(request.number, None)


class _Runtimes:
    """The packages that run artifacts, and the address space that they take: artifacts have `MEMORY` beside it."""

    def __init__(self) -> None:
        self.size = address_space()

    def load(self, packages: Iterable[str]) -> None:
        limit_memory(None)
        before = address_space()
        for package in packages:
            import_module(package)
        self.size += address_space() - before
        limit_memory(self.size + MEMORY)


def _load(connection: Connection, request: Load, *, runners: dict[int, Runner], runtimes: _Runtimes) -> None:
    def load() -> None:
        format_ = get_format(request.format)
        runtimes.load(format_.runtimes)
        runners[request.number] = format_.open(Path(request.path), request.spec, request.threads)

    limit_cpu(LOAD_LIMIT_S)
    error, seconds = _tried(load)
    send(connection, Reply(error=error, seconds=seconds))


def _run(connection: Connection, request: Run, runner: Runner) -> None:
    inputs = receive_array(connection, request.shape)
    outputs: list[NDArray[np.float32]] = []
    limit_cpu(request.limit_s)
    error, seconds = _tried(lambda: outputs.append(np.asarray(runner(inputs), np.float32)))
    array = None if error else outputs[0]
    send(connection, Reply(error=error, seconds=seconds, shape=() if array is None else array.shape), array)


def _tried(work: Callable[[], object]) -> tuple[str, float]:
    """Why work failed, empty if it did not, and the seconds that it took."""
    started = time.perf_counter()
    try:
        work()
    except MemoryError:
        return "it needs more memory than an artifact may take", 0.0
    except Exception as error:  # runtimes raise anything
        lines = str(error).strip().splitlines()
        return ((lines[0] if lines else "") or type(error).__name__)[:_MAX_ERROR], 0.0
    return "", time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]))
