"""Any model that can be evaluated, in one shape: it maps clips of PCM to valence and arousal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.without_folders import without_folders
from sentio_mobile.audio.image import clip_to_mel, mel_to_input
from sentio_mobile.bundle.bundle import Choice, find_artifact
from sentio_mobile.bundle.manifest import MANIFEST, ArtifactEntry, Manifest
from sentio_mobile.bundle.sign import open_trusted
from sentio_mobile.errors import InputError
from sentio_mobile.formats.process import open_artifact
from sentio_mobile.formats.registry import DEFAULT_FORMAT
from sentio_mobile.metrics.evaluation import History
from sentio_mobile.models.checkpoint import SHEET, Checkpoint
from sentio_mobile.spec import OUTPUTS, AudioSpec, DataOrigin, Form, Uncertainty
from sentio_mobile.teacher.probe.probe import SHEET as PROBE_SHEET
from sentio_mobile.teacher.probe.probe import Probe

Predictions = NDArray[np.float32]
"""Valence and arousal, [songs, 2] or [clips, 2], in [-1, 1]."""


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """One model under evaluation.

    Attributes:
        name: Name for tables.
        kind: What it is, in a few words.
        audio: Sample rate and length of its clips, and its front end.
        predict_clips: Predictions [clips, 2] from PCM [clips, n_samples].
        predict_log_mels: Predictions [clips, 2] from normalized log-mels [clips, n_mels, n_frames]; None for a model
            that needs PCM.
        pooling: As in `ModelSpec`: with `mean`, a song's prediction is the mean over its windows.
        parameters: Number of trained parameters; None where that has no meaning.
        training_seconds: Duration of the training; None where it was not recorded.
        history: One row for each epoch, as the trainer records them; empty without a trainer.
        training_data: Origin and fingerprint of the songs it was trained on; None where they were not recorded.
        uncertainty: Uncertainty of its predictions; None where it was not measured.
        is_baseline: Whether it was trained only for comparison. The page shows its figures without charts.
    """

    name: str
    kind: str
    audio: AudioSpec
    predict_clips: Callable[[NDArray[np.float32]], Predictions]
    predict_log_mels: Callable[[NDArray[np.float32]], Predictions] | None = None
    pooling: Literal["mean"] | None = None
    parameters: int | None = None
    training_seconds: float | None = None
    history: History = ()
    training_data: DataOrigin | None = None
    uncertainty: Uncertainty | None = None
    is_baseline: bool = False


def open_model(
    path: Path, name: str | None = None, format_name: str | None = None, *, key: Path | None = None
) -> EvaluatedModel:
    """Open a checkpoint, a probe, a bundle, or one artifact of a bundle.

    Args:
        path: A checkpoint folder, a probe's folder, a bundle, or an artifact in a bundle.
        name: Name for tables; by default that of the folder or the artifact.
        format_name: Format to use of a bundle; by default ONNX, or its first format where it has no ONNX.
        key: A public key whose owner must have signed the bundle; checkpoints and probes have no signature.

    Raises:
        InputError: `path` is none of these, or is damaged, or a probe's encoder is not installed.
        MissingExtraError: The packages of a format are not installed.
    """
    name = name or path.resolve().name
    if is_file(path / SHEET):
        return _from_checkpoint(path, name)
    if is_file(path / PROBE_SHEET):
        return _from_probe(path, name)
    if is_file(path / MANIFEST):
        return _from_artifact(path, lambda manifest: _default_artifact(manifest, path, format_name), key=key, name=name)
    if is_file(path.parent / MANIFEST):
        return _from_artifact(path.parent, lambda manifest: _artifact_at(manifest, path), key=key, name=name)
    raise _no_model(path)


def check_predictions(predictions: Predictions, name: str) -> Predictions:
    """Return the predictions of a model, after checking that they are two finite numbers for each song.

    Raises:
        InputError: They are not.
    """
    if predictions.ndim != 2 or predictions.shape[1] != len(OUTPUTS) or not np.isfinite(predictions).all():
        raise InputError(f"{name} predicts something else than two numbers for each song; export or train it again")
    return predictions


def training_seconds(history: History) -> float | None:
    """Duration of a training: the sum over its epochs, validation included; None where an epoch's is not recorded."""
    seconds = [row.get("seconds") for row in history]
    return sum(known) if history and len(known := [one for one in seconds if one is not None]) == len(history) else None


