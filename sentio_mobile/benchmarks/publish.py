"""Verify a bundle, benchmark it, and put both beside a report that a person can read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.tables import read_table
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.run import benchmark
from sentio_mobile.benchmarks.summary import Summary, summarize
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.errors import InputError

REPORT, BENCHMARK, VERIFICATION, SUMMARY = "report.html", "benchmark.json", "verification.json", "summary.json"


def publish(
    bundle: Bundle, out: Path, *, threads: int | None = None, runs: int | None = None, progress: Progress | None = None
) -> Summary:
    """Write `verification.json`, `benchmark.json`, `summary.json` and `report.html` to the folder `out`.

    Args:
        bundle: what to measure.
        out: the folder; made when it is not there.
        threads: as for `benchmark`.
        runs: as for `benchmark`.
        progress: shown as artifacts are measured.

    Raises:
        OutputError: `out` cannot be written.
    """
    verified = verify(bundle, threads or 1)
    measured = benchmark(bundle, threads, runs, progress)
    summary = summarize(bundle, verified, measured)
    write_json(out / VERIFICATION, {**dataclasses.asdict(verified), "passed": verified.passed})
    measured.write(out / BENCHMARK)
    write_json(out / SUMMARY, dataclasses.asdict(summary))
    write_report(out / REPORT, bundle, verified, measured)
    return summary


def read_summary(out: Path) -> Summary:
    """The summary that `publish` left in `out`.

    Raises:
        InputError: it is missing or damaged.
    """
    return read_table(Summary, read_json(out / SUMMARY, InputError), str(out / SUMMARY), complete=True)
