"""Tabulate every artifact of a bundle: size, parity, accuracy on songs, speed, and parity on ARM64.

    sentio-mobile export --checkpoint CKPT --format all --precision all --data PREPARED --out BUNDLE
    sentio-mobile verify BUNDLE --songs PREPARED --arm64 --json > VERIFIED.json
    python benchmarks/research/conformance.py BUNDLE VERIFIED.json OUT.json [--runs 100]

Sizes and times are compared with the fp32 artifact of the same format and form. Artifacts are timed in turns with one
thread, and the ratios have a bootstrap interval over rounds. The CCC is measured on the test songs, which neither the
calibration nor any choice has used, and its loss against fp32 is paired by song. Writes OUT.json, and the table as
OUT.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_json, write_text
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import read_record, to_plain
from sentio_mobile.benchmarks.latency import ratio_of, time_in_turns
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.verify import Verification
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.errors import DataError
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import FORMS, Artifact

WARM_UP = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the artifacts, and write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("verified", type=Path, metavar="VERIFIED.json")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args(arguments)
    bundle, verification = open_bundle(options.bundle), read_record(Verification, options.verified, DataError)
    with ProgressBars() as progress:
        times = measure_times(bundle, options.runs, progress)
    rows = {artifact.label: row(bundle, artifact, times) for artifact in bundle.artifacts}
    for parity in verification.results:
        column = "arm64" if parity.processor == "arm64" else "parity"
        rows[f"{parity.format} {parity.form} {parity.precision}"][column] = to_plain(parity)
    for accuracy in verification.accuracy:
        rows[f"{accuracy.format} {accuracy.form} {accuracy.precision}"]["accuracy"] = to_plain(accuracy)
    record = {
        "passed": verification.passed,
        "golden_spread": verification.spread,
        "vectors": verification.vectors,
        "rows": list(rows.values()),
        "failed": bundle.manifest.failed,
        "refused": bundle.manifest.refused,
        "parameters": bundle.manifest.parameters,
        "provenance": to_plain(bundle.manifest.provenance),
        "threads": 1,
        "runs": options.runs,
        "machine": to_plain(describe_machine()),
        "versions": bundle.manifest.versions,
    }
    write_json(options.out, record)
    table = as_table(list(rows.values()))
    write_text(options.out.with_suffix(".md"), table)
    print(table)


def measure_times(bundle: Bundle, runs: int, progress: Progress) -> dict[str, NDArray[np.float64]]:
    """Milliseconds per round of every artifact whose own runtime is on this machine, one form after the other."""
    golden = bundle.golden()
    times: dict[str, NDArray[np.float64]] = {}
    for form in FORMS:
        artifacts = [a for a in bundle.artifacts if a.form == form and get_format(a.format).timed_here]
        spec = bundle.spec.in_form(form)
        runners = {a.label: get_format(a.format).open(a.path, spec, 1) for a in artifacts}
        inputs = {a.label: golden.inputs(spec) for a in artifacts}
        if runners:
            times |= time_in_turns(runners, inputs, runs=runs, warm_up=WARM_UP, progress=progress)
    return times


def row(bundle: Bundle, artifact: Artifact, times: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Size and time of one artifact, and their ratios to fp32."""
    fp32 = [a for a in bundle.artifacts if (a.format, a.form, a.precision) == (artifact.format, artifact.form, "fp32")]
    measured, base = times.get(artifact.label), times.get(fp32[0].label) if fp32 else None
    return {
        "label": artifact.label,
        "format": artifact.format,
        "form": artifact.form,
        "precision": artifact.precision,
        "bytes": bundle.size(artifact),
        "share_of_fp32": round(bundle.size(artifact) / bundle.size(fp32[0]), 4) if fp32 else None,
        "p50_ms": None if measured is None else round(float(np.median(measured)), 2),
        "ratio_to_fp32": None if measured is None or base is None else to_plain(ratio_of(measured, base)),
    }


def as_table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| format | form | precision | MB | of fp32 | largest difference | PSNR, dB | mean CCC | loss against fp32 |"
        " time, of fp32 | ARM64, largest difference |",
        "|---" * 11 + "|",
    ]
    for one in rows:
        parity, arm, accuracy = (one.get(name) for name in ("parity", "arm64", "accuracy"))
        ratio = one["ratio_to_fp32"]
        cells = [
            one["format"],
            one["form"],
            one["precision"],
            f"{one['bytes'] / 1e6:.1f}",
            "" if one["share_of_fp32"] is None else f"{one['share_of_fp32']:.0%}",
            _max_diff(parity),
            "" if not parity or parity["psnr"] is None else f"{parity['psnr']:.0f}",
            "" if not accuracy else _interval(accuracy["ccc"]["mean"], 2),
            "" if not accuracy else _interval(accuracy["loss"]["mean"], 3),
            "" if ratio is None else _interval(ratio, 2),
            _max_diff(arm),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _max_diff(parity: dict[str, Any] | None) -> str:
    if not parity:
        return ""
    text = parity["verdict"] if parity["max_diff"] is None else f"{parity['max_diff']:.1e}"
    return text if parity["verdict"] != "fail" else f"**{text}**"


def _interval(values: dict[str, float | None], digits: int) -> str:
    interval = Interval(**values)
    if interval.value is None or interval.low is None or interval.high is None:
        return "undefined"
    return f"{interval.value:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


if __name__ == "__main__":
    main()
