"""The student of `train`: its schedule in steps, what it learns from, and its predictions for songs left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.bundle.accuracy import predict_split
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.distill.start import Start, chosen_weights, read_start, student_spec
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.formats.process import open_artifact
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.conformal import uncertainty_of
from sentio_mobile.metrics.evaluation import TeacherEvaluation
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.pipeline.estimate import TrainEstimate
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.fit import predict
from sentio_mobile.training.sources import ExtraData
from sentio_mobile.training.trainer import Hardware


def first_weights_of(name: str, recipe: DistillRecipe, audio: AudioSpec) -> tuple[Start, str | None]:
    """What a student is initialized from, and what identifies it; None for random weights.

    Args:
        name: `default`, `random`, or the path of a student's checkpoint.
        recipe: The student's recipe.
        audio: The front end.

    Raises:
        CheckpointError: There is no such checkpoint, or the shipped weights are damaged.
    """
    start = read_start(name)
    weights = chosen_weights(start, student_spec(recipe, audio))
    return start, None if weights is None else weights.digest


def scheduled(recipe: DistillRecipe, *, steps: int, data: PreparedData) -> DistillRecipe:
    """A student's recipe with a schedule of so many steps; unchanged where only its head is fitted.

    Validation songs choose the epoch. Without any the schedule is fixed, and a moving average of the weights is kept.

    Args:
        recipe: The student's recipe.
        steps: Training steps.
        data: The labelled songs.
    """
    if recipe.head_only:
        return recipe
    training, validated = recipe.training, len(data.split("val")) > 0
    changed = replace(
        training,
        epochs=0,
        steps=steps,
        batch_size=min(training.batch_size, len(data.split("train"))),
        keep="best" if validated else "last",
        patience=100_000,
        # The average reaches over the last tenth of the steps.
        ema=training.ema or (0.0 if validated else round(1 - 10 / max(20, steps), 5)),
    )
    return replace(recipe, training=changed, pretrained_steps=0)


def train_student(
    data: PreparedData,
    *,
    recipe: DistillRecipe,
    unlabelled: Sequence[PreparedData],
    weak_labels: Sequence[tuple[PreparedData, WeakLabels]],
    pseudo_labels: Path | None,
    embeddings: ClipEmbeddings | None,
    start: Start,
    out: Path,
    hardware: Hardware,
    progress: Progress,
) -> None:
    """Train a student on labels, on its teacher's pseudo-labels, and on an encoder's embeddings.

    Args:
        data: The labelled songs.
        recipe: The student's recipe, with its schedule.
        unlabelled: Music without labels.
        weak_labels: Music with weak labels.
        pseudo_labels: The teacher's pseudo-labels of all music; None without a teacher.
        embeddings: An encoder's embeddings of all music; None without an encoder.
        start: Its first weights.
        out: The checkpoint folder; what is there is overwritten.
        hardware: Where training runs.
        progress: Updated step by step.
    """
    if pseudo_labels is None:
        recipe = replace(recipe, response=replace(recipe.response, weight=1.0, hard=1.0, soft=0.0))
    distill(
        None,
        data,
        recipe=recipe,
        out=out,
        extra=ExtraData(
            unlabelled=tuple(unlabelled),
            weak_labels=tuple(weak_labels),
            pseudo_labels=None if pseudo_labels is None else read_pseudo_labels(pseudo_labels),
            embeddings=() if embeddings is None else (embeddings,),
        ),
        start=start,
        hardware=hardware,
        overwrite=True,
        progress=progress,
    )


def state_estimate(student: Path, estimate: TrainEstimate) -> None:
    """State in a student's checkpoint what a cross-validation found, and intervals from its errors.

    The student was trained on all songs, and has none left to be evaluated on. Models that were trained on fewer of
    them, and shorter, err more: the figures are careful ones. What the models had is stated beside them.
    """
    checkpoint = Checkpoint.load(student)
    found, taught = estimate.student, estimate.teacher
    evaluation = replace(
        checkpoint.evaluation,
        cross_validated=found,
        cross_validated_by=estimate.schooling,
        retention=estimate.retention,
        teacher=None if taught is None else TeacherEvaluation(test=taught, kind="a probe, out of fold"),
    )
    spec = replace(checkpoint.spec, uncertainty=uncertainty_of(found.labels, found.predictions))
    replace(checkpoint, spec=spec, evaluation=evaluation).save(student, overwrite=True)


def int8_bundle(student: Path, data: PreparedData, *, formats: Sequence[str], out: Path, progress: Progress) -> Bundle:
    """Export a student in int8, whatever that loses: that is what is to be measured.

    Args:
        student: The student's checkpoint folder.
        data: The songs that it was trained on.
        formats: Formats that may be taken; the first that has int8 is.
        out: The bundle's folder; what is there is overwritten.
        progress: Updated step by step.
    """
    able = [name for name in formats if "int8" in get_format(name).precisions_of("spectrogram")]
    recipe = ExportRecipe(formats=tuple(able[:1]), forms=("spectrogram",), precisions=("fp32", "int8"))
    build_bundle(student, recipe, out=out, data=data, keep_refused=True, overwrite=True, progress=progress)
    return open_bundle(out)


def predict_test(student: Path, data: PreparedData) -> NDArray[np.float32]:
    """A student's predictions for the test songs in fp32 [songs, 2], given its checkpoint folder."""
    loaded = Checkpoint.load(student)
    return predict(loaded.model, loaded.spec, data, "test")


def predict_int8(bundle: Bundle, data: PreparedData, progress: Progress) -> NDArray[np.float32] | None:
    """Predictions of a bundle's first int8 artifact for the test songs [songs, 2]; None without one."""
    for artifact in bundle.artifacts:
        if artifact.precision == "int8" and artifact.form == "spectrogram":
            run = open_artifact(artifact, bundle.spec)
            return predict_split(run, data, split="test", spec=bundle.spec, progress=progress, name=artifact.label)
    return None
