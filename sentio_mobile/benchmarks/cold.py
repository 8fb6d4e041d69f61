"""Cold start: what an app pays when it first uses a model. Loading, first prediction and memory, in a fresh process.

`python -m sentio_mobile.benchmarks.cold FOLDER` is that process: it reads job.json and input.npy, and prints the
result. It may write nothing, for the artifact may be a stranger's. Nothing here may import torch, or every runtime
would seem to need torch's memory.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import psutil
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import scratch_folder
from sentio_mobile._internal.records import (
    Finite,
    Name,
    NonNegative,
    Record,
    Text,
    from_plain,
    json_bytes,
    read_record,
    write_record,
)
from sentio_mobile._internal.sandbox import address_space, limit_memory, sandbox_environment, sandboxed
from sentio_mobile._internal.subprocesses import environment
from sentio_mobile.errors import CheckFailedError, InputError, SentioError
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Artifact, ModelSpec

JOB, INPUT = "job.json", "input.npy"

_MAX_MEMORY = 16 << 30
"""Bytes of address space for the runtime and the artifact."""


class ColdStart(Record, frozen=True, kw_only=True):
    """Medians over fresh processes. MB are 10^6 bytes."""

    # Loading the artifact in a bare interpreter, the import of the runtime's Python package included.
    load_ms: NonNegative
    # Loading the same artifact again in the same process, which is nearer to what an app waits for.
    reload_ms: NonNegative
    first_ms: NonNegative  # the first prediction
    peak_mb: NonNegative  # peak resident memory of the process up to that prediction
    added_mb: Finite  # peak memory minus that of the interpreter with numpy alone


class ColdJob(Record, frozen=True, kw_only=True):
    """What a fresh process loads."""

    format: Name  # name of the artifact's format
    path: Text  # absolute path of the artifact
    threads: Annotated[int, Meta(ge=1, le=1024)]  # threads that the runtime may use
    spec: ModelSpec  # spec of the artifact


def measure_cold(
    artifact: Artifact,
    spec: ModelSpec,
    *,
    example: NDArray[np.float32],
    threads: int,
    starts: int,
    limit_s: float,
) -> ColdStart:
    """Start an artifact in several fresh processes, one after another.

    Args:
        artifact: The artifact.
        spec: Its spec.
        example: One input, in the spec's input shape.
        threads: Threads that the runtime may use.
        starts: Number of processes.
        limit_s: Time limit of each process, in seconds.

    Raises:
        CheckFailedError: A process could not load or run the artifact, crashed, or exceeded the limit.
    """
    results = [_start(artifact, spec, example=example, threads=threads, limit_s=limit_s) for _ in range(starts)]
    fields = ColdStart.__struct_fields__
    return ColdStart(**{name: statistics.median(getattr(one, name) for one in results) for name in fields})


def _start(
    artifact: Artifact, spec: ModelSpec, *, example: NDArray[np.float32], threads: int, limit_s: float
) -> ColdStart:
    with scratch_folder() as folder:
        job = ColdJob(format=artifact.format, path=str(artifact.path.resolve()), threads=threads, spec=spec)
        write_record(folder / JOB, job)
        np.save(folder / INPUT, example)
        try:
            process = subprocess.run(
                sandboxed("sentio_mobile.benchmarks.cold", str(folder), readable=[folder, artifact.path]),
                cwd="/",
                env=sandbox_environment(environment()),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckFailedError(f"{artifact.label}: a cold start took more than {limit_s:.0f} s") from error
        if process.returncode != 0:
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise CheckFailedError(f"{artifact.label}: a cold start ended with status {process.returncode}: {last}")
        try:
            return from_plain(ColdStart, msgspec.json.decode(process.stdout), artifact.label)
        except (msgspec.DecodeError, InputError) as error:
            raise CheckFailedError(f"{artifact.label}: a cold start gave no result") from error


def _main(folder: Path) -> None:
    job, example = read_record(ColdJob, folder / JOB), np.load(folder / INPUT)
    baseline = psutil.Process().memory_info().rss
    limit_memory(address_space() + _MAX_MEMORY)
    started = time.perf_counter()
    format_ = get_format(job.format)
    run = format_.open(Path(job.path), job.spec, job.threads)
    loaded = time.perf_counter()
    run(example)
    predicted = time.perf_counter()
    # Read before the second load, which would add to the peak.
    peak = _peak_memory()
    reloading = time.perf_counter()
    format_.open(Path(job.path), job.spec, job.threads)
    reloaded = time.perf_counter()
    result = ColdStart(
        load_ms=(loaded - started) * 1000,
        reload_ms=(reloaded - reloading) * 1000,
        first_ms=(predicted - loaded) * 1000,
        peak_mb=peak / 1e6,
        added_mb=(peak - baseline) / 1e6,
    )
    print(json_bytes(result).decode())


def _peak_memory() -> int:
    """Peak resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its maximum is inherited from the process that started this one.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    try:
        _main(Path(sys.argv[1]))
    except SentioError as fault:
        sys.exit(str(fault))
