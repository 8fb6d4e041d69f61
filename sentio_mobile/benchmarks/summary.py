"""The summary of a run: what the terminal shows at its end, and what the report opens with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sentio_mobile._internal.quantities import count, millions
from sentio_mobile._internal.records import Name, Record, Text, read_record
from sentio_mobile.benchmarks.decision import Decision, decide, load_words
from sentio_mobile.benchmarks.formatting import interval, megabytes, milliseconds, operations, times
from sentio_mobile.benchmarks.gates import Gate
from sentio_mobile.benchmarks.phones import PhoneBenchmark
from sentio_mobile.benchmarks.results import Benchmark, PeerComparison
from sentio_mobile.benchmarks.roofs import Roofline
from sentio_mobile.metrics.agreement import weak_teacher
from sentio_mobile.metrics.bootstrap import DIMENSIONS, Interval
from sentio_mobile.metrics.evaluation import SplitEvaluation
from sentio_mobile.spec import DataOrigin

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.bundle.verify import Verification

SUMMARY = "summary.json"

_NAMED = 3
"""Failed gates that the headline names; the table of gates has all of them."""


class Agreement(Record, frozen=True, kw_only=True):
    """CCC of one dimension with its interval, formatted."""

    dimension: Name  # valence, arousal or mean
    teacher: Name  # CCC of the teacher
    student: Name  # CCC of the student


class ArtifactLine(Record, frozen=True, kw_only=True):
    """One artifact, or one failed conversion, formatted."""

    label: Name  # label of the artifact, or name of the format
    size: Name  # size on disk
    parity: Name  # whether it agrees with PyTorch
    latency: Name  # p90 of its latency
    relative: Name = "-"  # its median latency over that of fp32 in the same format and form


class PhoneLine(Record, frozen=True, kw_only=True):
    """One artifact on one processor of a phone, formatted."""

    phone: Name  # the phone and its system
    label: Name  # label of the artifact
    runs_on: Name  # runtime and processor
    p50: Name  # median of its latency
    p90: Name  # p90 of its latency
    drift: Name  # how much slower the last third of the runs was than the first
    golden: Name  # largest difference from the golden predictions


class PeerLine(Record, frozen=True, kw_only=True):
    """One file of the bundle or of a peer, formatted."""

    label: Name  # the network, and the format and precision of the file
    own: bool  # whether it is an artifact of the bundle
    parameters: Name  # number of weights
    operations: Name  # multiply-accumulates of one clip
    size: Name  # size on disk
    ratio: Name  # median latency relative to the base, with its interval
    ccc: Name  # mean CCC with its interval; a dash where it is not known
    note: Text = ""  # why there is no file, or it was not timed


class RoofLine(Record, frozen=True, kw_only=True):
    """One artifact below the machine's roofs, formatted."""

    label: Name  # label of the artifact
    gflops: Name  # operations a second at its median latency
    share: Name  # of what the machine allows


class Summary(Record, frozen=True, kw_only=True):
    """The outcome of a run."""

    decision: Decision  # what to do with the bundle
    reason: Text  # why
    headline: Text  # the decision and its reason
    load: Text  # how busy the machine was while latency was measured, in words
    # Whether a conversion failed, or an artifact was refused or differs from PyTorch. A failed gate is none of these.
    has_failures: bool
    # One line for each kind of failed check, naming what failed.
    problems: Annotated[tuple[Text, ...], Meta(max_length=100)]
    generated: bool  # whether the figures were measured on generated music
    data: Text  # what the figures were measured on, in a sentence or two
    agreement: Annotated[tuple[Agreement, ...], Meta(max_length=3)]  # CCC of each dimension
    retention: Name  # retention with its interval, formatted
    weak_teacher: Text | None = None  # what shows that the teacher is weak; None where nothing does
    artifacts: Annotated[tuple[ArtifactLine, ...], Meta(max_length=1000)]  # every artifact and failed conversion
    gates: Annotated[tuple[Gate, ...], Meta(max_length=3000)]  # the gates
    # What phones measured; None where none did.
    phones: Annotated[tuple[PhoneLine, ...], Meta(max_length=10_000)] | None = None
    # Other networks beside the bundle's, and the artifact that their ratios are to; None where none were asked for.
    peers: Annotated[tuple[PeerLine, ...], Meta(max_length=1000)] | None = None
    peers_base: Name | None = None
    # How near artifacts come to the machine's roofs, and these in words; None where that was not asked for.
    roofline: Annotated[tuple[RoofLine, ...], Meta(max_length=1000)] | None = None
    roofs: Text | None = None

    @property
    def ready(self) -> bool:
        """Whether the decision is to ship: no check failed or was left open, and an artifact was verified."""
        return self.decision == "ship"

    @property
    def open_gates(self) -> tuple[Gate, ...]:
        """The gates that did not pass."""
        return tuple(gate for gate in self.gates if gate.verdict != "pass")

    @property
    def gates_in_words(self) -> str:
        """How many gates passed."""
        return f"{len(self.gates) - len(self.open_gates)} of {len(self.gates)} gates passed"


