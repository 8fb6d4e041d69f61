"""The outcome for other programs: Markdown and JUnit XML."""

import xml.etree.ElementTree as ET
from pathlib import Path

from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.exchange import write_junit, write_markdown
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.benchmarks.summary import summarize
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import Verification


def with_gates(measured: Benchmark, *verdicts: str) -> Benchmark:
    gates = tuple(
        replace(gate, verdict=verdict, note="a | b <c>\x1b")  # type: ignore[arg-type]
        for gate, verdict in zip(measured.gates, verdicts, strict=True)
    )
    return replace(measured, gates=gates, load=0.4, max_load=0.1)


def test_junit_counts_what_failed_and_skips_what_was_left_open(
    bundle: Bundle, verification: Verification, measured: Benchmark, tmp_path: Path
) -> None:
    found = with_gates(measured, "pass", "fail", "pass", "inconclusive", "not measured")
    path = tmp_path / "junit.xml"
    write_junit(path, summarize(bundle, verification, found), verification)
    root = ET.parse(path).getroot()
    cases = root.findall(".//testcase")
    assert len(cases) == int(root.attrib["tests"]) == 5 + len(verification.results)
    assert root.attrib["failures"] == "1" == str(len(root.findall(".//failure")))
    assert root.attrib["skipped"] == "2" == str(len(root.findall(".//skipped")))
    assert "\\x1b" in root.findall(".//failure")[0].attrib["message"]
    assert all(case.attrib["name"] and case.attrib["classname"] for case in cases)


def test_markdown_has_verdict_load_and_what_did_not_pass(
    bundle: Bundle, verification: Verification, measured: Benchmark, tmp_path: Path
) -> None:
    found = with_gates(measured, "pass", "pass", "pass", "inconclusive", "pass")
    path = tmp_path / "report.md"
    write_markdown(path, summarize(bundle, verification, found))
    text = path.read_text()
    assert text.startswith("# Measure again: latency of 1 model file is inconclusive")
    assert "other work took 40% of the cores" in text
    assert "4 of 5 gates passed." in text
    (row,) = [line for line in text.splitlines() if "inconclusive |" in line]
    assert r"a \| b \<c\>" in row, "a name cannot break the table, or be a tag"
    assert "onnx spectrogram fp32" in text
