"""Benchmark a bundle on this machine, and report on it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile.benchmarks.cold import ColdStart, measure_cold
from sentio_mobile.benchmarks.exchange import JUNIT, MARKDOWN, write_junit, write_markdown
from sentio_mobile.benchmarks.gates import (
    Measurement,
    check_latency,
    check_phone,
    check_retention,
    check_size,
    load_budgets,
)
from sentio_mobile.benchmarks.latency import check_runs, measure_latency
from sentio_mobile.benchmarks.machine import LoadMeter, describe_machine
from sentio_mobile.benchmarks.on_phone import PhoneJob, measure_on_phone
from sentio_mobile.benchmarks.peer_run import check_peers, compare_with_peers
from sentio_mobile.benchmarks.peers import costs_of
from sentio_mobile.benchmarks.phones import PHONE, PhoneBenchmark
from sentio_mobile.benchmarks.report import REPORT, write_report
from sentio_mobile.benchmarks.results import BENCHMARK, ArtifactBenchmark, Benchmark
from sentio_mobile.benchmarks.roofs import Roofline, measure_roofs, roof_point
from sentio_mobile.benchmarks.summary import SUMMARY, Summary, summarize
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.errors import InputError, SentioError
from sentio_mobile.formats.base import Runner, require_packages
from sentio_mobile.formats.process import RuntimeProcess
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.registry import build
from sentio_mobile.spec import Artifact

VERIFICATION = "verification.json"
MAX_REASON = 4096
"""Characters of a reason that are kept."""


def benchmark(
    bundle: Bundle,
    threads: int | None = None,
    runs: int | None = None,
    progress: Progress | None = None,
    phones: Sequence[PhoneBenchmark] = (),
) -> Benchmark:
    """Measure size, latency, cold start and peak memory of every artifact, and check them against the budgets.

    An artifact whose packages are missing, whose runtime does not exist here, or that cannot be loaded, is reported
    with the reason and without figures.

    Args:
        bundle: The bundle.
        threads: Threads that each runtime may use; by default as in `benchmarks/budgets.toml`.
        runs: Timed runs of each artifact, at least 50; by default as in `benchmarks/budgets.toml`.
        progress: Updated for each cold start and each round.
        phones: What phones measured of the bundle.

    Raises:
        InputError: `threads` is below 1, or `runs` below 50.
        BundleError: The bundle's golden vectors or evaluation are damaged.
    """
    progress = progress or NoProgress()
    budgets = load_budgets()
    measurement, limits = budgets.measurement, budgets.gates
    threads, runs = settings_of(measurement, threads, runs)
    machine, evaluation, golden = describe_machine(), bundle.evaluation(), bundle.golden()
    inputs = {a.label: golden.inputs(bundle.spec.in_form(a.form)) for a in bundle.artifacts}

    runners: dict[str, Runner] = {}
    cold: dict[str, ColdStart] = {}
    reasons: dict[str, str] = {}
    progress.start("cold starts", len(bundle.artifacts))
    bundle.check_operators()
    # All in one process, so that other work on the machine slows all of them alike.
    process = RuntimeProcess(bundle.folder)
    for artifact in bundle.artifacts:
        progress.advance(0, note=artifact.label)
        try:
            spec = bundle.spec.in_form(artifact.form)
            _require_timed(artifact)
            cold[artifact.label] = measure_cold(
                artifact,
                spec,
                example=inputs[artifact.label][0],
                threads=threads,
                starts=measurement.cold_starts,
                limit_s=measurement.cold_limit_s,
            )
            # Last: what crashes has done so in a process of its own.
            runners[artifact.label] = process.open(artifact, spec, threads)
        except SentioError as error:
            reasons[artifact.label] = str(error)[:MAX_REASON]
        progress.advance()
    progress.finish()
    meter = LoadMeter()
    latencies = measure_latency(runners, inputs, runs=runs, warm_up=measurement.warm_up, progress=progress)
    load = meter.share()
    process.close()

    measured = tuple(
        ArtifactBenchmark(
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
        check_retention(evaluation.retention, limits, evaluation.no_retention),
        *(check_size(one.label, one.size, limits) for one in measured),
        *(check_latency(one.label, one.latency, budgets, load=load, reason=one.reason) for one in measured),
        *(gate for found in phones for gate in check_phone(found, budgets)),
    )
    return Benchmark(
        machine=machine,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        threads=threads,
        runs=runs,
        warm_up=measurement.warm_up,
        cold_starts=measurement.cold_starts,
        measured=measured,
        gates=gates,
        load=load,
        max_load=measurement.max_load,
        phones=tuple(phones) or None,
    )


def settings_of(measurement: Measurement, threads: int | None, runs: int | None) -> tuple[int, int]:
    """Threads and runs: what was asked for, or else as in `benchmarks/budgets.toml`.

    Raises:
        InputError: One is out of its range.
    """
    threads = measurement.threads if threads is None else threads
    runs = measurement.runs if runs is None else runs
    if threads < 1:
        raise InputError(f"threads must be at least 1, not {threads}")
    check_runs(runs)
    return threads, runs


def verify_and_report(
    bundle: Bundle,
    out: Path,
    *,
    threads: int | None = None,
    runs: int | None = None,
    progress: Progress | None = None,
    phones: Sequence[PhoneBenchmark] = (),
    phone_job: PhoneJob | None = None,
    peers: Sequence[str] = (),
    roofline: bool = False,
) -> Summary:
    """Verify and benchmark a bundle, and write a report.

    Writes `verification.json`, `benchmark.json`, `summary.json`, `report.md`, `junit.xml` and `report.html`.

    Args:
        bundle: The bundle.
        out: Output folder; created where it does not exist.
        threads: As for `benchmark`.
        runs: As for `benchmark`.
        progress: Updated for each cold start and each round.
        phones: As for `benchmark`.
        phone_job: What is measured on a phone that adb sees, before this machine; it is written to `phone.json`, too.
        peers: Names of timm's networks, or `plain`, that are timed in turns with the bundle's artifacts.
        roofline: Whether the machine's roofs are measured, too, and how near to them the artifacts come.

    Raises:
        OutputError: `out` cannot be written.
        InputError: The phone is not ready, or was lost; or there is no such peer.
        CheckFailedError: An artifact failed on the phone.
    """
    progress = progress or NoProgress()
    measurement = load_budgets().measurement
    threads, runs = settings_of(measurement, threads, runs)
    if peers:
        check_peers(bundle, peers)
    own: tuple[PhoneBenchmark, ...] = ()
    if phone_job is not None:
        own = (measure_on_phone(bundle, phone_job, threads=threads, runs=runs, progress=progress),)
    verification = verify(bundle, threads)
    measured = benchmark(bundle, threads, runs, progress, (*phones, *own))
    if peers:
        warm_up = measurement.warm_up
        found = compare_with_peers(bundle, peers, threads=threads, runs=runs, warm_up=warm_up, progress=progress)
        measured = replace(measured, peers=found)
    if roofline:
        measured = replace(measured, roofline=_roofline(bundle, measured))
    summary = summarize(bundle, verification, measured)
    write_record(out / VERIFICATION, verification)
    write_record(out / BENCHMARK, measured)
    for one in own:
        write_record(out / PHONE, one)
    write_record(out / SUMMARY, summary)
    write_markdown(out / MARKDOWN, summary)
    write_junit(out / JUNIT, summary, verification)
    write_report(out / REPORT, bundle, verification, measured)
    return summary


def _roofline(bundle: Bundle, measured: Benchmark) -> Roofline:
    """The artifacts of the form `spectrogram`: what the front end computes is not counted."""
    inputs = bundle.golden().inputs(bundle.spec.in_form("spectrogram"))
    _, operations = costs_of(build(bundle.spec), inputs[0])
    roofs = measure_roofs(measured.threads)
    points = (
        roof_point(one.label, operations, size=one.size, milliseconds=one.latency.p50_ms, roofs=roofs)
        for one in measured.measured
        if one.latency is not None and one.form == "spectrogram"
    )
    return Roofline(roofs=roofs, multiply_accumulates=operations, points=tuple(points))


def _require_timed(artifact: Artifact) -> None:
    format_ = get_format(artifact.format)
    require_packages(format_, format_.runtimes)
    if not format_.timed_here:
        raise InputError(f"the {artifact.format} runtime does not exist on {platform.system()}")
