"""Work in several processes, one for each usable core, each of which uses its core alone."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, cast

from threadpoolctl import threadpool_limits

from sentio_mobile._internal.stopping import Stopped
from sentio_mobile.errors import WorkerError

T = TypeVar("T")
U = TypeVar("U")

_ITEMS_WORTH_A_PROCESS = 24
"""Items for which a process is started: loading the libraries takes as long as about so many songs."""

_END = object()
"""Stands after the last item."""


def usable_cores() -> int:
    """Logical cores that this process may use; in a container they can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def useful_workers(items: int, workers: int | None = None) -> int:
    """Number of processes that are worth their start for so many items of a few hundredths of a second each.

    Args:
        items: Number of items.
        workers: Number of processes that was asked for; by default one for each usable core.
    """
    if workers is not None:
        return max(1, min(workers, items))
    return max(1, min(usable_cores(), items // _ITEMS_WORTH_A_PROCESS))


def in_processes(
    work: Callable[[T], U],
    items: Iterable[T],
    *,
    workers: int,
    start: Callable[..., None] | None = None,
    arguments: tuple[object, ...] = (),
    ordered: bool = False,
    lost: Callable[[T], U] | None = None,
) -> Generator[U]:
    """Call `work` on each item in processes, and yield the results as they come, or in the order of the items.

    Only a few items are sent out before their results are taken. An interrupt ends the workers at once, and they end
    with this process too, however it ends.

    Args:
        work: A function of a module, which processes find by its name, or a `partial` of one. An exception that it
            raises is raised here.
        items: What it is called on.
        workers: Number of processes, whose numeric libraries have one thread each; 1 works in this process.
        start: Called once in each process, before the first item.
        arguments: What `start` is called with.
        ordered: Whether results come in the order of the items.
        lost: Gives the result of an item on which a process ended, such as a file that makes a decoder crash. The other
            items are worked on by new processes.

    Raises:
        WorkerError: A process was killed, for example because memory was short, and there is no `lost`.
    """
    if workers == 1:
        with threadpool_limits(1):
            if start:
                start(*arguments)
            yield from map(work, items)
        return
    window = (4 if ordered else 2) * workers
    waiting: dict[Future[U], T] = {}
    others = set(multiprocessing.active_children())
    pool = _pool(workers, start, arguments)
    try:
        for item in itertools.chain(items, [_END]):
            if item is not _END:
                waiting[_submit(pool, work, cast(T, item))] = cast(T, item)
                if len(waiting) <= window:
                    continue
            while waiting and (item is _END or len(waiting) > window):
                done = [next(iter(waiting))] if ordered else wait(waiting, return_when=FIRST_COMPLETED).done
                try:
                    results = [(future, future.result()) for future in done]
                except BrokenProcessPool as error:
                    if lost is None:
                        raise _killed() from error
                    pool.shutdown(cancel_futures=True)
                    suspects, waiting = list(waiting.values()), {}
                    for suspect in suspects:
                        yield _alone(work, suspect, start=start, arguments=arguments, lost=lost)
                    pool = _pool(workers, start, arguments)
                    continue
                for future, result in results:
                    del waiting[future]
                    yield result
    except (KeyboardInterrupt, Stopped):
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def in_threads(work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Call `work` on each item in threads, one for each usable core, and yield the results in the order of the items.

    For work on what cannot be sent to other processes. Only a few items are started before their results are taken. The
    linear algebra library gets one thread meanwhile, because its threads wait by spinning and would take the cores from
    the workers.
    """
    workers = usable_cores()
    waiting: deque[Future[U]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _pool(workers: int, start: Callable[..., None] | None, arguments: tuple[object, ...]) -> ProcessPoolExecutor:
    # Forked processes would hang where a library's threads held a lock at that moment.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(start, arguments))


def _submit(pool: ProcessPoolExecutor, work: Callable[[T], U], item: T) -> Future[U]:
    """Send an item out. A process that is started for it never hears Ctrl-C, which its parent answers."""
    if not hasattr(signal, "pthread_sigmask"):
        return pool.submit(work, item)
    # Blocked signals stay blocked in what is started, from its first moment on. Here they wait for a few milliseconds.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work, item)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _alone(
    work: Callable[[T], U],
    item: T,
    *,
    start: Callable[..., None] | None,
    arguments: tuple[object, ...],
    lost: Callable[[T], U],
) -> U:
    """Work on an item in a process of its own, because one of several items ended theirs."""
    with _pool(1, start, arguments) as pool:
        try:
            return _submit(pool, work, item).result()
        except BrokenProcessPool:
            return lost(item)


def _killed() -> WorkerError:
    return WorkerError(
        "a worker process ended before its work did, probably because memory was short; try again with fewer workers "
        "(in a script of your own, call this below `if __name__ == '__main__':`)"
    )


def _begin(start: Callable[..., None] | None, arguments: tuple[object, ...]) -> None:
    # Numeric libraries that are loaded later read the variable; those that are loaded already are told.
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what `_submit` does, where there is no mask
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start:
        start(*arguments)


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
