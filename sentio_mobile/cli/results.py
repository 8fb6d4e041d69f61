"""How results are printed: always with their interval and what they were measured on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.quantities import millions
from sentio_mobile.cli.output import console, print_json, wants_json
from sentio_mobile.cli.tables import show_table

if TYPE_CHECKING:
    from sentio_mobile.benchmarks.summary import Summary
    from sentio_mobile.evaluation.results import EvaluationRun
    from sentio_mobile.metrics.bootstrap import Interval
    from sentio_mobile.metrics.evaluation import SplitEvaluation
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.pipeline.estimate import TrainEstimate

DESKTOP = "desktop, not a phone"
"""Beside every measured time."""


def show_evaluation(who: str, evaluation: SplitEvaluation | None) -> None:
    """Print the CCC of one model on test songs with its interval, for each dimension and the mean."""
    if evaluation is None:
        return
    parts = [f"{name} {ccc}" for name, ccc in evaluation.ccc.items()]
    console.print(f"{who}: CCC on {evaluation.n} test songs (95% interval): {', '.join(parts)}", markup=False)
    if coverage := evaluation.coverage:
        shares = ", ".join(
            f"{name} {output.share:.0%} [{output.low:.0%}, {output.high:.0%}] at +-{output.half_width:.2f}"
            for name, output in coverage.outputs.items()
        )
        console.print(f"coverage of the {coverage.target:.0%} intervals on test songs: {shares}", markup=False)


def show_parameters(who: str, checkpoint: Checkpoint) -> None:
    """Print how many weights a network has."""
    console.print(f"{who}: {checkpoint.parameters_in_words} parameters", markup=False, soft_wrap=True)


def show_retention(retention: Interval | None, *, teacher: int | None = None, student: int | None = None) -> None:
    """Print the student's CCC over the teacher's, and what shows that the teacher is weak.

    Args:
        retention: The student's mean CCC over the teacher's.
        teacher: Parameters of the teacher; None where it is no network.
        student: Parameters of the student.
    """
    from sentio_mobile.metrics.agreement import weak_teacher

    if retention is not None:
        console.print(f"retention (student / teacher, mean CCC): {retention}", markup=False)
    if weak := weak_teacher(retention, teacher=teacher, student=student):
        console.print(weak, style="yellow", markup=False, soft_wrap=True)


def show_decision(summary: Summary) -> None:
    """Print what to do and why, and below it how busy the machine was."""
    console.print(summary.headline, style="bold", markup=False)
    console.print(summary.load, markup=False)


def show_problems(summary: Summary) -> None:
    """Print each kind of failed check, unless it is the reason that the first line gives."""
    for problem in summary.problems if len(summary.problems) > 1 else ():
        console.print(f"- {problem}", markup=False, soft_wrap=True)


def exit_status(summary: Summary) -> int:
    """0 to ship, 1 to fix, 3 to measure again: 2 is a wrong input's."""
    return {"ship": 0, "fix": 1, "measure again": 3}[summary.decision]


def show_summary(summary: Summary) -> None:
    """Print the result of a run on one screen."""
    console.print()
    show_decision(summary)
    show_problems(summary)
    console.print(summary.data, markup=False, soft_wrap=True)
    console.print()
    show_table(
        ("CCC (95% interval)", "teacher", "student"),
        [(row.dimension, row.teacher, row.student) for row in summary.agreement],
        right=False,
    )
    if summary.weak_teacher:
        console.print(summary.weak_teacher, style="yellow", markup=False, soft_wrap=True)
    console.print()
    show_table(
        ("artifact", "size", "PyTorch", "p90", "of fp32"),
        [(line.label, line.size, line.parity, line.latency, line.relative) for line in summary.artifacts],
        droppable=("of fp32",),
    )
    console.print(f"PyTorch: agreement with it; p90: time of one clip, {DESKTOP}", style="dim", markup=False)
    if summary.roofline is not None:
        console.print()
        console.print(f"{summary.roofs}:", markup=False, soft_wrap=True)
        rows = [(line.label, line.gflops, line.share) for line in summary.roofline]
        show_table(("artifact", "reaches", "of the roof"), rows)
    _show_peers(summary)
    _show_phones(summary)
    console.print()
    console.print(summary.gates_in_words, markup=False)
    if summary.open_gates:
        show_table(
            ("gate", "limit", "measured", "verdict"),
            [
                (
                    f"{gate.name}, {gate.target}",
                    f"{gate.limit:g} {gate.unit}".strip(),
                    "-" if gate.value is None else f"{gate.value:.3g}",
                    gate.verdict,
                )
                for gate in summary.open_gates
            ],
        )