def read_summary(out: Path) -> Summary:
    """Read the summary.json that `verify_and_report` wrote to a folder.

    Raises:
        InputError: The file is missing, or is not such a summary.
    """
    return read_record(Summary, out / SUMMARY)


def summarize(bundle: Bundle, verification: Verification, benchmark: Benchmark) -> Summary:
    """Summarize a bundle, its verification and its benchmark.

    Raises:
        BundleError: The bundle's evaluation or provenance is damaged.
    """
    evaluation, manifest = bundle.evaluation(), bundle.manifest
    origin = manifest.provenance.data
    student, teacher = evaluation.held_out, evaluation.teacher
    generated = origin is not None and origin.labels == "generated"
    failed, refused = manifest.failed, manifest.refused
    problems = _problems(verification, benchmark, failed, refused)
    labels = {artifact.label for artifact in bundle.artifacts}
    decision, reason = decide(problems, verification, benchmark, generated=generated)
    return Summary(
        decision=decision,
        reason=reason,
        headline=f"{decision[0].upper()}{decision[1:]}: {reason}",
        load=load_words(benchmark),
        has_failures=bool(failed or refused) or not verification.passed,
        problems=tuple(problems),
        generated=generated,
        data=_data(origin, student, evaluation.test is not None),
        agreement=tuple(
            Agreement(
                dimension=name,
                teacher=interval(teacher.test.ccc[name] if teacher else None),
                student=interval(student.ccc[name] if student else None),
            )
            for name in DIMENSIONS
        ),
        retention=interval(evaluation.retention),
        weak_teacher=weak_teacher(
            evaluation.retention,
            teacher=teacher.parameters if teacher else None,
            student=manifest.trained,
        ),
        artifacts=(
            *_artifacts(verification, benchmark),
            *(_missing(name, "conversion failed") for name in failed),
            *(_missing(name, "refused") for name in refused if name not in labels),
        ),
        gates=benchmark.gates,
        phones=phone_lines(benchmark.phones) if benchmark.phones else None,
        peers=peer_lines(benchmark.peers) if benchmark.peers else None,
        peers_base=benchmark.peers.base if benchmark.peers else None,
        roofline=roof_lines(benchmark.roofline) if benchmark.roofline else None,
        roofs=roofs_in_words(benchmark.roofline) if benchmark.roofline else None,
    )


def artifact_ccc(bundle: Bundle) -> dict[str, Interval]:
    """Mean CCC of each artifact whose accuracy is known on songs that the model did not learn from, by its label.

    Raises:
        BundleError: The bundle's evaluation is damaged.
    """
    # On training songs a gate tells what a precision costs, and nothing of accuracy.
    found = {
        entry.label: entry.accuracy.ccc["mean"]
        for entry in bundle.manifest.artifacts
        if entry.accuracy and entry.accuracy.split != "train"
    }
    student = bundle.evaluation().held_out
    if student is not None:
        for entry in bundle.manifest.artifacts:
            if entry.precision == "fp32":
                found.setdefault(entry.label, student.ccc["mean"])
    return found


def roof_lines(roofline: Roofline) -> tuple[RoofLine, ...]:
    """Every artifact that was timed."""
    return tuple(
        RoofLine(label=one.label, gflops=f"{one.gflops:.3g} GFLOP/s", share=f"{one.share:.0%}")
        for one in roofline.points
    )


