"""How long one answer takes, with every artifact under the same conditions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.errors import InputError
from sentio_mobile.formats.base import Runner
from sentio_mobile.metrics.bootstrap import RESAMPLES, Interval, interval_of

FEWEST_RUNS = 50
"""With fewer runs p99 is not even the slowest of them."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one answer, from a model's input to valence and arousal, over `runs` runs."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    runs: int


def check_runs(runs: int) -> None:
    """Make sure that percentiles over this many runs mean something.

    Raises:
        InputError: they would not.
    """
    if runs < FEWEST_RUNS:
        raise InputError(f"latency needs at least {FEWEST_RUNS} runs, not {runs}")


def measure_latency(
    runners: Mapping[str, Runner],
    inputs: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    runs: int,
    warm_up: int,
    progress: Progress | None = None,
) -> dict[str, Latency]:
    """Percentiles of each runner's times; the arguments are those of `time_in_turns`.

    Raises:
        InputError: `runs` is too small.
    """
    times = time_in_turns(runners, inputs, runs=runs, warm_up=warm_up, progress=progress)
    return {name: _percentiles(values) for name, values in times.items()}


def time_in_turns(
    runners: Mapping[str, Runner],
    inputs: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    runs: int,
    warm_up: int,
    progress: Progress | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Milliseconds of each runner in each round [runs]: a round runs every one of them once, in an order drawn anew.

    Turns put whatever else the machine does on all of them alike, so that their ratio holds where the times do not. The
    order is drawn because a runner pays for the caches that the one before it left.

    Args:
        runners: what to time, by any name.
        inputs: under each name, what that runner is fed, one after another.
        runs: timed runs of each, at least `FEWEST_RUNS`.
        warm_up: runs of each before those.
        progress: shown as rounds are done.

    Raises:
        InputError: `runs` is too small.
    """
    check_runs(runs)
    progress = progress or NoProgress()
    order, names = np.random.default_rng(0), list(runners)
    times: dict[str, list[float]] = {name: [] for name in names}
    progress.start("latency", warm_up + runs)
    for i in range(-warm_up, runs):
        for name in order.permutation(names):
            given = inputs[name][i % len(inputs[name])]
            started = time.perf_counter()
            runners[name](given)
            taken = time.perf_counter() - started
            if i >= 0:
                times[name].append(taken * 1000)
        progress.advance()
    progress.finish()
    return {name: np.array(values) for name, values in times.items()}


def ratio_of(times: NDArray[np.float64], base: NDArray[np.float64], seed: int = 0) -> Interval:
    """How many times as long one runner takes as another: the ratio of medians, with a bootstrap 95% interval.

    Args:
        times: of the one, by round.
        base: of the other, in the same rounds.
        seed: of the bootstrap over rounds.
    """
    rounds = np.random.default_rng(seed).integers(0, len(base), size=(RESAMPLES, len(base)))
    ratios = np.median(times[rounds], axis=1) / np.median(base[rounds], axis=1)
    return interval_of(np.concatenate([[np.median(times) / np.median(base)], ratios]))


def _percentiles(values: NDArray[np.float64]) -> Latency:
    # `higher` reports a time that was measured, on the pessimistic side, instead of a mixture of two.
    p50, p90, p99 = (float(p) for p in np.percentile(values, (50, 90, 99), method="higher"))
    return Latency(p50, p90, p99, len(values))
