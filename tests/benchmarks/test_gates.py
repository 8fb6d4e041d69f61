from pathlib import Path

import pytest

from sentio_mobile.benchmarks import gates
from sentio_mobile.benchmarks.gates import Limits, check_latency, check_retention, check_size, load_budgets
from sentio_mobile.benchmarks.latency import MIN_RUNS, Latency
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.bootstrap import Interval

LIMITS = Limits(latency_ms=50.0, size_mb=50.0, retention=0.85)


def test_load_budgets() -> None:
    budgets = load_budgets()
    assert budgets.gates == Limits(latency_ms=50.0, size_mb=50.0, retention=0.9)
    assert budgets.measurement.runs >= MIN_RUNS
    assert budgets.measurement.threads == 1


def test_load_budgets_unknown_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchmarks").mkdir()
    text = (gates.ROOT / "benchmarks" / "budgets.toml").read_text()
    (tmp_path / "benchmarks" / "budgets.toml").write_text(text.replace("size_mb", "sise_mb"))
    monkeypatch.setattr(gates, "ROOT", tmp_path)
    with pytest.raises(InputError, match="'sise_mb'; known: latency_ms, size_mb"):
        load_budgets()


@pytest.mark.parametrize(("size", "verdict"), [(50_000_000, "pass"), (50_000_001, "fail")])
def test_check_size(size: int, verdict: str) -> None:
    assert check_size("onnx fp32", size, LIMITS).verdict == verdict


def timed(p90: float, low: float, high: float) -> Latency:
    return Latency(p50_ms=1.0, p90_ms=p90, p99_ms=900.0, runs=50, p90_low_ms=low, p90_high_ms=high)


@pytest.mark.parametrize(
    ("latency", "load", "verdict"),
    [
        (timed(40, 39, 41), 0.0, "pass"),
        # Other work only slows: what is fast enough on a busy machine is fast enough.
        (timed(40, 39, 41), 0.9, "pass"),
        (timed(70, 69, 71), 0.0, "fail"),
        (timed(70, 69, 71), None, "fail"),
        (timed(70, 69, 71), 0.9, "inconclusive"),
        (timed(51, 49, 53), 0.0, "inconclusive"),
        (timed(49, 47, 51), 0.0, "inconclusive"),
        # The runs of one benchmark agree, but the next benchmark may lie some percent away.
        (timed(50.5, 50.4, 50.6), 0.0, "inconclusive"),
    ],
)
def test_check_latency_knows_noise_and_load(latency: Latency, load: float | None, verdict: str) -> None:
    gate = check_latency("onnx fp32", latency, load_budgets(), load=load)
    assert (gate.verdict, gate.value) == (verdict, latency.p90_ms)
    assert "desktop, not a phone" in gate.note
    assert ("other work took 90% of the cores, more than 10%" in gate.note) == (
        verdict == "inconclusive" and load == 0.9
    )


def test_check_latency_without_latency_is_not_measured() -> None:
    gate = check_latency("coreml fp32", None, load_budgets(), reason="no such runtime here")
    assert (gate.verdict, gate.value, gate.note) == ("not measured", None, "no such runtime here")


@pytest.mark.parametrize(
    ("figure", "verdict", "includes_limit"),
    [
        (Interval(0.95, 0.90, 0.99), "pass", False),
        (Interval(0.90, 0.80, 0.99), "pass", True),
        (Interval(0.80, 0.70, 0.90), "fail", True),
        (Interval(0.70, 0.60, 0.80), "fail", False),
    ],
)
def test_check_retention_notes_an_interval_that_includes_the_limit(
    figure: Interval, verdict: str, includes_limit: bool
) -> None:
    gate = check_retention(figure, LIMITS)
    assert gate.verdict == verdict
    assert ("includes the limit" in gate.note) == includes_limit


@pytest.mark.parametrize(
    ("figure", "words"), [(None, "no evaluation of a teacher"), (Interval(None, None, None), "undefined")]
)
def test_check_retention_unknown_is_not_measured(figure: Interval | None, words: str) -> None:
    gate = check_retention(figure, LIMITS)
    assert gate.verdict == "not measured"
    assert words in gate.note
