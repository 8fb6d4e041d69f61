"""Every artifact of a bundle in one table: size, parity, accuracy on songs, speed, and another processor.

    sentio-mobile export --checkpoint CKPT --format all --precision all --data PREPARED --out BUNDLE
    sentio-mobile verify BUNDLE --songs PREPARED --arm64 --json > VERIFIED.json
    python benchmarks/research/conformance.py BUNDLE VERIFIED.json OUT.json [--runs 100]

Sizes and times are compared with the 32-bit artifact of the same format and form; times are taken in turns, one
thread, and their ratios have a bootstrap interval over rounds. CCC is on the test songs, which neither ranges nor any
choice has seen, and its loss against 32 bits is paired by song. Writes OUT.json, and OUT.md with the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import read_json, write_json, write_text
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.benchmarks.latency import ratio_of, time_in_turns
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.errors import DataError
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import Artifact

WARM_UP = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Read what was verified, time, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("verified", type=Path, metavar="VERIFIED.json")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args(arguments)
    bundle, found = open_bundle(options.bundle), read_json(options.verified, DataError)
    with ProgressBars() as bars:
        times = timed(bundle, options.runs, bars)
    rows = [row(bundle, artifact, times) for artifact in bundle.artifacts]
    by_label = {one["label"]: one for one in rows}
    for kind in ("results", "accuracy"):
        for one in found[kind]:
            column = kind if kind == "accuracy" else "arm64" if one["processor"] == "arm64" else "parity"
            by_label["{format} {form} {precision}".format(**one)][column] = one
    record = {
        "passed": found["passed"],
        "golden_spread": found["spread"],
        "vectors": found["vectors"],
        "rows": rows,
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
    table = as_table(rows)
    write_text(options.out.with_suffix(".md"), table)
    print(table)


def timed(bundle: Bundle, runs: int, progress: Progress) -> dict[str, NDArray[np.float64]]:
    """Milliseconds of every artifact whose own runtime is here, by round; PCM and pictures one after the other."""
    golden, times = bundle.golden(), {}
    for form in ("spectrogram", "waveform"):
        here = [a for a in bundle.artifacts if a.form == form and get_format(a.format).timed_here]
        spec = bundle.spec.in_form(form)
        runners = {a.label: get_format(a.format).open(a.path, spec, 1) for a in here}
        inputs = {a.label: golden.inputs(spec) for a in here}
        if runners:
            times |= time_in_turns(runners, inputs, runs=runs, warm_up=WARM_UP, progress=progress)
    return times


def row(bundle: Bundle, artifact: Artifact, times: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Size and time of one artifact, and both against 32 bits."""
    wide = [a for a in bundle.artifacts if (a.format, a.form, a.precision) == (artifact.format, artifact.form, "fp32")]
    took, base = times.get(artifact.label), times.get(wide[0].label) if wide else None
    return {
        "label": artifact.label,
        "format": artifact.format,
        "form": artifact.form,
        "precision": artifact.precision,
        "bytes": bundle.size(artifact),
        "share_of_fp32": round(bundle.size(artifact) / bundle.size(wide[0]), 4) if wide else None,
        "p50_ms": None if took is None else round(float(np.median(took)), 2),
        "ratio_to_fp32": None if took is None or base is None else to_plain(ratio_of(took, base)),
    }


def as_table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| format | fed with | precision | MB | of fp32 | worst | PSNR, dB | mean CCC | loss against fp32 |"
        " time, of fp32 | ARM64, worst |",
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
            _worst(parity),
            "" if not parity or parity["psnr"] is None else f"{parity['psnr']:.0f}",
            "" if not accuracy else _interval(accuracy["ccc"]["mean"], 2),
            "" if not accuracy else _interval(accuracy["loss"]["mean"], 3),
            "" if ratio is None else _interval(ratio, 2),
            _worst(arm),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _worst(parity: dict[str, Any] | None) -> str:
    if not parity:
        return ""
    worst = parity["verdict"] if parity["max_diff"] is None else f"{parity['max_diff']:.1e}"
    return worst if parity["verdict"] != "fail" else f"**{worst}**"


def _interval(values: dict[str, float | None], digits: int) -> str:
    interval = Interval(**values)
    if interval.value is None or interval.low is None or interval.high is None:
        return "undefined"
    return f"{interval.value:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


if __name__ == "__main__":
    main()
