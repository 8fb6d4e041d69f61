"""Whatever can be evaluated, in one shape: something that hears clips of PCM and answers with valence and arousal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.image import clip_to_mel, mel_to_input
from sentio_mobile.bundle.bundle import MANIFEST, Bundle, open_bundle
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.formats.base import get_format, require
from sentio_mobile.models.checkpoint import SHEET, Checkpoint
from sentio_mobile.spec import OUTPUTS, Artifact, AudioSpec, Uncertainty

Answers = NDArray[np.float32]
BATCH = 16


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """One model that is evaluated.

    Attributes:
        name: what tables call it.
        kind: what it is, in a few words.
        audio: the clips that it hears.
        of_clips: answers [clips, 2] for PCM [clips, n_samples].
        of_units: the same for log-mels in unit levels [clips, n_mels, n_frames]; None where it wants the sound itself.
        pooling: as in `ModelSpec`: with `mean`, a song's answer is the mean over its windows.
        parameters: how many numbers it has learnt; None where that means nothing.
        training_s: seconds that its training took, None where nobody wrote them down.
        history: one row an epoch, as the trainer keeps them; empty where there was no trainer.
        learnt_from: what is known of the songs that it learnt from.
        uncertainty: that of its answers, where it was measured.
        is_baseline: whether it was trained to be compared with, and is shown by figures alone.
    """

    name: str
    kind: str
    audio: AudioSpec
    of_clips: Callable[[NDArray[np.float32]], Answers]
    of_units: Callable[[NDArray[np.float32]], Answers] | None = None
    pooling: Literal["mean"] | None = None
    parameters: int | None = None
    training_s: float | None = None
    history: Sequence[Mapping[str, float]] = ()
    learnt_from: Mapping[str, Any] | None = None
    uncertainty: Uncertainty | None = None
    is_baseline: bool = False


def open_model(path: Path, name: str | None = None, format_name: str | None = None) -> EvaluatedModel:
    """A checkpoint's network, or one artifact of a bundle.

    Args:
        path: a folder that training or `export` wrote, or one of a bundle's artifacts.
        name: what to call it; by default the name of the folder or the artifact.
        format_name: which of a bundle's formats; by default ONNX, or the first that it has.

    Raises:
        InputError: `path` is neither, or is damaged.
        MissingExtraError: a format's packages are not installed.
    """
    called = name or path.resolve().name
    if (path / SHEET).is_file():
        return _of_checkpoint(path, called)
    if (path / MANIFEST).is_file():
        bundle = open_bundle(path)
        return _of_artifact(bundle, _usual_artifact(bundle, format_name), called)
    if (path.parent / MANIFEST).is_file():
        bundle = open_bundle(path.parent)
        for artifact in bundle.artifacts:
            if artifact.path == path:
                return _of_artifact(bundle, artifact, called)
    raise InputError(
        f"{path}: is neither a checkpoint (no {SHEET}) nor a bundle (no {MANIFEST}); give a folder that `teacher "
        "train`, `distill` or `export` wrote"
    )


def seconds_of(history: Sequence[Mapping[str, float]]) -> float | None:
    """How long training took: its epochs, validation included; None where a row does not say."""
    return sum(row["seconds"] for row in history) if history and all("seconds" in row for row in history) else None


def _of_checkpoint(path: Path, name: str) -> EvaluatedModel:
    import torch

    from sentio_mobile.audio.image import to_input_batch

    loaded = Checkpoint.load(path)
    spec = loaded.spec

    def of_units(units: NDArray[np.float32]) -> Answers:
        with torch.inference_mode():
            return np.asarray(loaded.model(to_input_batch(torch.from_numpy(units), spec)).numpy())

    return EvaluatedModel(
        name=name,
        kind=f"{spec.architecture} checkpoint, PyTorch",
        audio=spec.audio,
        of_clips=lambda clips: of_units(_units(clips, spec.audio)),
        of_units=of_units,
        pooling=spec.pooling,
        parameters=sum(p.numel() for p in loaded.model.parameters()),
        training_s=seconds_of(loaded.history),
        history=loaded.history,
        learnt_from=loaded.data or None,
        uncertainty=spec.uncertainty,
    )


def _usual_artifact(bundle: Bundle, format_name: str | None) -> Artifact:
    """The widest artifact of a format, fed pictures where it has such: those are heard from the store."""
    if not bundle.artifacts:
        raise BundleError(f"{bundle.folder}: holds no artifact; export again")
    formats = [artifact.format for artifact in bundle.artifacts]
    chosen = format_name or ("onnx" if "onnx" in formats else formats[0])
    fed = {artifact.form for artifact in bundle.artifacts if artifact.format == chosen}
    return bundle.artifact(chosen, "waveform" if fed == {"waveform"} else "spectrogram")


def _of_artifact(bundle: Bundle, artifact: Artifact, name: str) -> EvaluatedModel:
    form, format_ = artifact.form, get_format(artifact.format)
    require(format_, format_.runtimes)
    spec = bundle.spec.in_form(form)
    run = format_.open(artifact.path, spec, 1)
    # Ranges that are measured as activations come would be those of several clips.
    at_once = BATCH if form in format_.free_batch and artifact.precision != "int8-dynamic" else 1

    def of_inputs(inputs: NDArray[np.float32]) -> Answers:
        return np.concatenate([run(inputs[i : i + at_once]) for i in range(0, len(inputs), at_once)])

    def of_units(units: NDArray[np.float32]) -> Answers:
        return of_inputs(np.concatenate([mel_to_input(unit, spec) for unit in units]))

    made_by = bundle.manifest.get("provenance")
    learnt_from = made_by.get("data") if isinstance(made_by, dict) else None
    return EvaluatedModel(
        name=name,
        kind=f"{spec.architecture} bundle, {artifact.label}",
        audio=spec.audio,
        of_clips=of_inputs if form == "waveform" else lambda clips: of_units(_units(clips, spec.audio)),
        of_units=None if form == "waveform" else of_units,
        pooling=spec.pooling,
        parameters=bundle.manifest.get("parameters"),
        training_s=seconds_of(bundle.evaluation().get("history") or []),
        history=bundle.evaluation().get("history") or [],
        learnt_from=learnt_from or None,
        uncertainty=spec.uncertainty,
    )


def _units(clips: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    return np.stack([clip_to_mel(clip, audio) for clip in clips])


def checked(answers: Answers, subject: EvaluatedModel) -> Answers:
    """The answers, once it is sure that they are numbers, two a song.

    Raises:
        InputError: they are not.
    """
    if answers.ndim != 2 or answers.shape[1] != len(OUTPUTS) or not np.isfinite(answers).all():
        raise InputError(f"{subject.name}: answers that are not two numbers a song; export or train it again")
    return answers
