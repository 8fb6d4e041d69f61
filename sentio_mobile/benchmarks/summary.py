"""The few lines that a newcomer wants at the end of a run, and that the report opens with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sentio_mobile.benchmarks.formatting import DESKTOP, count, interval, megabytes, milliseconds, times
from sentio_mobile.benchmarks.gates import Gate
from sentio_mobile.benchmarks.run import Benchmark, Measured
from sentio_mobile.benchmarks.scores import DIMENSIONS, Scores, read_scores

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.bundle.verify import Verification


@dataclass(frozen=True)
class Agreement:
    """CCC of one of valence, arousal and their mean, as words with intervals."""

    dimension: str
    teacher: str
    student: str


@dataclass(frozen=True)
class ArtifactLine:
    """One artifact, or one conversion that failed, in words."""

    label: str
    size: str
    parity: str
    latency: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to. `ready` is true when no check failed and at least one artifact was verified.

    `problems` has a line for each kind of check that failed, and names what failed it.
    `data` says in a sentence or two what the figures were measured on; `generated` is whether that was generated music.
    """

    headline: str
    ready: bool
    problems: tuple[str, ...]
    generated: bool
    data: str
    agreement: tuple[Agreement, ...]
    retention: str
    artifacts: tuple[ArtifactLine, ...]
    gates: tuple[Gate, ...]


def summarize(bundle: Bundle, verification: Verification, benchmark: Benchmark) -> Summary:
    """Gather what matters most from a bundle and from what was measured of it.

    Raises:
        BundleError: the bundle's evaluation or provenance is damaged.
    """
    scores, origin = read_scores(bundle), data_origin(bundle)
    generated = origin.get("labels") == "generated"
    failed, refused = failed_conversions(bundle), refused_artifacts(bundle)
    problems = _problems(verification, benchmark, failed, refused)
    inside = {artifact.label for artifact in bundle.artifacts}
    return Summary(
        headline=_headline(problems, verification, benchmark, generated),
        ready=not problems and verification.passed,
        problems=tuple(problems),
        generated=generated,
        data=_data(origin, scores),
        agreement=tuple(
            Agreement(
                name,
                interval(scores.teacher.ccc[name] if scores.teacher else None),
                interval(scores.student.ccc[name] if scores.student else None),
            )
            for name in DIMENSIONS
        ),
        retention=interval(scores.retention),
        artifacts=(
            *_artifacts(verification, benchmark),
            *(ArtifactLine(name, "-", "conversion failed", "-") for name in failed),
            *(ArtifactLine(name, "-", "refused", "-") for name in refused if name not in inside),
        ),
        gates=benchmark.gates,
    )


def data_origin(bundle: Bundle) -> Mapping[str, Any]:
    """What the bundle says of the songs behind it; empty when it says nothing."""
    provenance = bundle.manifest.get("provenance")
    origin = provenance.get("data") if isinstance(provenance, Mapping) else None
    return origin if isinstance(origin, Mapping) else {}


def failed_conversions(bundle: Bundle) -> dict[str, str]:
    """For each format that could not be converted, the reason."""
    failed = bundle.manifest.get("failed")
    return {str(name): str(why) for name, why in failed.items()} if isinstance(failed, Mapping) else {}


def refused_artifacts(bundle: Bundle) -> dict[str, str]:
    """For each artifact that is not what its precision promises, the reason; most are not in the bundle."""
    refused = bundle.manifest.get("refused")
    return {str(name): str(why) for name, why in refused.items()} if isinstance(refused, Mapping) else {}


def _problems(
    verification: Verification, benchmark: Benchmark, failed: Mapping[str, str], refused: Mapping[str, str]
) -> list[str]:
    differing = sum(result.verdict == "fail" for result in verification.results)
    problems = []
    if benchmark.failed:
        named = ", ".join(f"{gate.name} of {gate.subject}" for gate in benchmark.failed)
        problems.append(f"{len(benchmark.failed)} of {count(len(benchmark.gates), 'gate')} failed: {named}")
    if differing:
        named = ", ".join(r.label for r in verification.results if r.verdict == "fail")
        problems.append(f"{count(differing, 'model file')} did not answer as the trained model does: {named}")
    if failed:
        problems.append(f"{count(len(failed), 'conversion')} failed: {', '.join(failed)}")
    if refused:
        words = "model file was" if len(refused) == 1 else "model files were"
        problems.append(f"{len(refused)} {words} refused for what fewer bits cost: {', '.join(refused)}")
    if not verification.spread_ok:
        problems.append("the check inputs are answered too much alike to prove anything")
    return problems


def _headline(problems: list[str], verification: Verification, benchmark: Benchmark, generated: bool) -> str:
    if verification.passed and benchmark.failed and len(problems) == 1:
        return f"Verified, but {len(benchmark.failed)} of {count(len(benchmark.gates), 'gate')} failed"
    if problems:
        return f"Not ready: {count(len(problems), 'problem')}"
    if not verification.passed:
        return "Not verified: none of the model files could be run here"
    on = " on generated music" if generated else ""
    left_out = bool(benchmark.open) or any(result.verdict == "not run" for result in verification.results)
    return f"Every check that could be made here passed{on}" if left_out else f"Every check passed{on}"


def _data(origin: Mapping[str, Any], scores: Scores) -> str:
    songs = f"{count(scores.student.n, 'test song')}. " if scores.student else "No test songs are recorded. "
    if origin.get("labels") == "generated":
        return (
            f"{songs}Both the music and its labels were generated by a program. The numbers say that the toolchain "
            "works; they say nothing about human listeners."
        )
    if origin.get("labels") == "rated":
        source = origin.get("source") or "an unnamed source"
        return f"{songs}The songs and the ratings that people gave them come from {source}."
    return f"{songs}The bundle does not say which songs the model learnt from, nor who labelled them."


def _latency(measured: Measured, ratio: float | None) -> str:
    if measured.latency is None:
        return "not measured here"
    of_wide = f", {times(ratio)} 32 bits" if ratio is not None and measured.precision != "fp32" else ""
    return f"p90 {milliseconds(measured.latency.p90_ms)} ({DESKTOP}){of_wide}"


def _artifacts(verification: Verification, benchmark: Benchmark) -> list[ArtifactLine]:
    parity = {result.label: result.verdict for result in verification.results}
    return [
        ArtifactLine(
            m.label,
            megabytes(m.size),
            parity.get(m.label, "not run"),
            _latency(m, benchmark.ratio(m)),
        )
        for m in benchmark.measured
    ]