def roofs_in_words(roofline: Roofline) -> str:
    """What a clip takes, and what the machine can do."""
    roofs = roofline.roofs
    return (
        f"One clip takes {operations(roofline.multiply_accumulates)} multiply-accumulates; this machine does "
        f"{roofs.gflops:.3g} GFLOP/s in 32-bit matrix products and copies {roofs.gigabytes:.3g} GB/s"
    )


def peer_lines(peers: PeerComparison) -> tuple[PeerLine, ...]:
    """Every file of a comparison."""
    return tuple(
        PeerLine(
            label=f"{row.name} {row.format} {row.precision}"[:255],
            own=row.own,
            parameters=millions(row.parameters),
            operations=operations(row.multiply_accumulates),
            size="-" if row.size is None else megabytes(row.size),
            ratio="-" if row.ratio is None else str(row.ratio),
            ccc="-" if row.ccc is None else str(row.ccc),
            note=row.reason,
        )
        for row in peers.rows
    )


def phone_lines(phones: Iterable[PhoneBenchmark]) -> tuple[PhoneLine, ...]:
    """Every artifact on every processor of each phone."""
    return tuple(
        PhoneLine(
            phone=found.device.words[:255],
            label=runs.artifact,
            runs_on=runs.runs_on,
            p50=milliseconds(latency.p50_ms),
            p90=milliseconds(latency.p90_ms),
            drift=str(runs.drift),
            golden="-" if runs.golden_max_diff is None else f"{runs.golden_max_diff:.1e}",
        )
        for found in phones
        for runs in found.measured
        for latency in (runs.latency,)
    )


def _problems(
    verification: Verification, benchmark: Benchmark, failed: Mapping[str, str], refused: Mapping[str, str]
) -> list[str]:
    differing = sum(result.verdict == "fail" for result in verification.results)
    problems = []
    if benchmark.failed:
        named = ", ".join(f"{gate.name} of {gate.target}" for gate in benchmark.failed[:_NAMED])
        if (more := len(benchmark.failed) - _NAMED) > 0:
            named += f" and {more} more"
        problems.append(f"{len(benchmark.failed)} of {count(len(benchmark.gates), 'gate')} failed: {named}")
    if differing:
        named = ", ".join(r.label for r in verification.results if r.verdict == "fail")
        problems.append(f"{count(differing, 'model file')} did not reproduce the trained model's predictions: {named}")
    if failed:
        problems.append(f"{count(len(failed), 'conversion')} failed: {', '.join(failed)}")
    if refused:
        words = "model file was" if len(refused) == 1 else "model files were"
        problems.append(f"{len(refused)} {words} refused because of the cost of quantization: {', '.join(refused)}")
    if not verification.spread_ok:
        problems.append("the predictions for the golden vectors are too much alike to prove anything")
    return problems


def _data(origin: DataOrigin | None, student: SplitEvaluation | None, tested: bool) -> str:
    songs = "No test songs are recorded. "
    if student is not None:
        by_folds = f"{count(student.n, 'song')}, each predicted by a model that was trained without its group. "
        songs = f"{count(student.n, 'test song')}. " if tested else by_folds
    if origin and origin.labels == "generated":
        return (
            f"{songs}Both the music and its labels were generated by a program. The figures show that the toolchain "
            "works; they say nothing about human listeners."
        )
    if origin and origin.labels == "rated":
        source = origin.source or "an unnamed source"
        return f"{songs}The songs and their ratings by listeners come from {source}."
    if origin and origin.labels == "tags":
        source = origin.source or "an unnamed source"
        return (
            f"{songs}The songs come from {source}. Their labels are norms of the words that they are tagged with: no "
            "listener rated them."
        )
    return f"{songs}The bundle does not record which songs the model was trained on, or who labelled them."


def _artifacts(verification: Verification, benchmark: Benchmark) -> list[ArtifactLine]:
    parity = {result.label: result.verdict for result in verification.results}
    return [
        ArtifactLine(
            label=one.label,
            size=megabytes(one.size),
            parity=parity.get(one.label, "not run"),
            latency="not measured" if one.latency is None else milliseconds(one.latency.p90_ms),
            relative="-" if (ratio := benchmark.ratio(one)) is None else times(ratio),
        )
        for one in benchmark.measured
    ]


def _missing(label: str, why: str) -> ArtifactLine:
    return ArtifactLine(label=label, size="-", parity=why, latency="-")
