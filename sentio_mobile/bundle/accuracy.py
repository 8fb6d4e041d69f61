"""Accuracy of artifacts on real songs: their CCC, and how much of it they lose against fp32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Count, Name, Record, Text
from sentio_mobile.audio.image import mel_to_input
from sentio_mobile.bundle.targets import Loss, Targets
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import find_window_audio, read_clips
from sentio_mobile.errors import DataError, RecordError
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference
from sentio_mobile.metrics.bootstrap import DIMENSIONS, Interval
from sentio_mobile.spec import Artifact, Form, ModelSpec, Precision

Outputs = NDArray[np.float32]
Intervals = Annotated[dict[Name, Interval], Meta(min_length=3, max_length=3)]
"""An interval for valence, for arousal, and for their mean."""
Split = Literal["train", "val", "test"]


class Accuracy(Record, frozen=True, kw_only=True):
    """One artifact on the songs of a split."""

    # The artifact's format.
    format: Name
    # The artifact's form.
    form: Form
    # The artifact's precision.
    precision: Precision
    # The split that the songs are from.
    split: Split
    # Number of songs.
    songs: Count
    # CCC of valence, of arousal, and of their mean, with bootstrap 95% intervals.
    ccc: Intervals
    # CCC of fp32 minus that of this artifact, paired by song; below zero if this one is better.
    loss: Intervals
    # Largest loss of mean CCC that passes.
    max_loss: Loss
    # Whether the loss of mean CCC is small enough.
    verdict: Literal["pass", "fail"]
    # Why it did not pass; empty if it did.
    reason: Text = ""

    def check(self) -> None:
        """Both need an interval for each dimension."""
        for name in ("ccc", "loss"):
            if set(getattr(self, name)) != set(DIMENSIONS):
                raise RecordError(f"{name} must have {', '.join(DIMENSIONS)}, not {', '.join(getattr(self, name))}")

    @property
    def label(self) -> str:
        """The artifact's name in tables and messages, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"

    @property
    def song_kind(self) -> str:
        """What a song of the split is called, such as `validation song`."""
        return {"train": "training song", "val": "validation song", "test": "test song"}[self.split]


def predict_split(
    run: Callable[[Outputs], Outputs],
    data: PreparedData,
    *,
    split: Split,
    spec: ModelSpec,
    progress: Progress,
    name: str,
    music: Path | None = None,
) -> Outputs:
    """Predict the songs of a split with an artifact, clip by clip.

    One clip at a time, because activation ranges that are measured at run time would be those of a whole batch.

    Args:
        run: A loaded model.
        data: The prepared songs.
        split: The split.
        spec: The spec of the model, in its form.
        progress: Advances song by song.
        name: The name of the model on the progress line.
        music: The folder that the songs were prepared from, which the form `waveform` needs: prepared songs have no
            PCM.

    Returns:
        Predictions [songs, 2], each the mean over the song's windows if the spec has `pooling`.

    Raises:
        DataError: The songs were prepared with another front end, or `music` is not what they were prepared from.
        AudioError: A song cannot be decoded.
    """
    if data.audio.log_mel != spec.audio.log_mel:
        raise DataError(
            f"{data.folder}: was prepared with another front end than the model's; prepare the songs for it"
        )
    songs = data.split(split)
    predictions = []
    progress.start(f"{name} on {split} songs", len(songs))
    for inputs in _inputs(data, split, spec, music):
        predictions.append(np.concatenate([run(one) for one in inputs]).mean(axis=0))
        progress.advance()
    progress.finish()
    return np.stack(predictions)


def _inputs(data: PreparedData, split: Split, spec: ModelSpec, music: Path | None) -> Iterator[Iterator[Outputs]]:
    """The inputs of each song: those of its windows."""
    pooled = spec.pooling is not None
    if spec.form == "waveform":
        if music is None:
            raise DataError(f"{data.folder}: keeps no PCM; give the folder that it was prepared from as music")
        for windows in find_window_audio(data, split, music, pooled=pooled):
            yield (read_clips(window, spec.audio) for window in windows)
        return
    songs = data.split(split)
    for row in songs.windows if pooled else songs.rows[:, None]:
        yield (mel_to_input(np.asarray(data.mels[i], dtype=np.float32), spec) for i in row)


def measure_accuracy(
    artifact: Artifact,
    labels: Outputs,
    *,
    predictions: Outputs,
    fp32_predictions: Outputs,
    split: Split,
    targets: Targets,
    seed: int = 0,
) -> Accuracy:
    """Compare an artifact's predictions with the labels and with those of fp32.

    Args:
        artifact: The artifact.
        labels: Labels [songs, 2].
        predictions: The artifact's predictions [songs, 2].
        fp32_predictions: Those of fp32 [songs, 2].
        split: The split that the songs are from.
        targets: The limits.
        seed: Random seed for the bootstrap.
    """
    max_loss = targets.loss[artifact.precision]
    loss = paired_difference(labels, predictions, fp32_predictions, seed)
    mean_loss = loss["mean"].value
    # A CCC that is undefined, or infinitely bad, proves nothing.
    passed = mean_loss is not None and mean_loss <= max_loss
    shown = "undefined" if mean_loss is None else f"{mean_loss:.3f}"
    return Accuracy(
        format=artifact.format,
        form=artifact.form,
        precision=artifact.precision,
        split=split,
        songs=len(labels),
        ccc=mean_of_runs(labels, predictions[None], seed),
        loss=loss,
        max_loss=max_loss,
        verdict="pass" if passed else "fail",
        reason="" if passed else f"loses {shown} of mean CCC on {len(labels)} {split} songs, more than {max_loss:g}",
    )
