"""What fewer bits cost on real songs: the CCC of an artifact, and how far it is under that of 32 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.audio.image import mel_to_input
from sentio_mobile.bundle.targets import Targets
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import Artifact, ModelSpec

Answers = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """One artifact on the songs of a split.

    Attributes:
        format: of the artifact.
        form: of the artifact.
        precision: of the artifact.
        split: whose songs.
        songs: how many.
        ccc: for valence, arousal and their mean.
        loss: by how much the CCC of 32 bits is higher, paired by song.
        most: the largest loss of mean CCC that passes.
        verdict: `pass`, or `fail` with the `reason`.
    """

    format: str
    form: str
    precision: str
    split: str
    songs: int
    ccc: dict[str, Interval]
    loss: dict[str, Interval]
    most: float
    verdict: str
    reason: str = ""

    @property
    def label(self) -> str:
        """The words that tables use for it, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


def answers_on(
    run: Callable[[Answers], Answers], data: PreparedData, *, split: str, spec: ModelSpec, progress: Progress, what: str
) -> Answers:
    """What something answers for the songs of a split [songs, 2], clip by clip.

    One clip at a time, for ranges that are measured as an activation comes would be those of several clips.

    Args:
        run: takes the form `spectrogram`.
        data: prepared songs.
        split: whose songs.
        spec: of the model.
        progress: shown song by song.
        what: who answers, in the words of the progress line.

    Raises:
        DataError: the songs were prepared for another front end.
    """
    if data.audio.log_mel != spec.audio.log_mel:
        raise DataError(f"{data.folder}: was prepared for another front end than the model's; prepare the songs for it")
    songs = data.split(split)
    rows = songs.windows if spec.pooling else songs.rows[:, None]
    answers = []
    progress.start(f"{what} hears {split} songs", len(songs))
    for row in rows:
        heard = [run(mel_to_input(np.asarray(data.mels[i], dtype=np.float32), spec)) for i in row]
        answers.append(np.concatenate(heard).mean(axis=0))
        progress.advance()
    progress.finish()
    return np.stack(answers)


def accuracy_of(
    artifact: Artifact, truth: Answers, *, answers: Answers, wide: Answers, split: str, targets: Targets, seed: int = 0
) -> Accuracy:
    """Compare.

    Args:
        artifact: whose answers these are.
        truth: labels [songs, 2].
        answers: [songs, 2].
        wide: those of 32 bits [songs, 2].
        split: whose songs, in words.
        targets: what is near enough.
        seed: of the bootstrap.
    """
    most = targets.loss[artifact.precision]
    loss = paired_difference(truth, answers, wide, seed)
    lost = loss["mean"].value
    # A CCC that is undefined, or infinitely bad, is no proof of anything.
    right = lost is not None and lost <= most
    words = "undefined" if lost is None else f"{lost:.3f}"
    return Accuracy(
        format=artifact.format,
        form=artifact.form,
        precision=artifact.precision,
        split=split,
        songs=len(truth),
        ccc=mean_of_runs(truth, answers[None], seed),
        loss=loss,
        most=most,
        verdict="pass" if right else "fail",
        reason="" if right else f"loses {words} of mean CCC on {len(truth)} {split} songs, more than {most:g}",
    )
