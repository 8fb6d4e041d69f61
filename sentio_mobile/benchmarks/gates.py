"""Gates: how large, how fast and how accurate a model must be, and whether it is."""

from __future__ import annotations

import math
import tomllib
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Finite, Name, Record, Share, Text, from_plain
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.benchmarks.formatting import DESKTOP, MB
from sentio_mobile.benchmarks.latency import MAX_RUNS, MIN_RUNS, Latency
from sentio_mobile.benchmarks.phones import PhoneBenchmark, PhoneRuns
from sentio_mobile.metrics.bootstrap import Interval

Verdict = Literal["pass", "fail", "inconclusive", "not measured"]
Threads = Annotated[int, Meta(ge=1, le=1024)]
"""Threads that a runtime may use."""


Z = 1.96
"""Standard deviations on each side of a 95% interval of a normal distribution."""

SLOWED_DOWN = "the phone slowed down while it measured"
"""In the note of a gate of a phone that did."""


class Limits(Record, frozen=True, kw_only=True):
    """The limits of the gates."""

    latency_ms: Annotated[float, Meta(gt=0, le=1e6)]  # largest p90 of the latency, in milliseconds
    size_mb: Annotated[float, Meta(gt=0, le=1e6)]  # largest size of an artifact on disk, in 10^6 bytes
    retention: Annotated[float, Meta(ge=0, le=10)]  # smallest share of the teacher's CCC that the student must retain


class Measurement(Record, frozen=True, kw_only=True):
    """How figures are measured."""

    runs: Annotated[int, Meta(ge=MIN_RUNS, le=MAX_RUNS)]  # timed runs of each artifact
    warm_up: Annotated[int, Meta(ge=0, le=MAX_RUNS)]  # runs of each artifact before the timed ones
    threads: Threads  # threads that each runtime may use
    cold_starts: Annotated[int, Meta(ge=1, le=1000)]  # fresh processes for each artifact
    cold_limit_s: Annotated[float, Meta(gt=0, le=86400)]  # time limit of one fresh process, in seconds
    # Share of the usable cores' time that other work may take; above it a latency over its limit is inconclusive.
    max_load: Share
    # Relative standard deviation of an artifact's p90 from one benchmark to the next, where the load is below that.
    between_benchmarks: Annotated[float, Meta(ge=0, le=1)]


class Budgets(Record, frozen=True, kw_only=True):
    """The contents of `benchmarks/budgets.toml`."""

    gates: Limits  # the limits
    measurement: Measurement  # how figures are measured


class Gate(Record, frozen=True, kw_only=True):
    """One limit, and whether it is met."""

    name: Literal["size", "latency", "retention"]  # what is limited
    target: Name  # what was measured: the label of an artifact, or `student`
    verdict: Verdict  # whether the limit is met
    limit: Finite  # the limit
    value: Finite | None  # the measured value, in the limit's unit; None where it was not measured
    unit: Annotated[str, Meta(max_length=16)]  # unit of limit and value; empty for a share
    note: Text = ""  # what a reader must know about the verdict


def load_budgets() -> Budgets:
    """Read `benchmarks/budgets.toml`.

    Raises:
        InputError: A key is unknown or missing, or a value is out of its range.
    """
    text = (ROOT / "benchmarks" / "budgets.toml").read_text()
    return from_plain(Budgets, tomllib.loads(text), "benchmarks/budgets.toml")


def check_size(label: str, size: int, limits: Limits) -> Gate:
    """Check the size of an artifact on disk, in bytes."""
    value = size / MB
    verdict: Verdict = "pass" if value <= limits.size_mb else "fail"
    return Gate(name="size", target=label, verdict=verdict, limit=limits.size_mb, value=value, unit="MB")


