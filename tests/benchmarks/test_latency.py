import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.benchmarks.latency import measure_latency, p90_interval
from sentio_mobile.errors import InputError

IMAGE = np.zeros((1, 3, 4, 4), np.float32)
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def sleeper(name: str, seconds: float, calls: list[str]) -> Run:
    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(name)
        time.sleep(seconds)
        return image

    return run


def test_measure_latency_takes_turns() -> None:
    calls: list[str] = []
    runners = {"slow": sleeper("slow", 0.004, calls), "fast": sleeper("fast", 0.0005, calls)}
    found = measure_latency(runners, {name: [IMAGE] for name in runners}, runs=50, warm_up=3)
    assert len(calls) == 2 * 53
    assert all({calls[i], calls[i + 1]} == {"slow", "fast"} for i in range(0, len(calls), 2))
    assert len({tuple(calls[i : i + 2]) for i in range(0, len(calls), 2)}) == 2
    assert found["slow"].p50_ms >= 4 > found["fast"].p50_ms
    assert found["slow"].p50_ms <= found["slow"].p90_ms <= found["slow"].p99_ms
    assert found["slow"].runs == 50


def test_measure_latency_too_few_runs_are_refused() -> None:
    with pytest.raises(InputError, match="at least 50 runs, not 49"):
        measure_latency({}, {}, runs=49, warm_up=0)


def test_interval_of_p90_is_wider_where_slow_runs_come_in_a_row() -> None:
    alone, together = np.full(100, 10.0), np.full(100, 10.0)
    alone[::9] = 20.0
    together[:12] = 20.0
    (low, high), (low_together, high_together) = p90_interval(alone), p90_interval(together)
    assert low_together == 10.0 < 20.0 == high_together, "a stretch of slow runs may be in the next benchmark or not"
    assert high - low <= high_together - low_together
    assert p90_interval(np.full(50, 7.0)) == (7.0, 7.0)
    assert p90_interval(np.linspace(1, 2, 60), seed=1) == p90_interval(np.linspace(1, 2, 60), seed=1)
