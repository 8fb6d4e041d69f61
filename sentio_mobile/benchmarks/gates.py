"""Budgets become verdicts: how large, how fast and how right a model must be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Literal

from sentio_mobile.benchmarks.latency import Latency
from sentio_mobile.benchmarks.words import DESKTOP, MB
from sentio_mobile.house import ROOT
from sentio_mobile.tables import read_table
from sentio_mobile.training.measures import Interval

Verdict = Literal["pass", "fail", "not measured"]


@dataclass(frozen=True)
class Limits:
    """`latency_ms` is judged on p90, `size_mb` is in 10^6 bytes, `retention` is a share of the teacher's CCC."""

    latency_ms: float
    size_mb: float
    retention: float


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


def judge_size(label: str, size: int, limits: Limits) -> Gate:
    """Whether `size` bytes on disk keep the budget."""
    value = size / MB
    return Gate("size", label, "pass" if value <= limits.size_mb else "fail", limits.size_mb, value, "MB")


def judge_latency(label: str, latency: Latency | None, reason: str, limits: Limits) -> Gate:
    """Whether p90 keeps the budget, on this machine; `reason` says why there is no latency."""
    if latency is None:
        return Gate("latency", label, "not measured", limits.latency_ms, None, "ms", reason)
    verdict: Verdict = "pass" if latency.p90_ms <= limits.latency_ms else "fail"
    return Gate("latency", label, verdict, limits.latency_ms, latency.p90_ms, "ms", f"p90; {DESKTOP}")


def judge_retention(retention: Interval | None, limits: Limits) -> Gate:
    """Whether the student keeps enough of its teacher. The value decides; the note tells what its interval allows."""
    limit = limits.retention
    if retention is None:
        return Gate("retention", "student", "not measured", limit, None, "", "the bundle holds no teacher's evaluation")
    value, low, high = retention.value, retention.low, retention.high
    if value is None or low is None or high is None:
        note = "undefined: the teacher's CCC is not above zero"
        return Gate("retention", "student", "not measured", limit, None, "", note)
    note = f"95% interval {low:.2f} to {high:.2f}"
    if low < limit <= high:
        note += ", which lies on both sides of the gate: other test songs could have turned the verdict"
    return Gate("retention", "student", "pass" if value >= limit else "fail", limit, value, "", note)
