"""Work in several processes, one for each usable core, each of which uses its core alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from threadpoolctl import threadpool_limits

from sentio_mobile.errors import WorkerError

T = TypeVar("T")
U = TypeVar("U")


def usable_cores() -> int:
    """Logical cores that this process may use; in a container they can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    work: Callable[[T], U],
    items: Iterable[T],
    *,
    workers: int,
    start: Callable[..., None],
    arguments: tuple[object, ...],
) -> Generator[U]:
    """Call `work` on each item in processes, and yield the results as they come, in any order.

    Only a few items are sent out before their results are taken. An interrupt ends the workers after the items that
    they are at. They end with this process too, however it ends.

    Args:
        work: A function of a module, which processes find by its name. An exception that it raises is raised here.
        items: What it is called on.
        workers: Number of processes, whose numeric libraries have one thread each; 1 works in this process.
        start: Called once in each process, before the first item.
        arguments: What `start` is called with.

    Raises:
        WorkerError: A process was killed, for example because memory was short.
    """
    if workers == 1:
        with threadpool_limits(1):
            start(*arguments)
            yield from map(work, items)
        return
    # Forked processes would hang where a library's threads held a lock at that moment.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(start, arguments))
    waiting: set[Future[U]] = set()
    try:
        for item in items:
            waiting.add(pool.submit(work, item))
            if len(waiting) > 2 * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process ended before its work did, probably because memory was short; try again with fewer "
            "workers (in a script of your own, call this below `if __name__ == '__main__':`)"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(start: Callable[..., None], arguments: tuple[object, ...]) -> None:
    # Numeric libraries that are loaded later read the variable; those that are loaded already are told.
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
    # An interrupt at the terminal reaches the workers too. The process that started them decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start(*arguments)


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
