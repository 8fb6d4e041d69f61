"""`benchmark --roofline`: the machine's roofs, and artifacts below them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.exchange import write_markdown
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.benchmarks.roofs import Roofline, Roofs, measure_roofs, roof_point
from sentio_mobile.benchmarks.summary import summarize
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import Verification
from sentio_mobile.cli.results import show_summary
from sentio_mobile.errors import CheckFailedError

ROOFS = Roofs(gflops=100, gigabytes=20)


def test_a_point_is_held_against_the_lower_roof() -> None:
    # 500 million multiply-accumulates in 20 ms are 50 GFLOP/s.
    near = roof_point("a", 500_000_000, size=10_000_000, milliseconds=20, roofs=ROOFS)
    assert (near.gflops, near.intensity, near.share) == pytest.approx((50, 100, 0.5))
    # 2 operations a byte: memory allows 40 GFLOP/s.
    bound = roof_point("b", 500_000_000, size=500_000_000, milliseconds=50, roofs=ROOFS)
    assert (bound.gflops, bound.intensity, bound.share) == pytest.approx((20, 2, 0.5))


def test_roofs_are_measured() -> None:
    found = measure_roofs(1)
    # A 32-bit product of a core is between that of a microcontroller and that of a GPU; so is a copy.
    assert 1 < found.gflops < 2000
    assert 0.5 < found.gigabytes < 1000


def test_a_process_that_ends_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio_mobile.benchmarks.roofs.LIMIT_S", 0.01)
    with pytest.raises(CheckFailedError, match="were not measured within"):
        measure_roofs(1)


def test_report_and_terminal_show_the_roofline(
    bundle: Bundle,
    measured: Benchmark,
    verification: Verification,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    points = tuple(
        roof_point(one.label, 1_200_000, size=one.size, milliseconds=one.latency.p50_ms, roofs=ROOFS)
        for one in measured.measured
        if one.latency is not None
    )
    found = replace(measured, roofline=Roofline(roofs=ROOFS, multiply_accumulates=1_200_000, points=points))
    write_report(tmp_path / "report.html", bundle, verification, found)
    page = (tmp_path / "report.html").read_text()
    assert "Roofline: 100 GFLOP/s of matrix products and 20 GB/s of copies; " in page
    assert f"torchscript spectrogram fp32: {points[0].gflops:.3g} GFLOP/s, {points[0].share:.0%} of the roof" in page
    assert "One clip takes 1.2 M multiply-accumulates" in page
    summary = summarize(bundle, verification, found)
    write_markdown(tmp_path / "report.md", summary)
    show_summary(summary)
    shown = capsys.readouterr().out
    assert "this machine does 100 GFLOP/s in 32-bit matrix products and copies 20 GB/s" in " ".join(shown.split())
    assert "of the roof" in shown
    assert f"{points[0].share:.0%}" in shown
