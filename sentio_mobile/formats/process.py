"""The one door to artifacts: they are checked, and run in a process that may write nothing and reach nothing.

A bundle comes from a stranger. `open_artifact` and `RuntimeProcess.open` refuse a file that asks for an operator which
is not on the list, and load the others in a process of their own (`sentio_mobile._internal.sandbox`), which stays warm:
a crash, a hang or an exploited runtime harms that process alone.
"""

from __future__ import annotations

import signal
import threading
import weakref
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.connected_process import end_connected, start_connected
from sentio_mobile._internal.sandbox import sandbox_environment, sandboxed, tell_of_missing_limits
from sentio_mobile._internal.subprocesses import environment, exit_cause
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.base import Format, require_packages
from sentio_mobile.formats.messages import Drop, Load, Reply, Run, receive, receive_array, send
from sentio_mobile.formats.operators.allow_list import check_operators
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Artifact, ModelSpec

RUN_LIMIT_S = 60
"""Seconds of processor time that a clip may take on each thread. The slowest interpreter here takes 5."""
WALL_FACTOR = 20
"""How much longer than its processor time something may take where other work shares the cores, before it is stuck."""
LOAD_WALL_S = 600.0


class RuntimeProcess:
    """A process for the artifacts of one folder. It starts at once, and ends with this object.

    After a crash, the next `open` starts another.
    """

    def __init__(self, folder: Path, *others: Path) -> None:
        """Start the process.

        Args:
            folder: The folder that it may read, beside Python and its packages.
            others: More such folders.
        """
        self._folders, self._lock, self._loaded = (folder, *others), threading.Lock(), 0
        self._start()

    def __enter__(self) -> RuntimeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._end()

    def open(self, artifact: Artifact, spec: ModelSpec, threads: int = 1, *, own: bool = False) -> ProcessRunner:
        """Check an artifact, and load it in the process.

        Args:
            artifact: An artifact in one of the folders.
            spec: The model's spec, in the artifact's form.
            threads: Number of threads that the runtime may use.
            own: Whether this program has just made the file, of a network that no bundle has: its operators may then
                be any. The process keeps its limits.

        Raises:
            MissingExtraError: The format's packages are not installed.
            BundleError: The artifact asks for an operator that is not on the list, or its runtime cannot load it.
        """
        format_ = get_format(artifact.format)
        require_packages(format_, format_.runtimes)
        if not own:
            check_operators(format_, artifact.path)
        with self._lock:
            if self._process.poll() is not None:
                self._end()
                self._start()
            self._loaded += 1
            number, path = self._loaded, artifact.path.resolve()
            self._ask(
                Load(number=number, format=format_.name, path=str(path), threads=threads, spec=spec),
                artifact=artifact,
                wall_s=LOAD_WALL_S,
            )
            return ProcessRunner(self, self._connection, artifact=artifact, number=number, threads=threads)

    def run(self, runner: ProcessRunner, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Run a loaded artifact: its output, and the seconds that it took in the process.

        Raises:
            BundleError: It failed, crashed, or took too long.
        """
        limit_s = RUN_LIMIT_S * max(1, len(inputs)) * runner.threads
        with self._lock:
            if runner.connection is not self._connection or self._process.poll() is not None:
                raise BundleError(f"{runner.artifact.path}: its process has ended; load it again")
            reply = self._ask(
                Run(number=runner.number, shape=inputs.shape, limit_s=limit_s),
                inputs,
                artifact=runner.artifact,
                wall_s=WALL_FACTOR * limit_s,
            )
            try:
                return receive_array(self._connection, reply.shape), reply.seconds
            except (ValueError, OSError, EOFError) as error:
                raise self._ended(runner.artifact, "sent no result") from error

    def drop(self, runner: ProcessRunner) -> None:
        """Let the process forget an artifact."""
        with self._lock:
            if runner.connection is self._connection and self._process.poll() is None:
                send(self._connection, Drop(number=runner.number))

    def _start(self) -> None:
        tell_of_missing_limits()
        self._process, self._connection = start_connected(
            lambda descriptor: sandboxed("sentio_mobile.formats.worker", descriptor, readable=self._folders),
            env=sandbox_environment(environment()),
            cwd="/",
        )
        self._end = weakref.finalize(self, end_connected, self._process, self._connection)

    def _ask(
        self,
        request: Load | Run,
        array: NDArray[np.float32] | None = None,
        *,
        artifact: Artifact,
        wall_s: float,
    ) -> Reply:
        try:
            send(self._connection, request, array)
            if not self._connection.poll(wall_s):
                raise self._ended(artifact, f"gave no answer for {wall_s:,.0f} s")
            reply = receive(self._connection, Reply)
        except (OSError, EOFError) as error:
            raise self._ended(artifact, None) from error
        if reply.error:
            # Formats name the file in their errors; other exceptions do not.
            text = reply.error if str(artifact.path) in reply.error else f"{artifact.path}: {reply.error}"
            raise BundleError("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
        return reply

    def _ended(self, artifact: Artifact, fault: str | None) -> BundleError:
        """The error for a process that is gone, or is ended here."""
        if fault is None:
            status = self._process.wait()
            is_slow = -status in (signal.SIGXCPU, signal.SIGKILL)
            fault = (
                "took too much time or memory" if is_slow else exit_cause(status, 0) or f"ended with status {status}"
            )
        self._end()
        return BundleError(f"{artifact.path}: its {artifact.format} runtime {fault}; do not use it, or export it again")


class ProcessRunner:
    """An artifact that was loaded in a process: a `Runner` that also measures time there."""

    def __init__(
        self, process: RuntimeProcess, connection: Connection, *, artifact: Artifact, number: int, threads: int
    ) -> None:
        self.process, self.connection = process, connection
        self.artifact, self.number, self.threads = artifact, number, threads

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict, as `Runner` does.

        Raises:
            BundleError: The artifact failed, crashed, or took too long.
        """
        return self.process.run(self, inputs)[0]

    def seconds(self, inputs: NDArray[np.float32]) -> float:
        """The time of one prediction, measured in the process: without the way there and back."""
        return self.process.run(self, inputs)[1]

    def close(self) -> None:
        """Let the process forget the artifact, and free its memory."""
        self.process.drop(self)


def open_artifact(artifact: Artifact, spec: ModelSpec, threads: int = 1) -> ProcessRunner:
    """Check an artifact, and load it in a process that ends when the runner does.

    Args:
        artifact: The artifact.
        spec: The model's spec, in the artifact's form.
        threads: Number of threads that the runtime may use.

    Raises:
        MissingExtraError: The format's packages are not installed.
        BundleError: The artifact asks for an operator that is not on the list, or its runtime cannot load it.
    """
    return RuntimeProcess(artifact.path.parent).open(artifact, spec, threads)


def check_artifact(artifact: Artifact) -> Format:
    """Make sure that an artifact asks for nothing that is not on the list, without running it.

    Raises:
        BundleError: It does.
    """
    format_ = get_format(artifact.format)
    check_operators(format_, artifact.path)
    return format_
