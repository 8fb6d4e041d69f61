"""Gates: how large, how fast and how accurate a model must be, and whether it is."""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Finite, Name, Record, Text, from_plain
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.benchmarks.formatting import DESKTOP, MB
from sentio_mobile.benchmarks.latency import MAX_RUNS, MIN_RUNS, Latency
from sentio_mobile.metrics.bootstrap import Interval

Verdict = Literal["pass", "fail", "not measured"]
Threads = Annotated[int, Meta(ge=1, le=1024)]
"""Threads that a runtime may use."""


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


def check_latency(label: str, latency: Latency | None, reason: str, limits: Limits) -> Gate:
    """Check the p90 of an artifact's latency on this machine.

    Args:
        label: Label of the artifact.
        latency: Its latency; None where it was not measured.
        reason: Why it was not measured.
        limits: Limits of the gates.
    """
    verdict: Verdict = "not measured"
    if latency is not None:
        verdict = "pass" if latency.p90_ms <= limits.latency_ms else "fail"
    return Gate(
        name="latency",
        target=label,
        verdict=verdict,
        limit=limits.latency_ms,
        value=None if latency is None else latency.p90_ms,
        unit="ms",
        note=reason if latency is None else f"p90; {DESKTOP}",
    )


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
    return Gate(
        name="retention", target="student", verdict=verdict, limit=limits.retention, value=value, unit="", note=note
    )
