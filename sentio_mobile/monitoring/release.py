"""Whether a bundle may take the place of another: the checklist of a release, each line with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.files import is_file, read_file
from sentio_mobile._internal.pages import write_page
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Finite, Name, Record, Share, Text, write_record
from sentio_mobile.benchmarks.results import ArtifactBenchmark, Benchmark
from sentio_mobile.benchmarks.run import benchmark
from sentio_mobile.bundle.bundle import CARD, Bundle
from sentio_mobile.bundle.sign import check as check_signature
from sentio_mobile.bundle.verify import Verification, verify
from sentio_mobile.errors import SentioError
from sentio_mobile.metrics.agreement import paired_difference
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.monitoring.runs import why_not_comparable

PAGE, FACTS = "release.html", "release.json"

MAX_CHANGELOG_BYTES = 16 * 1024 * 1024

Verdict = Literal["pass", "fail", "open"]
"""`open`: it could not be decided."""


class ReleaseLimits(Record, frozen=True, kw_only=True):
    """What a release must keep to."""

    floor: Share = 0.7  # smallest mean CCC on songs that the model had not heard
    max_loss: Share = 0.02  # largest loss of mean CCC against the old bundle that may remain possible
    more_memory: Annotated[float, Meta(ge=0, le=10)] = 0.25  # most memory that a file may need more than the old one


class ReleaseLine(Record, frozen=True, kw_only=True):
    """One line of the checklist."""

    name: Name  # what is checked
    verdict: Verdict  # whether it is as it must be
    reason: Text  # the figures, or what is missing


class ReleaseCheck(Record, frozen=True, kw_only=True):
    """release.json: the checklist."""

    schema: Literal[1] = 1  # version of this record
    old: Name  # name and release of the bundle that is in production
    new: Name  # name and release of the one that is to take its place
    limits: ReleaseLimits  # what it was held to
    lines: Annotated[tuple[ReleaseLine, ...], Meta(min_length=1, max_length=100)]  # the checklist
    verdict: Verdict  # fail where a line failed, open where one could not be decided, else pass
    load: Finite | None  # share of the cores that other work took while it was measured

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        missing = ", ".join(line.name for line in self.lines if line.verdict == self.verdict)
        return {
            "pass": f"Release: {self.new} may take the place of {self.old}.",
            "fail": f"Do not release {self.new}: {missing}.",
            "open": f"Not decided for {self.new}: {missing}.",
        }[self.verdict]


def check_release(
    old: Bundle,
    new: Bundle,
    *,
    limits: ReleaseLimits | None = None,
    key: Path | None = None,
    changelog: Path,
    runs: int | None = None,
    progress: Progress | None = None,
) -> ReleaseCheck:
    """Go through the checklist. Both bundles are verified and measured on this machine.

    Args:
        old: The bundle that is in production.
        new: The one that is to take its place.
        limits: What it is held to.
        key: Public key of whoever signs releases; without it the signature counts as missing.
        changelog: A text that must name the new release.
        runs: Timed runs of each file, at least 50.
        progress: Updated by each part.

    Raises:
        BundleError: An evaluation or golden vectors are damaged.
        InputError: The key cannot be used.
    """
    limits, progress = limits or ReleaseLimits(), progress or NoProgress()
    verification = verify(new, progress=progress)
    measured = [benchmark(bundle, runs=runs, progress=progress) for bundle in (old, new)]
    lines = (
        over_floor(new.evaluation(), limits),
        no_loss(old.evaluation(), new.evaluation(), limits),
        latency(measured[1]),
        memory(measured[0].measured, measured[1].measured, limits),
        all_verified(new, verification),
        *papers(old, new, changelog),
        signed(new, key),
    )
    return checklist(old, new, limits=limits, lines=lines, load=measured[1].load)


def checklist(
    old: Bundle, new: Bundle, *, limits: ReleaseLimits, lines: tuple[ReleaseLine, ...], load: float | None
) -> ReleaseCheck:
    """The record of these lines, with the verdict that follows from them."""
    verdicts = {line.verdict for line in lines}
    verdict: Verdict = "fail" if "fail" in verdicts else "open" if "open" in verdicts else "pass"
    return ReleaseCheck(old=_title(old), new=_title(new), limits=limits, lines=lines, verdict=verdict, load=load)


def write_release(folder: Path, check: ReleaseCheck) -> None:
    """Write release.html and release.json.

    Raises:
        OutputError: They cannot be written.
    """
    write_page(folder / PAGE, Path(__file__).with_name("release.html.j2"), {"check": check})
    write_record(folder / FACTS, check)


def over_floor(evaluation: Evaluation, limits: ReleaseLimits) -> ReleaseLine:
    """Whether the mean CCC is as high as it must be."""
    judged, name = evaluation.held_out, "CCC over the floor"
    mean = judged.ccc["mean"] if judged else None
    if judged is None or mean is None or mean.value is None:
        return ReleaseLine(name=name, verdict="fail", reason="it was not judged on songs that it had not heard")
    verdict: Verdict = "pass" if mean.value >= limits.floor else "fail"
    return ReleaseLine(name=name, verdict=verdict, reason=f"{mean} on {judged.n} songs, floor {limits.floor:.2f}")


def difference_on_same_songs(
    name: str, old: Evaluation, new: Evaluation, seed: int
) -> tuple[Interval, int] | ReleaseLine:
    """How much higher the new model's mean CCC is, and on how many songs; an open line where that is not known.

    Args:
        name: What the line is called.
        old: The old model.
        new: The new one.
        seed: Random seed of the bootstrap.
    """
    first, second = old.held_out, new.held_out
    if reason := why_not_comparable((first, second)):
        return ReleaseLine(name=name, verdict="open", reason=reason)
    assert first is not None
    assert second is not None
    mean = paired_difference(first.labels, first.predictions, second.predictions, seed)["mean"]
    if mean.value is None or mean.low is None or mean.high is None:
        return ReleaseLine(name=name, verdict="open", reason="the difference in CCC is undefined")
    return mean, first.n


def no_loss(old: Evaluation, new: Evaluation, limits: ReleaseLimits, seed: int = 0) -> ReleaseLine:
    """Whether the new model is no worse than the old one on the same songs.

    It passes where a loss larger than the limit can be ruled out. It fails where a loss is shown. What lies between is
    open: more songs would decide it.
    """
    name = "no loss against the old one"
    found = difference_on_same_songs(name, old, new, seed)
    if isinstance(found, ReleaseLine):
        return found
    mean, songs = found
    assert mean.low is not None
    assert mean.high is not None
    verdict: Verdict = "fail" if mean.high < 0 else "pass" if mean.low >= -limits.max_loss else "open"
    return ReleaseLine(
        name=name,
        verdict=verdict,
        reason=f"{mean.words(3)} in mean CCC on the same {songs} songs; a loss up to {limits.max_loss:g} is allowed",
    )


def memory(
    old: tuple[ArtifactBenchmark, ...], new: tuple[ArtifactBenchmark, ...], limits: ReleaseLimits
) -> ReleaseLine:
    """Whether each file needs about the memory of its predecessor."""
    before = {one.label: one.cold.peak_mb for one in old if one.cold}
    after = {one.label: one.cold.peak_mb for one in new if one.cold}
    shared = before.keys() & after.keys()
    if not shared:
        return ReleaseLine(name="memory", verdict="open", reason="no file of both was measured here")
    growth = {label: after[label] / before[label] - 1 for label in shared}
    worst = max(sorted(growth), key=lambda label: growth[label])
    return ReleaseLine(
        name="memory",
        verdict="pass" if growth[worst] <= limits.more_memory else "fail",
        reason=f"{worst}: {after[worst]:.0f} MB, before {before[worst]:.0f}; {limits.more_memory:.0%} more is allowed",
    )


def latency(measured: Benchmark) -> ReleaseLine:
    """Whether each file keeps to its budget of time."""
    gates = [gate for gate in measured.gates if gate.name == "latency"]
    failed = [gate.target for gate in gates if gate.verdict == "fail"]
    unsure = [gate.target for gate in gates if gate.verdict not in ("pass", "fail")]
    if failed:
        return ReleaseLine(name="latency", verdict="fail", reason=f"over the budget: {', '.join(failed)}")
    if unsure or not gates:
        named = ", ".join(unsure) or "no file"
        return ReleaseLine(name="latency", verdict="open", reason=f"not decided, measure again: {named}")
    return ReleaseLine(name="latency", verdict="pass", reason=f"{len(gates)} files within their budget")


def all_verified(new: Bundle, found: Verification) -> ReleaseLine:
    """Whether each file was made, and predicts what PyTorch does."""
    wrong = [result.label for result in found.results if result.verdict == "fail"]
    left = [result.label for result in found.results if result.verdict == "not run"]
    missing = [*new.manifest.failed, *new.manifest.refused]
    name = "all formats verified"
    if wrong or missing or not found.spread_ok:
        reason = f"differ from PyTorch, failed or refused: {', '.join([*wrong, *missing]) or 'golden outputs alike'}"
        return ReleaseLine(name=name, verdict="fail", reason=reason)
    if left:
        return ReleaseLine(name=name, verdict="open", reason=f"could not run here: {', '.join(left)}")
    return ReleaseLine(name=name, verdict="pass", reason=f"{len(found.results)} files predict what PyTorch does")


def papers(old: Bundle, new: Bundle, changelog: Path) -> Iterator[ReleaseLine]:
    """Whether the new bundle has a model card, and a changelog a heading for its release.

    Raises:
        InputError: The changelog is too large or cannot be read.
    """
    card = CARD in new.manifest.files
    reason = f"{CARD} is in the bundle" if card else f"{CARD} is not in the bundle"
    yield ReleaseLine(name="model card", verdict="pass" if card else "fail", reason=reason)
    release, name = new.manifest.release, "changelog"
    if release == old.manifest.release:
        reason = f"both bundles are release {release}: export the new one with another --release"
        yield ReleaseLine(name=name, verdict="fail", reason=reason)
        return
    if not is_file(changelog):
        yield ReleaseLine(name=name, verdict="fail", reason=f"there is no {changelog.name}; name it as --changelog")
        return
    text = read_file(changelog, MAX_CHANGELOG_BYTES).decode(errors="replace")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    named = any(release in line.replace("[", " ").replace("]", " ").replace("v", " ").split() for line in headings)
    reason = f"{changelog.name} {'has' if named else 'has no'} heading for release {release}"
    yield ReleaseLine(name=name, verdict="pass" if named else "fail", reason=reason)


def signed(new: Bundle, key: Path | None) -> ReleaseLine:
    """Whether the new bundle is signed with the private part of a key."""
    if key is None:
        return ReleaseLine(name="signed", verdict="fail", reason="give the public key of the signer as --key")
    try:
        found = check_signature(new.folder, key)
    except SentioError as error:
        return ReleaseLine(name="signed", verdict="fail", reason=str(error)[:1000])
    return ReleaseLine(
        name="signed", verdict="pass", reason=f"{found.files} files, by key {found.public_key_sha256[:16]}"
    )


def _title(bundle: Bundle) -> str:
    return f"{bundle.manifest.name} {bundle.manifest.release}"
