"""One bundle, measured on this machine."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.benchmarks.cold import ColdStart, measure_cold
from sentio_mobile.benchmarks.gates import Gate, check_latency, check_retention, check_size, load_budgets
from sentio_mobile.benchmarks.latency import Latency, check_runs, measure_latency
from sentio_mobile.benchmarks.machine import Machine, describe_machine
from sentio_mobile.benchmarks.scores import read_scores
from sentio_mobile.errors import InputError, SentioError
from sentio_mobile.formats.base import Runner, get_format, require
from sentio_mobile.spec import ModelSpec

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.spec import Artifact


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One artifact. `size` is in bytes; where a figure is None, `reason` says why it could not be measured here."""

    format: str
    form: str
    precision: str
    size: int
    latency: Latency | None
    cold: ColdStart | None
    reason: str = ""

    @property
    def label(self) -> str:
        """The words that tables use for it, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Every figure that was measured of a bundle, how, where and when (UTC), and the verdicts."""

    machine: Machine
    measured_at: str
    threads: int
    runs: int
    warm_up: int
    cold_starts: int
    measured: tuple[Measured, ...]
    gates: tuple[Gate, ...]

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.verdict == "fail")

    @property
    def open(self) -> tuple[Gate, ...]:
        """The gates that could not be measured here."""
        return tuple(gate for gate in self.gates if gate.verdict == "not measured")

    def ratio(self, measured: Measured) -> float | None:
        """An artifact's median time over that of 32 bits in the same format and form; None where one is not known."""
        for wide in self.measured:
            if (wide.format, wide.form, wide.precision) == (measured.format, measured.form, "fp32"):
                return measured.latency.p50_ms / wide.latency.p50_ms if measured.latency and wide.latency else None
        return None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return dataclasses.asdict(self)

    def write(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            OutputError: it cannot be written there.
        """
        write_json(path, self.to_dict())


def benchmark(
    bundle: Bundle, threads: int | None = None, runs: int | None = None, progress: Progress | None = None
) -> Benchmark:
    """Measure size, latency, cold start and peak memory of every artifact, and judge them by the budgets.

    An artifact whose packages are missing, whose runtime does not exist here, or that cannot be loaded is reported with
    the reason and without figures.

    Args:
        bundle: what to measure.
        threads: threads that each runtime may use; `benchmarks/budgets.toml` says when None.
        runs: timed runs of each artifact, at least 50; likewise.
        progress: shown as cold starts and rounds are done.

    Raises:
        InputError: `threads` is below 1, or `runs` below 50.
        BundleError: the bundle's golden vectors or evaluation are damaged.
    """
    progress = progress or NoProgress()
    budgets = load_budgets()
    plan, limits = budgets.measurement, budgets.gates
    threads = plan.threads if threads is None else threads
    runs = plan.runs if runs is None else runs
    if threads < 1:
        raise InputError(f"threads must be at least 1, not {threads}")
    check_runs(runs)
    machine, retention, golden = describe_machine(), read_scores(bundle).retention, bundle.golden()
    inputs = {a.label: golden.inputs(bundle.spec.in_form(a.form)) for a in bundle.artifacts}

    runners: dict[str, Runner] = {}
    cold: dict[str, ColdStart] = {}
    reasons: dict[str, str] = {}
    progress.start("cold starts", len(bundle.artifacts))
    for artifact in bundle.artifacts:
        progress.advance(0, note=artifact.label)
        try:
            spec, given = bundle.spec.in_form(artifact.form), inputs[artifact.label][0]
            runners[artifact.label] = _open(artifact, spec, threads)
            cold[artifact.label] = measure_cold(
                artifact, spec, given=given, threads=threads, starts=plan.cold_starts, limit_s=plan.cold_limit_s
            )
        except SentioError as error:
            reasons[artifact.label] = str(error)
        progress.advance()
    progress.finish()
    latencies = measure_latency(runners, inputs, runs=runs, warm_up=plan.warm_up, progress=progress)

    measured = tuple(
        Measured(
            format=a.format,
            form=a.form,
            precision=a.precision,
            size=bundle.size(a),
            latency=latencies.get(a.label),
            cold=cold.get(a.label),
            reason=reasons.get(a.label, ""),
        )
        for a in bundle.artifacts
    )
    gates = (
        check_retention(retention, limits),
        *(check_size(m.label, m.size, limits) for m in measured),
        *(check_latency(m.label, m.latency, m.reason, limits) for m in measured),
    )
    return Benchmark(
        machine=machine,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        threads=threads,
        runs=runs,
        warm_up=plan.warm_up,
        cold_starts=plan.cold_starts,
        measured=measured,
        gates=gates,
    )


def _open(artifact: Artifact, spec: ModelSpec, threads: int) -> Runner:
    format_ = get_format(artifact.format)
    require(format_, format_.runtimes)
    if not format_.timed_here:
        raise InputError(f"the {artifact.format} runtime does not exist on {platform.system()}")
    return format_.open(artifact.path, spec, threads)
