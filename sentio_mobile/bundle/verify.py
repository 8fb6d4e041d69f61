"""Verify a bundle: every artifact against PyTorch on the golden vectors, and against fp32 on real songs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Count, NonNegative, Record
from sentio_mobile.bundle.accuracy import Accuracy, Outputs, Split, measure_accuracy, predict_split
from sentio_mobile.bundle.arm64.run import FORMATS, Arm64
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.parity import Parity, compare_outputs, measure_parity, parity_without_outputs
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import find_window_audio
from sentio_mobile.errors import BundleError, DataError, RecordError, SentioError
from sentio_mobile.formats.process import RuntimeProcess, open_artifact
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Artifact

SPLIT: Split = "test"

EMULATED_VECTORS = 6
"""Golden vectors on an emulated processor, which takes ten seconds for each."""


class Verification(Record, frozen=True, kw_only=True):
    """The outcome of `verify`; what `verify --json` prints."""

    # Standard deviation of each golden output, valence and arousal.
    spread: tuple[NonNegative, NonNegative]
    # Smallest standard deviation that passes.
    min_spread: NonNegative
    # Number of golden vectors.
    vectors: Count
    # Each artifact on the golden vectors, on this machine and on emulated ones.
    results: Annotated[tuple[Parity, ...], Meta(max_length=1024)]
    # Each artifact on real songs, in the form waveform if their sound was given; empty if no songs were given.
    accuracy: Annotated[tuple[Accuracy, ...], Meta(max_length=1024)] = ()
    # Whether the golden outputs are spread widely enough, at least one artifact ran, and none failed.
    passed: bool

    def check(self) -> None:
        """The conclusion must follow from the results."""
        if self.passed != _passes(self.spread, self.min_spread, self.results, self.accuracy):
            raise RecordError(f"passed is {str(self.passed).lower()}, but the results say the opposite")

    @property
    def spread_ok(self) -> bool:
        """Whether the golden outputs are spread widely enough for parity to prove anything."""
        return min(self.spread) >= self.min_spread


def _passes(
    spread: tuple[float, float], min_spread: float, results: Sequence[Parity], accuracy: Sequence[Accuracy]
) -> bool:
    verdicts = [result.verdict for result in results]
    right = all(one.verdict == "pass" for one in accuracy)
    return min(spread) >= min_spread and "fail" not in verdicts and "pass" in verdicts and right


def verify(
    bundle: Bundle,
    threads: int = 1,
    *,
    songs: PreparedData | None = None,
    music: Path | None = None,
    arm64: Arm64 | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Run every artifact of a bundle on the golden vectors, in its own form, and compare.

    Both forms must give the same outputs: PyTorch's after the reference front end. With songs, every spectrogram
    artifact also predicts the test songs, and is compared with fp32 there; with their sound, so do the others.

    Args:
        bundle: An opened bundle: every hash was checked.
        threads: The number of threads that a runtime may use, at least 1.
        songs: Prepared songs.
        music: The folder that they were prepared from.
        arm64: An emulated processor, which also runs artifacts on some of the golden vectors.
        progress: Advances artifact by artifact.

    Raises:
        BundleError: An artifact asks for an operator that no export uses, or songs are given, but no fp32 artifact that
            can predict them runs and is right.
        DataError: The songs were prepared with another front end, none of them is a test song, or `music` is not what
            they were prepared from.
    """
    progress = progress or NoProgress()
    bundle.check_operators()
    if songs is not None and music is not None:
        # Golden vectors take a while, so a wrong folder is reported before them.
        find_window_audio(songs, SPLIT, music, pooled=bundle.spec.pooling is not None)
    targets, golden = load_targets(), bundle.golden()
    results = []
    progress.start("golden vectors", len(bundle.artifacts))
    # One process for all: their maker is the same. After a crash it starts again.
    with RuntimeProcess(bundle.folder) as process:
        for artifact in bundle.artifacts:
            progress.advance(0, note=artifact.label)
            results.append(
                measure_parity(artifact, golden, spec=bundle.spec, targets=targets, threads=threads, process=process)
            )
            progress.advance()
    progress.finish()
    passing = [a for a, result in zip(bundle.artifacts, results, strict=True) if result.verdict == "pass"]
    if arm64 is not None:
        results += _verify_on_arm64(bundle, passing, golden=golden, arm64=arm64, progress=progress)
    accuracy = () if songs is None else _verify_on_songs(bundle, passing, songs=songs, music=music, progress=progress)
    return Verification(
        spread=golden.spread,
        min_spread=targets.min_spread,
        vectors=len(golden.output),
        results=tuple(results),
        accuracy=accuracy,
        passed=_passes(golden.spread, targets.min_spread, results, accuracy),
    )


def _verify_on_arm64(
    bundle: Bundle, passing: list[Artifact], *, golden: Golden, arm64: Arm64, progress: Progress
) -> Iterator[Parity]:
    """Artifacts that pass here, on another processor, on the golden vectors with the most different outputs."""
    targets, vectors = load_targets(), golden.first(EMULATED_VECTORS)
    artifacts = [artifact for artifact in passing if artifact.format in FORMATS]
    progress.start("golden vectors on ARM64", len(artifacts))
    for artifact in artifacts:
        progress.advance(0, note=artifact.label)
        spec = bundle.spec.in_form(artifact.form)
        try:
            outputs = arm64.run(artifact, spec, vectors.inputs(spec))
            yield compare_outputs(artifact, outputs, expected=vectors.output, targets=targets, processor="arm64")
        except SentioError as error:
            yield parity_without_outputs(artifact, targets, verdict="fail", reason=str(error), processor="arm64")
        progress.advance()
    progress.finish()


def _verify_on_songs(
    bundle: Bundle, passing: list[Artifact], *, songs: PreparedData, music: Path | None, progress: Progress
) -> tuple[Accuracy, ...]:
    if not len(songs.split(SPLIT)):
        raise DataError(f"{songs.folder}: has no test songs, and a model is verified on songs that it has not heard")
    candidates = [artifact for artifact in passing if artifact.form == "spectrogram" or music is not None]
    # What needs no decoding comes first, and of that a format with a runtime of its own here: emulation is slow.
    references = sorted(
        (a for a in candidates if a.precision == "fp32"),
        key=lambda a: (a.form != "spectrogram", not get_format(a.format).timed_here),
    )
    if not references:
        raise BundleError(
            f"{bundle.folder}: songs need an fp32 spectrogram artifact that passes, to compare the others with; "
            "export one beside them, or give the songs' sound (--music) for those in the form waveform"
        )

    def predict(artifact: Artifact) -> Outputs:
        spec = bundle.spec.in_form(artifact.form)
        run = open_artifact(artifact, spec)
        return predict_split(run, songs, split=SPLIT, spec=spec, progress=progress, name=artifact.label, music=music)

    fp32, labels, targets = predict(references[0]), songs.split(SPLIT).labels, load_targets()
    return tuple(
        measure_accuracy(
            a,
            labels,
            predictions=fp32 if a == references[0] else predict(a),
            fp32_predictions=fp32,
            split=SPLIT,
            targets=targets,
        )
        for a in candidates
    )
