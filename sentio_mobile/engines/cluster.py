"""Ray: a cluster to work on, or this machine's cores, and shards made by actors that hold the models."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sentio_mobile
from sentio_mobile import errors
from sentio_mobile._internal.shards import arrow
from sentio_mobile._internal.workers import usable_cores
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.work import Item, Made, ShardWork, make_shard
from sentio_mobile.errors import InputError, MissingExtraError, SentioError, WorkerError

S = TypeVar("S")

LOCAL = "local"
"""The address that means: this machine's cores, without a cluster."""

_DEATHS = 3
"""Workers that may die over a shard before it is set aside, to be made in parts."""

_ANSWER_S = 10.0
"""Seconds that a cluster has to take a connection."""

_OBJECTS = 128 * 1024 * 1024
"""Bytes of Ray's object store on this machine alone: only lists of songs pass through it."""

_SETTINGS = {
    # Ray reports usage to its makers, and speaks of its inner state, unless it is told not to.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_LOG_LEVEL": "ERROR",
    # Ray's workers would wait for everything else on the machine.
    "RAY_worker_niceness": "0",
    # A busy machine needs longer to start than the 30 s that Ray waits.
    "RAY_raylet_start_wait_time_s": "300",
}
"""Environment variables of Ray, where they are not set."""


@contextmanager
def session(address: str | None) -> Iterator[int]:
    """Connect to a cluster, or start Ray on this machine, for as long as the block lasts.

    Args:
        address: HOST:PORT of a cluster's head, "auto" for the cluster that this machine belongs to, or "local"; None
            takes the variable RAY_ADDRESS, and without it "local".

    Yields:
        Number of cores that workers may have now.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: There is no cluster at the address.
        WorkerError: Ray does not start on this machine.
    """
    place = address or os.environ.get("RAY_ADDRESS") or LOCAL
    _require_answer(place)
    ray = _import_ray()
    own = {"num_cpus": usable_cores(), "object_store_memory": _OBJECTS, "include_dashboard": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _no_stderr(), _own_sigterm():
                ray.init(
                    address=place,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **(own if place == LOCAL else {}),
                )
        except (ConnectionError, ValueError, RuntimeError) as error:
            if place == LOCAL:
                raise _cannot_start(error) from error
            raise _no_answer(place, error) from error
        except Exception as error:
            # Ray has no class of its own for a node that does not come up in time.
            raise _cannot_start(error) from error
        try:
            yield int(ray.cluster_resources().get("CPU", 1))
        finally:
            ray.shutdown()


def make_shards(work: ShardWork[S], shards: Sequence[Sequence[Item[S]]], out: Place, *, workers: int) -> Iterator[Made]:
    """Make shards on the cluster that this process is connected to, in any order.

    A worker that dies loses the shard that it is at, which another one makes again. A shard over which several
    workers died is left out.

    Args:
        work: The stage.
        shards: The songs of each shard.
        out: Folder of the shards.
        workers: Workers to begin with; there are more where the cluster grows.

    Raises:
        SentioError: A worker cannot open the stage's models, or write.
        WorkerError: Ray gave up.
    """
    ray, pa = _import_ray(), arrow("work on a cluster")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1
    blocks = [
        pa.table({"item": pa.array([pickle.dumps(item) for item in shard], type=pa.binary())}) for shard in shards
    ]
    made = ray.data.from_arrow(blocks).map_batches(
        _Worker,
        fn_constructor_args=(work, out, sentio_mobile.__version__),
        # One block is one shard.
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=min(workers, len(shards))),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=_DEATHS - 1,
    )
    try:
        for batch in made.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for row in batch.to_pylist():
                if row["error"]:
                    raise _error(row["error"], row["message"])
                yield Made(row["name"], row["songs"], tuple(row["faults"]))
    except ray.exceptions.RayError as error:
        raise WorkerError(f"Ray gave up ({_first_line(error)}); what is done stays: give the command again") from error


class _Worker:
    """An actor: it loads the models at its first shard, and keeps them."""

    def __init__(self, work: ShardWork[Any], out: Place, version: str) -> None:
        self._work, self._out, self._version, self._open = work, out, version, False

    def __call__(self, batch: Any) -> Any:
        pa = arrow("work on a cluster")
        items = [pickle.loads(item) for item in batch.column("item").to_pylist()]
        made, error, message = Made("", 0, ()), "", ""
        try:
            made = self._make(items)
        except SentioError as fault:
            error, message = type(fault).__name__, str(fault)
        except Exception as fault:
            # An exception would count as the death of a worker, and be passed over.
            at = traceback.extract_tb(fault.__traceback__)[-1]
            error = WorkerError.__name__
            message = f"a worker failed: {type(fault).__name__}: {_first_line(fault)} ({at.filename}:{at.lineno})"
        return pa.table(
            {
                "name": [made.name],
                "songs": [made.songs],
                "faults": pa.array([list(made.faults)], type=pa.list_(pa.string())),
                "error": [error],
                "message": [message],
            }
        )

    def _make(self, items: Sequence[Item[Any]]) -> Made:
        from threadpoolctl import threadpool_limits

        if not self._open:
            if sentio_mobile.__version__ != self._version:
                raise InputError(
                    f"the machine {os.uname().nodename} has sentio-mobile {sentio_mobile.__version__}, the one that "
                    f"gave the command {self._version}; install the same on all machines"
                )
            self._work.open()
            self._open = True
        with threadpool_limits(1):
            return make_shard(self._work, items, self._out)


def _require_answer(place: str) -> None:
    """Refuse a HOST:PORT at which nothing answers: Ray would try again for more than five minutes.

    Raises:
        InputError: Nothing answers.
    """
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise _no_answer(place, error) from error


def _no_answer(place: str, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or _first_line(error)
    return InputError(
        f"no Ray cluster answers at {place} ({reason}); start one with `ray start --head`, or leave --address out"
    )


def _cannot_start(error: Exception) -> WorkerError:
    return WorkerError(
        f"Ray does not start on this machine ({_first_line(error)}); give the command again, or use --engine local"
    )


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's handler of SIGTERM, for which Ray puts its own, with another exit status."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        # Neither Ray nor anybody else can set one elsewhere.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Keep what Ray's own libraries write past Python, such as a line that their log is off, from the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _import_ray() -> Any:
    os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})
    arrow("--engine ray")
    try:
        with warnings.catch_warnings():
            # Ray Data uses its own deprecated settings.
            warnings.simplefilter("ignore")
            import ray
            import ray.data

            ray.data.DataContext.get_current()
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "--engine ray") from error
    return ray


def _error(name: str, message: str) -> SentioError:
    kind = getattr(errors, name, SentioError)
    # These two are made from other things than a message.
    return SentioError(message) if kind in (MissingExtraError, errors.LossError) else kind(message)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
