"""Latency: the time of one prediction, measured for all models under the same conditions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import NonNegative, Record
from sentio_mobile.errors import InputError
from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.process import ProcessRunner
from sentio_mobile.metrics.bootstrap import RESAMPLES, Interval, interval_of

MIN_RUNS = 50
"""With fewer timed runs, p99 is not even the slowest of them."""
MAX_RUNS = 1_000_000
BLOCK = 10
"""Consecutive runs that are drawn together: other work on a machine slows several runs in a row."""


class Latency(Record, frozen=True, kw_only=True):
    """Time of one prediction, from a model's input to valence and arousal, in milliseconds."""

    p50_ms: NonNegative  # median
    p90_ms: NonNegative  # 90th percentile: nine of ten predictions take at most this long
    p99_ms: NonNegative  # 99th percentile
    runs: Annotated[int, Meta(ge=MIN_RUNS, le=MAX_RUNS)]  # number of timed runs
    # 95% interval of p90: how far it moves when stretches of consecutive runs are drawn again. None in old records.
    p90_low_ms: NonNegative | None = None  # lower end
    p90_high_ms: NonNegative | None = None  # upper end


def check_runs(runs: int) -> None:
    """Check that there are enough runs for percentiles.

    Raises:
        InputError: There are too few or too many.
    """
    if not MIN_RUNS <= runs <= MAX_RUNS:
        raise InputError(f"latency needs at least {MIN_RUNS} runs, not {runs}; {MAX_RUNS:,} are the most")


def measure_latency(
    runners: Mapping[str, Runner],
    inputs: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    runs: int,
    warm_up: int,
    progress: Progress | None = None,
) -> dict[str, Latency]:
    """Percentiles of the times of each runner. The arguments are those of `time_in_turns`.

    Raises:
        InputError: `runs` is out of its range.
    """
    times = time_in_turns(runners, inputs, runs=runs, warm_up=warm_up, progress=progress)
    return {name: percentiles_of(values) for name, values in times.items()}


def time_in_turns(
    runners: Mapping[str, Runner],
    inputs: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    runs: int,
    warm_up: int,
    progress: Progress | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Time all runners in turns, in milliseconds [runs]: each round runs every runner once, in random order.

    Taking turns, all runners suffer equally from other work on the machine, so that their ratios hold where the times
    do not. The order is random because a runner pays for the caches that the one before it left.

    Args:
        runners: Runners by name.
        inputs: Inputs of each runner by its name, used one after another.
        runs: Timed runs of each runner, at least `MIN_RUNS`.
        warm_up: Runs of each runner before the timed ones.
        progress: Updated after each round.

    Raises:
        InputError: `runs` is out of its range.
    """
    check_runs(runs)
    progress = progress or NoProgress()
    order, names = np.random.default_rng(0), list(runners)
    times: dict[str, list[float]] = {name: [] for name in names}
    progress.start("latency", warm_up + runs)
    for i in range(-warm_up, runs):
        for name in order.permutation(names):
            inputs_ = inputs[name][i % len(inputs[name])]
            seconds = _seconds(runners[name], inputs_)
            if i >= 0:
                times[name].append(seconds * 1000)
        progress.advance()
    progress.finish()
    return {name: np.array(values) for name, values in times.items()}


def ratio_of(times: NDArray[np.float64], base: NDArray[np.float64], seed: int = 0) -> Interval:
    """Ratio of two runners' median times, with a bootstrap 95% interval over rounds.

    Args:
        times: Times of the one, by round.
        base: Times of the other, in the same rounds.
        seed: Random seed of the bootstrap.
    """
    rounds = np.random.default_rng(seed).integers(0, len(base), size=(RESAMPLES, len(base)))
    ratios = np.median(times[rounds], axis=1) / np.median(base[rounds], axis=1)
    return interval_of(np.concatenate([[np.median(times) / np.median(base)], ratios]))


def p90_interval(times: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95% interval of the 90th percentile of consecutive runs, by a moving-block bootstrap (Kuensch 1989).

    Args:
        times: Milliseconds of each run, in the order of the runs.
        seed: Random seed of the bootstrap.
    """
    block = min(BLOCK, len(times))
    blocks = np.lib.stride_tricks.sliding_window_view(times, block)
    drawn = np.random.default_rng(seed).integers(0, len(blocks), size=(RESAMPLES, -(-len(times) // block)))
    resamples = blocks[drawn].reshape(RESAMPLES, -1)[:, : len(times)]
    p90 = np.percentile(resamples, 90, axis=1, method="higher")
    low, high = np.percentile(p90, (2.5, 97.5))
    return float(low), float(high)


def _seconds(runner: Runner, inputs: NDArray[np.float32]) -> float:
    """The time of one run. An artifact in another process measures it there: the way to it is no part of the model."""
    if isinstance(runner, ProcessRunner):
        return runner.seconds(inputs)
    started = time.perf_counter()
    runner(inputs)
    return time.perf_counter() - started


def percentiles_of(values: NDArray[np.float64]) -> Latency:
    """Percentiles of the times of consecutive runs, in milliseconds."""
    # `higher` gives a time that was measured, on the pessimistic side, instead of a mixture of two.
    p50, p90, p99 = (float(p) for p in np.percentile(values, (50, 90, 99), method="higher"))
    low, high = p90_interval(values)
    return Latency(p50_ms=p50, p90_ms=p90, p99_ms=p99, runs=len(values), p90_low_ms=low, p90_high_ms=high)
