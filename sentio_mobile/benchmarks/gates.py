"""Budgets become verdicts: how large, how fast and how right a model must be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Literal

from sentio_mobile._internal.resources import ROOT
from sentio_mobile._internal.tables import read_table
from sentio_mobile.benchmarks.formatting import DESKTOP, MB
from sentio_mobile.benchmarks.latency import Latency
from sentio_mobile.metrics.bootstrap import Interval

Verdict = Literal["pass", "fail", "not measured"]


@dataclass(frozen=True)
class Limits:
    """`latency_ms` is judged on p90, `size_mb` is in 10^6 bytes, `retention` is a share of the teacher's CCC."""

    latency_ms: float
    size_mb: float
    retention: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How figures are measured; see the comments in the file."""

    runs: int
    warm_up: int
    threads: int
    cold_starts: int
    cold_limit_s: float


@dataclass(frozen=True)
class Budgets:
    """What `benchmarks/budgets.toml` holds."""

    gates: Limits
    measurement: Measurement


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One limit and what was found. `subject` is an artifact's label or `student`; `value` has the limit's unit."""

    name: Literal["size", "latency", "retention"]
    subject: str
    verdict: Verdict
    limit: float
    value: float | None
    unit: str
    note: str = ""


def load_budgets() -> Budgets:
    """The budgets that stand in `benchmarks/budgets.toml`.

    Raises:
        InputError: a key or a value in it is not what it must be.
    """
    text = (ROOT / "benchmarks" / "budgets.toml").read_text()
    return read_table(Budgets, tomllib.loads(text), "benchmarks/budgets.toml", complete=True)


def check_size(label: str, size: int, limits: Limits) -> Gate:
    """Whether `size` bytes on disk keep the budget."""
    value = size / MB
    return Gate(
        name="size",
        subject=label,
        verdict="pass" if value <= limits.size_mb else "fail",
        limit=limits.size_mb,
        value=value,
        unit="MB",
    )


def check_latency(label: str, latency: Latency | None, reason: str, limits: Limits) -> Gate:
    """Whether p90 keeps the budget, on this machine; `reason` says why there is no latency."""
    if latency is None:
        return Gate(
            name="latency",
            subject=label,
            verdict="not measured",
            limit=limits.latency_ms,
            value=None,
            unit="ms",
            note=reason,
        )
    verdict: Verdict = "pass" if latency.p90_ms <= limits.latency_ms else "fail"
    return Gate(
        name="latency",
        subject=label,
        verdict=verdict,
        limit=limits.latency_ms,
        value=latency.p90_ms,
        unit="ms",
        note=f"p90; {DESKTOP}",
    )


def check_retention(retention: Interval | None, limits: Limits) -> Gate:
    """Whether the student keeps enough of its teacher. The value decides; the note tells what its interval allows."""
    limit = limits.retention
    if retention is None:
        return Gate(
            name="retention",
            subject="student",
            verdict="not measured",
            limit=limit,
            value=None,
            unit="",
            note="the bundle holds no teacher's evaluation",
        )
    value, low, high = retention.value, retention.low, retention.high
    if value is None or low is None or high is None:
        note = "undefined: the teacher's CCC is not above zero"
        return Gate(
            name="retention", subject="student", verdict="not measured", limit=limit, value=None, unit="", note=note
        )
    note = f"95% interval {low:.2f} to {high:.2f}"
    if low < limit <= high:
        note += ", which lies on both sides of the gate: other test songs could have turned the verdict"
    return Gate(
        name="retention",
        subject="student",
        verdict="pass" if value >= limit else "fail",
        limit=limit,
        value=value,
        unit="",
        note=note,
    )
