"""The outcome of a benchmark for other programs: Markdown for a pull request, JUnit XML for continuous integration."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.files import write_bytes, write_text
from sentio_mobile.benchmarks.summary import Summary
from sentio_mobile.errors import printable

if TYPE_CHECKING:
    from sentio_mobile.bundle.verify import Verification

MARKDOWN, JUNIT = "report.md", "junit.xml"


def write_markdown(path: Path, summary: Summary) -> None:
    """Write the summary as Markdown: verdict, load, accuracy, artifacts, and the gates that did not pass.

    Raises:
        OutputError: The file cannot be written.
    """
    lines = [f"# {_cell(summary.headline)}", "", f"{_cell(summary.load)}.", ""]
    lines += [f"- {_cell(problem)}" for problem in summary.problems]
    lines += [""] * bool(summary.problems)
    lines += [_cell(summary.data), "", *_table(("CCC (95% interval)", "teacher", "student"), _agreement(summary)), ""]
    if summary.weak_teacher:
        lines += [f"{_cell(summary.weak_teacher)}.", ""]
    artifacts = [(one.label, one.size, one.parity, one.latency, one.relative) for one in summary.artifacts]
    lines += [*_table(("artifact", "size", "PyTorch", "p90 (desktop, not a phone)", "of fp32"), artifacts), ""]
    if summary.peers:
        columns = ("peer", "parameters", "multiply-accumulates", "size", f"latency / {summary.peers_base}", "mean CCC")
        peers = [(one.label, one.parameters, one.operations, one.size, one.ratio, one.ccc) for one in summary.peers]
        lines += [*_table(columns, peers), ""]
    if summary.phones:
        phones = [(f"{one.phone}: {one.label}", one.runs_on, one.p50, one.p90, one.drift) for one in summary.phones]
        lines += [*_table(("on a phone", "by", "p50", "p90", "last third / first"), phones), ""]
    lines += [f"{summary.gates_in_words}.", ""]
    others = [
        (
            *(gate.name, gate.target, f"{gate.limit:g} {gate.unit}"),
            "-" if gate.value is None else f"{gate.value:.3g}",
            *(gate.verdict, gate.note),
        )
        for gate in summary.open_gates
    ]
    if others:
        lines += [*_table(("gate", "of", "limit", "measured", "verdict", "note"), others), ""]
    write_text(path, "\n".join(lines))


def write_junit(path: Path, summary: Summary, verification: Verification) -> None:
    """Write gates and comparisons with PyTorch as JUnit XML. What was left open is skipped, and never passed.

    Raises:
        OutputError: The file cannot be written.
    """
    cases: list[tuple[str, str, str, str]] = [
        (
            "gate",
            f"{gate.name} of {gate.target}",
            gate.verdict,
            f"{gate.value} against {gate.limit:g} {gate.unit}; {gate.note}",
        )
        for gate in summary.gates
    ]
    cases += [
        ("verification", f"{one.label} on {one.processor}", one.verdict, one.reason or f"differs by {one.max_diff}")
        for one in verification.results
    ]
    failed = sum(verdict == "fail" for _, _, verdict, _ in cases)
    skipped = sum(verdict not in ("pass", "fail") for _, _, verdict, _ in cases)
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}
    suites = ET.Element("testsuites", {"name": "sentio-mobile benchmark", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": printable(summary.headline), **counts})
    for kind, name, verdict, note in cases:
        case = ET.SubElement(suite, "testcase", classname=f"sentio-mobile.{kind}", name=printable(name))
        if verdict != "pass":
            ET.SubElement(case, "failure" if verdict == "fail" else "skipped", message=printable(f"{verdict}: {note}"))
    ET.indent(suites)
    write_bytes(path, ET.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n")


def _agreement(summary: Summary) -> list[tuple[str, ...]]:
    return [(row.dimension, row.teacher, row.student) for row in summary.agreement]


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [columns, ("---",) * len(columns), *rows]
    return [f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines]


def _cell(text: str) -> str:
    """A text on one line that Markdown shows as it is."""
    escaped = "".join(f"\\{c}" if c in "\\`*_<>|#" else c for c in printable(text))
    return escaped.replace("&", "&amp;")
