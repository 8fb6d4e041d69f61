"""What an app pays when it first uses a model: loading, the first answer, and memory, each in a fresh process.

`python -m sentio_mobile.benchmarks.cold FOLDER` is that process: it reads job.json and input.npy, and writes
result.json. Nothing here may import torch, or every runtime would seem to need torch's memory.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile._internal.subprocesses import environment
from sentio_mobile._internal.tables import read_table
from sentio_mobile.errors import CheckFailedError, InputError, SentioError
from sentio_mobile.formats.base import get_format
from sentio_mobile.spec import Artifact, ModelSpec

JOB, GIVEN, RESULT = "job.json", "input.npy", "result.json"


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """Medians over fresh processes.

    `load_ms` goes from a bare interpreter to a runner that is ready, the import of the runtime's Python package
    included; `reload_ms` loads the file once more in the same process, which is nearer to what an app waits for.
    `first_ms` is the first answer. `peak_mb` (10^6 bytes) is the largest resident memory of the whole process up to
    that answer and `added_mb` what it has above the interpreter with numpy alone.
    """

    load_ms: float
    reload_ms: float
    first_ms: float
    peak_mb: float
    added_mb: float


def measure_cold(
    artifact: Artifact, spec: ModelSpec, *, given: NDArray[np.float32], threads: int, starts: int, limit_s: float
) -> ColdStart:
    """Start an artifact in fresh processes, one after another.

    Args:
        artifact: what to start.
        spec: its spec.
        given: one clip in the spec's input shape.
        threads: threads that the runtime may use.
        starts: number of processes.
        limit_s: seconds that each may take.

    Raises:
        CheckFailedError: a process could not load or run the artifact, died, or took longer than the limit.
    """
    measured = [_start(artifact, spec, given=given, threads=threads, limit_s=limit_s) for _ in range(starts)]
    return ColdStart(**{name: statistics.median(getattr(m, name) for m in measured) for name in asdict(measured[0])})


def _start(
    artifact: Artifact, spec: ModelSpec, *, given: NDArray[np.float32], threads: int, limit_s: float
) -> ColdStart:
    with tempfile.TemporaryDirectory(prefix="sentio-cold-") as place:
        folder = Path(place)
        job = {"format": artifact.format, "path": str(artifact.path.resolve()), "threads": threads}
        write_json(folder / JOB, {**job, "spec": spec.to_dict()})
        np.save(folder / GIVEN, given)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "sentio_mobile.benchmarks.cold", place],
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckFailedError(f"{artifact.label}: a cold start took more than {limit_s:.0f} s") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise CheckFailedError(f"{artifact.label}: a cold start ended with status {done.returncode}: {last}")
        return read_table(ColdStart, read_json(folder / RESULT, InputError), RESULT, complete=True)


def _main(folder: Path) -> None:
    job = json.loads((folder / JOB).read_text())
    spec, given, path = ModelSpec.from_dict(job["spec"]), np.load(folder / GIVEN), Path(job["path"])
    baseline = psutil.Process().memory_info().rss
    started = time.perf_counter()
    format_ = get_format(job["format"])
    run = format_.open(path, spec, job["threads"])
    loaded = time.perf_counter()
    run(given)
    answered = time.perf_counter()
    # Before the second load, which would add to the peak.
    peak = _peak_memory()
    again = time.perf_counter()
    format_.open(path, spec, job["threads"])
    reloaded = time.perf_counter()
    cold = ColdStart(
        load_ms=(loaded - started) * 1000,
        reload_ms=(reloaded - again) * 1000,
        first_ms=(answered - loaded) * 1000,
        peak_mb=peak / 1e6,
        added_mb=(peak - baseline) / 1e6,
    )
    write_json(folder / RESULT, asdict(cold))


def _peak_memory() -> int:
    """Bytes of this process's largest resident memory so far."""
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