def check_latency(
    label: str, latency: Latency | None, budgets: Budgets, *, load: float | None = None, reason: str = ""
) -> Gate:
    """Check the p90 of an artifact's latency on this machine, as far as the noise of the measurement allows.

    The limit is held against the interval of p90: the one that its runs give, widened by what p90 moves from one
    benchmark to the next. Where the limit lies inside it, the latency is inconclusive. Other work slows a machine and
    never speeds it up: on a busy one a latency below the limit passes, and one above it is inconclusive.

    Args:
        label: Label of the artifact.
        latency: Its latency; None where it was not measured.
        budgets: The limit, and what is known of the noise.
        load: Share of the usable cores' time that other work took meanwhile, 0 to 1; None where it is not known.
        reason: Why latency was not measured.
    """
    limit, measurement = budgets.gates.latency_ms, budgets.measurement
    if latency is None:
        return Gate(
            name="latency", target=label, verdict="not measured", limit=limit, value=None, unit="ms", note=reason
        )
    low, high = _p90_bounds(latency, measurement.between_benchmarks)
    verdict: Verdict = "pass" if high <= limit else "fail" if low > limit else "inconclusive"
    note = f"p90, 95% interval {low:.3g} to {high:.3g} ms; {DESKTOP}"
    if verdict == "inconclusive":
        note += "; the limit lies inside the interval"
    elif verdict == "fail" and load is not None and load > measurement.max_load:
        verdict = "inconclusive"
        note += f"; other work took {load:.0%} of the cores, more than {measurement.max_load:.0%}"
    return Gate(name="latency", target=label, verdict=verdict, limit=limit, value=latency.p90_ms, unit="ms", note=note)


def check_phone(found: PhoneBenchmark, budgets: Budgets) -> tuple[Gate, ...]:
    """Check the p90 of each artifact on a phone, as on this machine.

    A phone that is hot is slower than it would be: where it slowed down while it measured, a latency over the limit is
    inconclusive.
    """
    return tuple(_check_runs(runs, found, budgets) for runs in found.measured)


def _check_runs(runs: PhoneRuns, found: PhoneBenchmark, budgets: Budgets) -> Gate:
    latency, limit = runs.latency, budgets.gates.latency_ms
    low, high = _p90_bounds(latency, budgets.measurement.between_benchmarks)
    verdict: Verdict = "pass" if high <= limit else "fail" if low > limit else "inconclusive"
    note = f"p90, 95% interval {low:.3g} to {high:.3g} ms; on the phone, by {found.tool}"
    if verdict == "inconclusive":
        note += "; the limit lies inside the interval"
    if runs.slowed:
        note += f"; {SLOWED_DOWN}, {runs.drift} times"
        verdict = "inconclusive" if verdict == "fail" else verdict
    target = f"{runs.artifact} by {runs.runs_on} on {found.device.words}"[:255]
    return Gate(name="latency", target=target, verdict=verdict, limit=limit, value=latency.p90_ms, unit="ms", note=note)


def _p90_bounds(latency: Latency, between: float) -> tuple[float, float]:
    """The interval of p90 over runs and over benchmarks: both spreads are added as variances."""
    p90 = latency.p90_ms
    low = p90 if latency.p90_low_ms is None else min(p90, latency.p90_low_ms)
    high = p90 if latency.p90_high_ms is None else max(p90, latency.p90_high_ms)
    spread = Z * between * p90
    return max(0.0, p90 - math.hypot(p90 - low, spread)), p90 + math.hypot(high - p90, spread)


def check_retention(retention: Interval | None, limits: Limits, reason: str | None = None) -> Gate:
    """Check that the student retains enough of its teacher's CCC.

    The measured value decides; the note says when its interval includes the limit.

    Args:
        retention: The retention; None where it was not measured.
        limits: Limits of the gates.
        reason: Why it was not measured.
    """
    value = None if retention is None else retention.value
    verdict: Verdict = "not measured"
    if retention is None:
        note = reason or "the bundle holds no evaluation of a teacher"
    elif retention.value is None or retention.low is None or retention.high is None:
        note = "undefined: the teacher's CCC is not above zero"
        value = None
    else:
        verdict = "pass" if retention.value >= limits.retention else "fail"
        note = f"95% interval {retention.low:.2f} to {retention.high:.2f}"
        if retention.low < limits.retention <= retention.high:
            note += ", which includes the limit: other test songs could have changed the verdict"
        if retention.value > 1:
            note += "; above 1 it says that the teacher is weak"
    return Gate(
        name="retention", target="student", verdict=verdict, limit=limits.retention, value=value, unit="", note=note
    )