def _show_peers(summary: Summary) -> None:
    """Print other networks beside the bundle's: one table, or two where it would not fit."""
    from sentio_mobile.cli.tables import WIDE

    if summary.peers is None:
        return
    console.print()
    console.print(f"Peers; ratios of median latency to {summary.peers_base}, {DESKTOP}:", markup=False, soft_wrap=True)
    columns = ("network", "parameters", "MACs", "size", "latency ratio", "mean CCC")
    rows = [
        (f"{one.label}{' (bundle)' if one.own else ''}", one.parameters, one.operations, one.size, one.ratio, one.ccc)
        for one in summary.peers
    ]
    if console.width >= WIDE:
        show_table(columns, rows)
    else:
        show_table(columns[:4], [row[:4] for row in rows])
        console.print()
        show_table((columns[0], *columns[4:]), [(row[0], *row[4:]) for row in rows])
    for one in summary.peers:
        if one.note:
            console.print(f"{one.label}: {one.note}", markup=False, soft_wrap=True)


def _show_phones(summary: Summary) -> None:
    """Print what phones measured, a table for each phone."""
    lines = summary.phones or ()
    for phone in dict.fromkeys(line.phone for line in lines):
        console.print()
        console.print(f"On the phone {phone}:", markup=False, soft_wrap=True)
        show_table(
            ("artifact", "by", "p50", "p90", "last third / first", "golden"),
            [
                (line.label, line.runs_on, line.p50, line.p90, line.drift, line.golden)
                for line in lines
                if line.phone == phone
            ],
            droppable=("by", "golden"),
        )


def show_run(out: Path, summary: Summary, estimate: TrainEstimate | None = None) -> None:
    """Say where a run's results are, and what to do next; as JSON, say all of it."""
    from sentio_mobile.benchmarks.report import REPORT

    bundle, report = out / "bundle", out / REPORT
    console.print(f"Bundle: {bundle}", soft_wrap=True, markup=False)
    console.print(f"Report: {report} (open it in a browser)", soft_wrap=True, markup=False)
    console.print(f"Next:   sentio-mobile predict {bundle} SONG.mp3", soft_wrap=True, markup=False)
    print_json({"bundle": str(bundle), "report": str(report), "summary": summary, "estimate": estimate})


def print_checkpoint(folder: Path) -> None:
    """Print the sheet of a checkpoint, if JSON was asked for."""
    if wants_json():
        from sentio_mobile.models.checkpoint import read_sheet

        print_json(read_sheet(folder))


def show_models(run: EvaluationRun) -> None:
    """Print one row per model, then which models differ."""
    from sentio_mobile.cli.tables import WIDE

    console.print(f"{len(run.songs)} {run.split} songs; 95% intervals over {run.bootstrap.over}", markup=False)
    columns = ("model", "valence CCC", "arousal CCC", "mean CCC", "MAE", "parameters", "one clip")
    rows = [
        (
            model.name,
            *(str(model.metrics[name]["ccc"]) for name in ("valence", "arousal", "mean")),
            str(model.metrics["mean"]["mae"]),
            "-" if model.parameters is None else millions(model.parameters),
            "-" if model.latency is None else f"{model.latency.p50_ms:.1f} ms",
        )
        for model in run.models
    ]
    if console.width >= WIDE:
        show_table(columns, rows, droppable=("one clip",))
    else:
        show_table(columns[:4], [row[:4] for row in rows])
        console.print()
        show_table(("model", *columns[4:]), [(row[0], *row[4:]) for row in rows], droppable=("one clip",))
    for note in run.notes:
        console.print(f"- {note}.", markup=False, soft_wrap=True)
    for pair in run.comparisons:
        difference = pair.difference["mean"]
        verdict = "" if difference.excludes_zero else f": {pair.verdict}"
        console.print(
            f"{pair.second} minus {pair.first}: {difference} in mean CCC{verdict}", markup=False, soft_wrap=True
        )
    console.print(f"{run.headline}.", style="bold", markup=False, soft_wrap=True)