def _from_checkpoint(path: Path, name: str) -> EvaluatedModel:
    import torch

    from sentio_mobile.audio.image import to_input_batch

    checkpoint = Checkpoint.load(path)
    spec = checkpoint.spec

    def predict_log_mels(log_mels: NDArray[np.float32]) -> Predictions:
        with torch.inference_mode():
            return np.asarray(checkpoint.model(to_input_batch(torch.from_numpy(log_mels), spec)).numpy())

    return EvaluatedModel(
        name=name,
        kind=f"{spec.architecture} checkpoint, PyTorch",
        audio=spec.audio,
        predict_clips=lambda clips: predict_log_mels(_log_mels(clips, spec.audio)),
        predict_log_mels=predict_log_mels,
        pooling=spec.pooling,
        parameters=sum(p.numel() for p in checkpoint.model.parameters()),
        training_seconds=training_seconds(checkpoint.history),
        history=checkpoint.history,
        training_data=checkpoint.data,
        uncertainty=spec.uncertainty,
    )


def _from_probe(path: Path, name: str) -> EvaluatedModel:
    # The encoder brings torch.
    from sentio_mobile.teacher.probe.listen import ListeningProbe

    probe = Probe.load(path)
    sheet, listening = probe.sheet, ListeningProbe(probe)
    return EvaluatedModel(
        name=name,
        kind=f"probe on the embeddings of {without_folders(sheet.encoder.name)}",
        audio=sheet.audio,
        predict_clips=listening.predict,
        parameters=sheet.encoder.parameters + probe.parameters,
        # A probe of all songs was trained on the evaluated ones too: none of its songs is known to be new to it.
        training_data=sheet.data if sheet.trained_on == "train" else None,
        uncertainty=sheet.uncertainty,
    )


def _no_model(path: Path) -> InputError:
    return InputError(
        f"{path} is neither a checkpoint (it has no {SHEET}) nor a bundle (it has no {MANIFEST}) nor a probe (it has "
        f"no {PROBE_SHEET}); give a folder that `teacher train`, `teacher probe`, `distill` or `export` wrote"
    )


def _artifact_at(manifest: Manifest, path: Path) -> ArtifactEntry:
    for entry in manifest.artifacts:
        if path.parent / entry.path == path:
            return entry
    raise _no_model(path)


def _default_artifact(manifest: Manifest, folder: Path, format_name: str | None) -> ArtifactEntry:
    """The fp32 artifact of a format, in the spectrogram form where there is one: its input is in the store."""
    formats = [artifact.format for artifact in manifest.artifacts]
    chosen = format_name or (DEFAULT_FORMAT if DEFAULT_FORMAT in formats else formats[0])
    forms = {artifact.form for artifact in manifest.artifacts if artifact.format == chosen}
    form: Form = "waveform" if forms == {"waveform"} else "spectrogram"
    return find_artifact(manifest, folder, format_name=chosen, form=form)


def _from_artifact(folder: Path, choose: Choice, *, key: Path | None, name: str) -> EvaluatedModel:
    bundle = open_trusted(folder, key, choose)
    artifact = bundle.artifact_of(choose(bundle.manifest))
    form = artifact.form
    spec = bundle.spec.in_form(form)
    run = open_artifact(artifact, spec)

    def predict_inputs(inputs: NDArray[np.float32]) -> Predictions:
        # One by one: no runtime is faster with several, and int8-dynamic would measure the ranges of all of them.
        return np.concatenate([run(inputs[i : i + 1]) for i in range(len(inputs))])

    def predict_log_mels(log_mels: NDArray[np.float32]) -> Predictions:
        return predict_inputs(np.concatenate([mel_to_input(log_mel, spec) for log_mel in log_mels]))

    history = bundle.evaluation().history
    return EvaluatedModel(
        name=name,
        kind=f"{spec.architecture} bundle, {artifact.label}",
        audio=spec.audio,
        predict_clips=predict_inputs
        if form == "waveform"
        else lambda clips: predict_log_mels(_log_mels(clips, spec.audio)),
        predict_log_mels=None if form == "waveform" else predict_log_mels,
        pooling=spec.pooling,
        parameters=bundle.manifest.trained,
        training_seconds=training_seconds(history),
        history=history,
        training_data=bundle.manifest.provenance.data,
        uncertainty=spec.uncertainty,
    )


def _log_mels(clips: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    return np.stack([clip_to_mel(clip, audio) for clip in clips])
