"""The report of a bundle: one HTML file with its measurements, how they were made, and what they do not prove."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from sentio_mobile._internal.pages import write_page
from sentio_mobile._internal.quantities import millions
from sentio_mobile.benchmarks import charts, drawings
from sentio_mobile.benchmarks.formatting import DESKTOP, megabytes, milliseconds, operations, share, times
from sentio_mobile.benchmarks.results import ArtifactBenchmark, Benchmark
from sentio_mobile.benchmarks.summary import artifact_ccc, peer_lines, summarize
from sentio_mobile.bundle.accuracy import Accuracy
from sentio_mobile.bundle.manifest import flatten
from sentio_mobile.formats.coreml_base import CoreMLFormat
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.ceiling import ceiling_in_words
from sentio_mobile.metrics.evaluation import Evaluation, SplitEvaluation, learning_curves
from sentio_mobile.spec import OUTPUTS

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.bundle.verify import Verification

REPORT = "report.html"
MAX_WORST_SONGS = 10


def write_report(path: Path, bundle: Bundle, verification: Verification, benchmark: Benchmark) -> None:
    """Write the report of a bundle as one self-contained HTML file.

    Args:
        path: Output file.
        bundle: The bundle.
        verification: Result of `verify`.
        benchmark: Result of `benchmark`.

    Raises:
        BundleError: The bundle's evaluation is damaged.
        OutputError: `path` cannot be written.
    """
    filters = {
        "ms": milliseconds,
        "mb": megabytes,
        "share": share,
        "millions": millions,
        "times": times,
        "operations": operations,
    }
    write_page(path, Path(__file__).with_name("report.html.j2"), _view(bundle, verification, benchmark), filters)


def _view(bundle: Bundle, verification: Verification, benchmark: Benchmark) -> dict[str, Any]:
    evaluation = bundle.evaluation()
    name = bundle.folder.resolve().name
    points = _points(bundle, benchmark)
    right = {result.label for result in verification.results if result.verdict == "pass"}
    agreeing = [one for one in benchmark.measured if one.label in right]
    script = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    return {
        "script": Markup(script),
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        "chosen": _smallest(agreeing or benchmark.measured),
        "agreeing": agreeing,
        "teacher_drawn": any(point.kind == "teacher" for point in points),
        "name": name,
        "command_name": shlex.quote(name),
        "summary": summarize(bundle, verification, benchmark),
        "evaluation": evaluation,
        "charts": _charts(evaluation, points),
        "shown": min(charts.MAX_SONGS, len(evaluation.held_out.songs)) if evaluation.held_out else 0,
        "worst": _worst(evaluation.held_out) if evaluation.held_out else [],
        "artifacts": _artifacts(verification, benchmark),
        "costs": _costs(bundle),
        "failed": bundle.manifest.failed,
        "refused": bundle.manifest.refused,
        "verification": verification,
        "benchmark": benchmark,
        "phones": benchmark.phones or (),
        "roofline": [drawings.roofline(benchmark.roofline, shape) for shape in (drawings.WIDE, drawings.NARROW)]
        if benchmark.roofline
        else None,
        "peers": peer_lines(benchmark.peers) if benchmark.peers else (),
        "machine": benchmark.machine,
        "desktop": DESKTOP,
        "interpreted": not benchmark.machine.system.startswith("macOS")
        and any(
            isinstance(get_format(r.format), CoreMLFormat) and r.verdict != "not run" for r in verification.results
        ),
        "architecture": bundle.spec.architecture,
        "seconds": bundle.spec.audio.seconds,
        "parameters": bundle.manifest.parameters_in_words,
        "provenance": _provenance(bundle),
        "recipe": _recipe(bundle),
        "ceiling_in_words": ceiling_in_words,
        "versions": bundle.manifest.versions,
    }


def _smallest(files: Sequence[ArtifactBenchmark]) -> ArtifactBenchmark:
    """The file whose size and time open the report: the smallest, a timed one if possible."""
    return min(files, key=lambda one: (round(one.size, -5), one.latency is None, one.size))


def _points(bundle: Bundle, benchmark: Benchmark) -> list[drawings.Point]:
    """Every file, and the teacher where its number of weights is known."""
    evaluation = bundle.evaluation()
    teacher = evaluation.teacher
    known = artifact_ccc(bundle)
    forms = {one.form for one in benchmark.measured}
    first_form = benchmark.measured[0].form
    points = [
        drawings.Point(
            name=f"{one.format} {one.precision}" if len(forms) == 1 else one.label,
            size=one.size,
            latency=one.latency.p90_ms if one.latency else None,
            ccc=known[one.label].value if one.label in known else None,
            kind="int8" if one.precision.startswith("int8") else "other",
            leads=one.form == first_form,
        )
        for one in benchmark.measured
    ]
    if teacher is not None and teacher.parameters is not None:
        ccc = teacher.test.ccc["mean"].value
        points.append(
            drawings.Point(name="teacher", size=4 * teacher.parameters, latency=None, ccc=ccc, kind="teacher")
        )
    return points


def _charts(evaluation: Evaluation, points: list[drawings.Point]) -> dict[str, Any]:
    student, teacher = evaluation.held_out, evaluation.teacher
    curves = learning_curves(evaluation.history)
    models = (("teacher", learning_curves(teacher.history) if teacher else None), ("student", curves))
    # A bundle may leave the songs out of its evaluation.
    songs = student if student and student.songs else None
    return {
        "wide": drawings.trade_off(points, drawings.WIDE),
        "narrow": drawings.trade_off(points, drawings.NARROW),
        "agreement": charts.agreement_chart(evaluation) if student or teacher else None,
        "plane": drawings.plane(songs) if songs else None,
        "scatters": [drawings.scatter(songs, i) for i in range(len(OUTPUTS))] if songs else [],
        "terms": charts.terms_chart(curves) if curves and curves.terms else None,
        "histories": [(name, charts.history_chart(found, name)) for name, found in models if found],
    }


def _worst(scores: SplitEvaluation) -> list[dict[str, Any]]:
    """The songs with the largest distance of prediction and label in the plane."""
    distance = np.linalg.norm(scores.predictions - scores.labels, axis=1)
    return [
        {
            "song": scores.songs[i],
            "truth": tuple(f"{x:+.2f}" for x in scores.truth[i]),
            "predicted": tuple(f"{x:+.2f}" for x in scores.predicted[i]),
            "distance": f"{distance[i]:.2f}",
        }
        for i in np.argsort(-distance, kind="stable")[:MAX_WORST_SONGS]
    ]


def _artifacts(verification: Verification, benchmark: Benchmark) -> list[dict[str, Any]]:
    parity = {result.label: result for result in verification.results}
    return [
        {"measured": one, "parity": parity.get(one.label), "ratio": benchmark.ratio(one)} for one in benchmark.measured
    ]


def _costs(bundle: Bundle) -> list[Accuracy]:
    """Cost of each artifact's precision, if it was measured on songs when the bundle was exported."""
    return [entry.accuracy for entry in bundle.manifest.artifacts if entry.accuracy]


def _provenance(bundle: Bundle) -> dict[str, str]:
    """Where the model came from: descriptions with their values."""
    provenance = bundle.manifest.provenance
    origin = provenance.data
    facts = {
        "checkpoint (SHA-256 of its weights)": provenance.checkpoint_sha256,
        "data source": origin and origin.source,
        "data fingerprint": origin and origin.fingerprint,
        "labels": origin and origin.labels,
        "songs": origin and ", ".join(f"{n} {split}" for split, n in origin.songs.items()),
        "split seed": None if origin is None else origin.split_seed,
        "training seed": flatten(provenance.recipe).get("training.seed"),
    }
    if provenance.keep_float:
        facts["layers kept in floating point"] = ", ".join(provenance.keep_float)
    return {name: "not recorded" if value in (None, "") else str(value) for name, value in facts.items()}


def _recipe(bundle: Bundle) -> str:
    recipe = bundle.manifest.provenance.recipe
    return json.dumps(recipe, indent=2) if recipe else ""
