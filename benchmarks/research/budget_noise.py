"""False alarms and misses of the latency gate, over repeats with a planted slowdown.

    python benchmarks/research/budget_noise.py BUNDLE OUT.json [--repeats N] [--busy PROCESSES]

One artifact is timed again and again, each time in a fresh process: as it is, and with a planted slowdown of 10% that
burns processor time after each run. The limit lies halfway between. A false alarm is a "fix" for the artifact as it is,
a miss a "ship" for the slow one; "measure again" is neither. The rule of before, p90 over the limit, stands beside it.

Three conditions:
    found      the machine as it is, whatever else it does.
    busy       with further processes that compute without end on the same cores.
    simulated  processor time of the runs of `found` in place of time on the clock, without load. That is what a quiet
               machine would measure but for caches and the clock rate of the processor: a stand-in where no quiet
               machine is at hand, and too kind for the spread from one repeat to the next.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.gates import Budgets, check_latency, load_budgets
from sentio_mobile.benchmarks.latency import Latency, p90_interval
from sentio_mobile.benchmarks.machine import LoadMeter, describe_machine
from sentio_mobile.bundle.bundle import open_bundle

SLOWDOWN = 0.10
SLOWDOWNS = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
"""For `power`, which shows from what slowdown on the gate decides. Below zero: faster than the limit by more."""
RULES = ("before", "now")

Repeat = dict[str, Any]
"""`slow`, `load`, and the times of each run: `wall` and `cpu` [runs], in milliseconds."""


def measure(bundle: Path, slow: bool, queue: multiprocessing.Queue[Repeat]) -> None:
    """One repeat, in a process of its own."""
    from sentio_mobile.formats.registry import get_format

    opened, settings = open_bundle(bundle), load_budgets().measurement
    artifact = opened.artifacts[0]
    spec = opened.spec.in_form(artifact.form)
    run = get_format(artifact.format).open(artifact.path, spec, settings.threads)
    inputs = opened.golden().inputs(spec)
    wall, cpu, meter = [], [], None
    for i in range(-settings.warm_up, settings.runs):
        if i == 0:
            meter = LoadMeter()
        clock, used = time.perf_counter(), time.process_time()
        run(inputs[i % len(inputs)])
        burnt = (time.process_time() - used) * (1 + SLOWDOWN)
        while slow and time.process_time() - used < burnt:
            pass
        if i >= 0:
            wall.append(1000 * (time.perf_counter() - clock))
            cpu.append(1000 * (time.process_time() - used))
    assert meter is not None
    queue.put({"slow": slow, "load": meter.share(), "wall": wall, "cpu": cpu})


def spin() -> None:
    """Keep a core busy."""
    while True:
        pass


def repeats(bundle: Path, n: int, busy: int) -> list[Repeat]:
    """Time the artifact `n` times as it is and `n` times slowed, in turns, beside so many busy processes."""
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=spin, daemon=True) for _ in range(busy)]
    for other in others:
        other.start()
    found = []
    try:
        for i in range(2 * n):
            queue: multiprocessing.Queue[Repeat] = context.Queue()
            process = context.Process(target=measure, args=(bundle, i % 2 == 1, queue))
            process.start()
            found.append(queue.get(timeout=600))
            process.join()
    finally:
        for other in others:
            other.terminate()
    return found


def simulated(measured: Sequence[Repeat]) -> list[Repeat]:
    """The same repeats with their processor time as time on the clock, and no load."""
    return [{**one, "wall": one["cpu"], "load": 0.0} for one in measured]


def latency_of(times: Sequence[float]) -> Latency:
    """The percentiles of one repeat, as a benchmark states them."""
    values: NDArray[np.float64] = np.array(times)
    p50, p90, p99 = (float(p) for p in np.percentile(values, (50, 90, 99), method="higher"))
    low, high = p90_interval(values)
    return Latency(p50_ms=p50, p90_ms=p90, p99_ms=p99, runs=len(values), p90_low_ms=low, p90_high_ms=high)


def verdict_of(rule: str, repeat: Repeat, budgets: Budgets) -> str:
    """pass, fail or inconclusive: of a rule that knows the noise, or of a p90 alone."""
    latency = latency_of(repeat["wall"])
    if rule == "before":
        return "pass" if latency.p90_ms <= budgets.gates.latency_ms else "fail"
    return check_latency("artifact", latency, budgets, load=repeat["load"]).verdict


def table(measured: Sequence[Repeat], budgets: Budgets) -> dict[str, dict[str, dict[str, int]]]:
    """How often each verdict was given, by rule, for the artifact as it is and for the slow one."""
    found = {}
    for rule in RULES:
        counts = {name: dict.fromkeys(("pass", "fail", "inconclusive"), 0) for name in ("as it is", "slowed")}
        for one in measured:
            counts["slowed" if one["slow"] else "as it is"][verdict_of(rule, one, budgets)] += 1
        found[rule] = counts
    return found


def power(measured: Sequence[Repeat], budgets: Budgets) -> dict[str, dict[str, float]]:
    """Share of each verdict for larger slowdowns: the times of the artifact as it is, multiplied (simulated)."""
    found = {}
    plain = [one for one in measured if not one["slow"]]
    for slowdown in SLOWDOWNS:
        slowed = [{**one, "wall": [(1 + slowdown) * time for time in one["wall"]]} for one in plain]
        verdicts = [verdict_of("now", one, budgets) for one in slowed]
        found[f"{slowdown:.0%}"] = {
            name: round(verdicts.count(name) / len(verdicts), 3) for name in ("pass", "fail", "inconclusive")
        }
    return found


def p90s(measured: Sequence[Repeat], *, slow: bool = False) -> list[float]:
    """The p90 of each repeat."""
    return [round(latency_of(one["wall"]).p90_ms, 3) for one in measured if one["slow"] is slow]


def spread(values: Sequence[float]) -> float:
    """Relative standard deviation."""
    return statistics.stdev(values) / statistics.mean(values)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a bundle; its first artifact is timed")
    parser.add_argument("out", type=Path, help="the record to write")
    parser.add_argument("--repeats", type=int, default=20, help="of the artifact as it is, and of the slow one")
    parser.add_argument("--busy", type=int, default=2, help="processes of the condition busy")
    options = parser.parse_args(arguments)
    found = repeats(options.bundle, options.repeats, 0)
    conditions = {
        "found": found,
        "busy": repeats(options.bundle, options.repeats, options.busy),
        "simulated": simulated(found),
    }
    budgets = load_budgets()
    limit = statistics.median(p90s(conditions["simulated"])) * (1 + SLOWDOWN / 2)
    budgets = replace(budgets, gates=replace(budgets.gates, latency_ms=limit))
    record = {
        "machine": to_plain(describe_machine()),
        "artifact": open_bundle(options.bundle).artifacts[0].label,
        "repeats": options.repeats,
        "runs": budgets.measurement.runs,
        "slowdown": SLOWDOWN,
        "limit_ms": round(limit, 3),
        "max_load": budgets.measurement.max_load,
        "between_benchmarks": budgets.measurement.between_benchmarks,
        "conditions": {
            name: {
                "load": [one["load"] for one in measured],
                "p90_ms": p90s(measured),
                "p90_slowed_ms": p90s(measured, slow=True),
                "spread_of_p90": round(spread(p90s(measured)), 4),
                "verdicts": table(measured, budgets),
                "power": power(measured, budgets),
            }
            for name, measured in conditions.items()
        },
    }
    options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name, condition in record["conditions"].items():
        print(f"{name}: spread of p90 {condition['spread_of_p90']:.1%}")
        for rule, counts in condition["verdicts"].items():
            alarms, misses = counts["as it is"]["fail"], counts["slowed"]["pass"]
            again = sum(one["inconclusive"] for one in counts.values())
            print(f"  {rule}: {alarms} false alarms, {misses} misses, {again} of {2 * options.repeats} again")


if __name__ == "__main__":
    main()
