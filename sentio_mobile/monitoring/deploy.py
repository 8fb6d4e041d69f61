"""Whether a retrained model takes the place of the one in production: it must be better, and by enough."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.benchmarks.run import benchmark
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.monitoring.release import (
    ReleaseCheck,
    ReleaseLimits,
    ReleaseLine,
    all_verified,
    checklist,
    difference_on_same_songs,
    latency,
    memory,
    over_floor,
)
from sentio_mobile.monitoring.runs import mark, read_decision

MARGIN = 0.02
"""Smallest gain of mean CCC for which a model in production is replaced."""


def check_retrained(
    old: Bundle,
    new: Bundle,
    *,
    before: Evaluation,
    margin: float = MARGIN,
    limits: ReleaseLimits | None = None,
    runs: int | None = None,
    progress: Progress | None = None,
) -> ReleaseCheck:
    """Go through what a program can decide. Signature and changelog are people's: `release check` asks for them.

    Args:
        old: The bundle in production.
        new: The one that was retrained.
        before: What the model in production is worth on the new one's test songs.
        margin: Smallest gain of mean CCC.
        limits: What the new bundle is held to besides.
        runs: Timed runs of each file, at least 50.
        progress: Updated by each part.

    Raises:
        BundleError: An evaluation or golden vectors are damaged.
    """
    limits, progress = limits or ReleaseLimits(), progress or NoProgress()
    verification = verify(new, progress=progress)
    measured = [benchmark(bundle, runs=runs, progress=progress) for bundle in (old, new)]
    lines = (
        over_floor(new.evaluation(), limits),
        better_by(before, new.evaluation(), margin),
        latency(measured[1]),
        memory(measured[0].measured, measured[1].measured, limits),
        all_verified(new, verification),
    )
    return checklist(old, new, limits=limits, lines=lines, load=measured[1].load)


def better_by(before: Evaluation, after: Evaluation, margin: float, seed: int = 0) -> ReleaseLine:
    """Whether the new model is better than the old one on the same songs, and by the margin.

    It passes where the gain is at least the margin and chance does not explain it, and fails where the gain is smaller
    or is a loss. A gain that is large enough but may be chance is open: more test songs would decide it.

    Args:
        before: The old model.
        after: The new one.
        margin: Smallest gain of mean CCC.
        seed: Random seed of the bootstrap.
    """
    name = "better by the margin"
    found = difference_on_same_songs(name, before, after, seed)
    if isinstance(found, ReleaseLine):
        return found
    gain, songs = found
    assert gain.value is not None
    assert gain.low is not None
    reason = f"{gain.words(3)} in mean CCC on the same {songs} songs; a gain of {margin:g} is asked for"
    if gain.value < margin:
        return ReleaseLine(name=name, verdict="fail", reason=reason)
    return ReleaseLine(name=name, verdict="pass" if gain.low > 0 else "open", reason=reason)


def deploy(production: Path, new: Path, check: ReleaseCheck) -> bool:
    """Mark the new run as the one in production if it passed, and the old one as deprecated.

    Args:
        production: The run in production.
        new: The retrained run.
        check: What was found of it.

    Returns:
        Whether it was deployed.

    Raises:
        OutputError: A decision cannot be written.
    """
    passed = check.verdict == "pass"
    reason = next((line.reason for line in check.lines if line.name == "better by the margin"), "")
    mark(new, "production" if passed else "candidate", f"retrained from {check.old}: {reason}"[:4000])
    # Runs elsewhere are not beside it, and are left alone by `mark`.
    if passed and read_decision(production).status != "deprecated":
        mark(production, "deprecated")
    return passed
