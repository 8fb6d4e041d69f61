"""`sentio-mobile benchmark`: how fast, how large, how right, and the report that says so."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import console


@click.command(epilog="Example: sentio-mobile benchmark bundle --out measured")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("benchmark"),
    show_default=True,
    help="Folder for report.html, benchmark.json and verification.json.",
)
@click.option("--threads", type=click.IntRange(1), default=None, help="Threads that a model may use (default: 1).")
@click.option("--runs", type=click.IntRange(50), default=None, help="Timed runs of each format (default: 100).")
def benchmark(bundle: Path, out: Path, threads: int | None, runs: int | None) -> None:
    """Measure latency, cold start, memory and size of every format, and judge them by the budgets.

    Formats take turns in one process, so that the machine's other work hits all alike; cold starts and memory are
    measured in fresh processes. Leaves with status 1 when a gate or the verification fails. A desktop's figure is not a
    phone's.
    """
    from sentio_mobile.benchmarks.report import REPORT
    from sentio_mobile.benchmarks.run import verify_and_report
    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_summary

    opened = open_bundle(bundle)
    with Bars() as bars:
        summary = verify_and_report(opened, out, threads=threads, runs=runs, progress=bars)
    show_summary(summary)
    console.print(f"Report: {out / REPORT}")
    if not summary.ready:
        raise SystemExit(1)
