"""What this machine can do at most: matrix products and copies of memory, and how near a network comes to it.

`python -m sentio_mobile.benchmarks.roofs` is the process that measures, with one thread or as many as its environment
says: numpy's BLAS takes its number of threads when it is loaded.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, NonNegative, Record, from_plain, json_bytes
from sentio_mobile._internal.subprocesses import environment
from sentio_mobile.errors import CheckFailedError, InputError

SIDE = 512
"""Side of the square matrices: three of them fit into a cache, and other work seldom interrupts a product."""
COPIED, PART = 256 * 1024 * 1024, 8 * 1024 * 1024
"""Bytes that are copied, more than any cache holds, and of one piece, whose copy other work seldom interrupts."""
PRODUCTS, COPIES = 400, 4
LIMIT_S = 300.0

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class RoofPoint(Record, frozen=True, kw_only=True):
    """How near one artifact comes to the roofs."""

    label: Name  # label of the artifact
    gflops: NonNegative  # 10^9 floating-point operations a second, at the median latency
    # Floating-point operations for each byte of the file: each weight is read once a clip, and what else is read and
    # written is not counted.
    intensity: NonNegative
    share: NonNegative  # of what the roofs allow at that intensity; 8-bit products can exceed 1


class Roofs(Record, frozen=True, kw_only=True):
    """The most that a machine does: the best of repeated measurements."""

    gflops: NonNegative  # 10^9 floating-point operations a second of a product of 32-bit matrices
    gigabytes: NonNegative  # 10^9 bytes a second that a copy reads and writes

    def at(self, intensity: float) -> float:
        """GFLOP/s that can be reached at so many operations for each byte of memory."""
        return min(self.gflops, intensity * self.gigabytes)


class Roofline(Record, frozen=True, kw_only=True):
    """The machine's roofs, and the bundle's artifacts below them (Williams et al. 2009)."""

    roofs: Roofs  # what the machine can do
    multiply_accumulates: Count  # of one clip, without the front end
    points: Annotated[tuple[RoofPoint, ...], Meta(max_length=1000)]  # the artifacts that were timed


def roof_point(label: str, operations: int, *, size: int, milliseconds: float, roofs: Roofs) -> RoofPoint:
    """Where an artifact stands.

    Args:
        label: Its label.
        operations: Its multiply-accumulates.
        size: Its bytes.
        milliseconds: The median of its latency.
        roofs: The machine's roofs.
    """
    gflops, intensity = 2 * operations / milliseconds / 1e6, 2 * operations / size
    return RoofPoint(label=label, gflops=gflops, intensity=intensity, share=gflops / roofs.at(intensity))


def measure_roofs(threads: int) -> Roofs:
    """Measure in a fresh process.

    Raises:
        CheckFailedError: It failed, or took too long.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sentio_mobile.benchmarks.roofs"],
            env=environment() | dict.fromkeys(THREADS, str(threads)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise CheckFailedError(f"the machine's roofs could not be measured: status {done.returncode}")
        return from_plain(Roofs, msgspec.json.decode(done.stdout), "the machine's roofs")
    except subprocess.TimeoutExpired as error:
        raise CheckFailedError(f"the machine's roofs were not measured within {LIMIT_S:.0f} s") from error
    except (msgspec.DecodeError, InputError) as error:
        raise CheckFailedError("the machine's roofs could not be measured: there is no result") from error


def _best(work: Sequence[Callable[[], object]]) -> float:
    """Seconds of the quickest piece of work: whatever else a machine does only adds to them."""
    found = []
    for one in work:
        started = time.perf_counter()
        one()
        found.append(time.perf_counter() - started)
    return min(found)


def _main() -> None:
    random = np.random.default_rng(0)
    a, b = (random.random((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    product = np.empty_like(a)
    seconds = _best([lambda: np.matmul(a, b, out=product)] * PRODUCTS)
    source = np.ones((COPIED // PART, PART // 4), np.float32)
    # Written once before, so that every page is there.
    target = np.zeros_like(source) + 1
    # Each piece was touched last a whole round ago: no cache has it.
    copying = _best([partial(np.copyto, to, of) for _ in range(COPIES) for to, of in zip(target, source, strict=True)])
    roofs = Roofs(gflops=2 * SIDE**3 / seconds / 1e9, gigabytes=2 * PART / copying / 1e9)
    print(json_bytes(roofs).decode())


if __name__ == "__main__":
    _main()
