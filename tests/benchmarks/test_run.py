import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace, write_record
from sentio_mobile.benchmarks.results import Benchmark, read_benchmark
from sentio_mobile.benchmarks.run import benchmark
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.formats.onnx import FORMAT


def test_benchmark_measures_and_checks_every_artifact(bundle: Bundle, measured: Benchmark) -> None:
    assert [m.label for m in measured.measured] == ["torchscript spectrogram fp32", "onnx spectrogram fp32"]
    for m in measured.measured:
        assert m.size == bundle.size(bundle.artifact(m.format)) > 0
        assert m.latency is not None
        assert 0 < m.latency.p50_ms <= m.latency.p99_ms
        assert m.cold is not None
        assert m.cold.load_ms > m.cold.reload_ms > 0
        assert m.cold.peak_mb > m.cold.added_mb > 1
    assert [gate.name for gate in measured.gates] == ["retention", "size", "size", "latency", "latency"]


def test_benchmark_memory_differs_between_runtimes(measured: Benchmark) -> None:
    torch, onnx = (m.cold for m in measured.measured)
    assert torch is not None
    assert onnx is not None
    assert onnx.added_mb < torch.added_mb / 2


def test_read_benchmark_reads_what_was_written(measured: Benchmark, tmp_path: Path) -> None:
    write_record(tmp_path / "benchmark.json", measured)
    assert read_benchmark(tmp_path / "benchmark.json") == measured
    assert json.loads((tmp_path / "benchmark.json").read_text())["measured"][1]["latency"]["runs"] == 50


def test_benchmark_artifact_without_runtime_has_no_figures(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio_mobile.formats.onnx.FORMAT", replace(FORMAT, timed_here=False))
    entry = bundle.entry(bundle.artifact("onnx"))
    found = benchmark(replace(bundle, manifest=replace(bundle.manifest, artifacts=(entry,))), runs=50)
    assert found.measured[0].latency is None
    assert found.measured[0].cold is None
    assert "onnx runtime does not exist on" in found.measured[0].reason
    assert [gate.verdict for gate in found.gates if gate.name == "latency"] == ["not measured"]


@pytest.mark.parametrize(("threads", "runs", "words"), [(0, 50, "threads"), (1, 10, "at least 50 runs")])
def test_benchmark_settings_out_of_range_are_refused(bundle: Bundle, threads: int, runs: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        benchmark(bundle, threads=threads, runs=runs)


def test_benchmark_damaged_evaluation_is_one_line(changed_bundle: Callable[..., Bundle]) -> None:
    for evaluation in (
        {"test": {"metrics": 3}},
        {"test": [1]},
        {"history": [3]},
        {"teacher": "x"},
        {"retention": {"value": "much", "low": 0, "high": 1}},
    ):
        with pytest.raises(BundleError, match=r"evaluation\.json: (test|history|teacher|retention)"):
            changed_bundle(evaluation).evaluation()
