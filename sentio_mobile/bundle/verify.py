"""Every artifact against PyTorch's answers on the golden vectors, and against 32 bits on real songs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.bundle.accuracy import Accuracy, Answers, accuracy_of, answers_on
from sentio_mobile.bundle.arm64.run import FORMATS, Arm64
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.parity import Parity, parity_here, parity_of, unrun
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import BundleError, SentioError
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Artifact

SPLIT = "test"

EMULATED = 6
"""Golden vectors that an emulated processor is given: one of them takes it ten seconds."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The outcome of `verify`.

    Attributes:
        spread: standard deviation of each golden output.
        min_spread: what it must be.
        vectors: how many golden vectors there are.
        results: each artifact on them, on this machine and on any other that was emulated.
        accuracy: each artifact that is fed pictures on real songs; empty where none were given.
    """

    spread: tuple[float, ...]
    min_spread: float
    vectors: int
    results: tuple[Parity, ...]
    accuracy: tuple[Accuracy, ...] = ()

    @property
    def spread_ok(self) -> bool:
        """Whether the golden outputs are spread widely enough for parity to mean something."""
        return min(self.spread) >= self.min_spread

    @property
    def passed(self) -> bool:
        """Whether the golden outputs are spread, at least one artifact ran, and none failed."""
        verdicts = [result.verdict for result in self.results]
        right = all(one.verdict == "pass" for one in self.accuracy)
        return self.spread_ok and "fail" not in verdicts and "pass" in verdicts and right


def verify(
    bundle: Bundle,
    threads: int = 1,
    *,
    songs: PreparedData | None = None,
    arm64: Arm64 | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Run every artifact of the bundle on the golden vectors, fed in its own form, and compare.

    Both forms are held to the same answers: PyTorch's after the reference front end. With songs, every artifact that is
    fed pictures hears the test songs, and is compared with one of 32 bits there.

    Args:
        bundle: one whose hashes were checked.
        threads: that a runtime may use.
        songs: prepared songs.
        arm64: an emulated processor, on which artifacts hear some of the golden vectors, too.
        progress: shown artifact by artifact.

    Raises:
        BundleError: songs are given, and no 32-bit artifact that is fed pictures runs and is right.
        DataError: the songs were prepared for another front end.
    """
    progress = progress or NoProgress()
    targets, golden = load_targets(), bundle.golden()
    results = []
    progress.start("golden vectors", len(bundle.artifacts))
    for artifact in bundle.artifacts:
        progress.advance(0, note=artifact.label)
        results.append(parity_here(artifact, golden, spec=bundle.spec, targets=targets, threads=threads))
        progress.advance()
    progress.finish()
    ran = [a for a, result in zip(bundle.artifacts, results, strict=True) if result.verdict == "pass"]
    if arm64 is not None:
        results += _on_arm64(bundle, ran, golden=golden, arm64=arm64, progress=progress)
    accuracy = () if songs is None else _on_songs(bundle, ran, songs, progress)
    return Verification(
        spread=golden.spread,
        min_spread=targets.min_spread,
        vectors=len(golden.output),
        results=tuple(results),
        accuracy=accuracy,
    )


def _on_arm64(
    bundle: Bundle, ran: list[Artifact], *, golden: Golden, arm64: Arm64, progress: Progress
) -> Iterator[Parity]:
    """What is right here, on another processor. The first vectors are those that lie farthest apart."""
    targets, few = load_targets(), golden.first(EMULATED)
    wanted = [artifact for artifact in ran if artifact.format in FORMATS]
    progress.start("golden vectors on ARM64", len(wanted))
    for artifact in wanted:
        progress.advance(0, note=artifact.label)
        spec = bundle.spec.in_form(artifact.form)
        try:
            answers = arm64.answers(artifact, spec, few.inputs(spec))
            yield parity_of(artifact, answers, wanted=few.output, targets=targets, arm64=True)
        except SentioError as error:
            yield unrun(artifact, targets, verdict="fail", reason=str(error), arm64=True)
        progress.advance()
    progress.finish()


def _on_songs(bundle: Bundle, ran: list[Artifact], songs: PreparedData, progress: Progress) -> tuple[Accuracy, ...]:
    pictures = [artifact for artifact in ran if artifact.form == "spectrogram"]
    # The format's own runtime where there is one: an emulation takes its time.
    wide = sorted((a for a in pictures if a.precision == "fp32"), key=lambda a: not get_format(a.format).timed_here)
    if not wide:
        raise BundleError(
            f"{bundle.folder}: has no 32-bit artifact that is fed pictures and is right, to compare others with on "
            "songs; export one beside them"
        )

    def heard(artifact: Artifact) -> Answers:
        run = get_format(artifact.format).open(artifact.path, bundle.spec, 1)
        return answers_on(run, songs, split=SPLIT, spec=bundle.spec, progress=progress, what=artifact.label)

    reference, truth, targets = heard(wide[0]), songs.split(SPLIT).labels, load_targets()
    return tuple(
        accuracy_of(
            a, truth, answers=reference if a == wide[0] else heard(a), wide=reference, split=SPLIT, targets=targets
        )
        for a in pictures
    )
