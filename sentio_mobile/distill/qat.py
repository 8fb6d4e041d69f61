"""Quantization-aware training: finetuning a student so that it predicts in int8 what it predicted in fp32.

This is self-distillation. The student is its own teacher, so no labels are needed, and music without labels helps.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import mse_loss

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import QatRecipe
from sentio_mobile.distill.distill import evaluate_student
from sentio_mobile.distill.followed.network import FollowedNetwork
from sentio_mobile.errors import CheckpointError, DataError
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.metrics.evaluation import QuantizationError, evaluate
from sentio_mobile.models.blocks import unfold_norms
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import settings_of
from sentio_mobile.quantization.fake_quant import fake_quantize, observing_ranges
from sentio_mobile.training.clips import Batch
from sentio_mobile.training.fit import fit, predict
from sentio_mobile.training.precision import with_real_precision
from sentio_mobile.training.sources import NO_EXTRA_DATA, ExtraData, TrainingSources
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware, training_folder


class SelfDistillation:
    """Squared error to the predictions of the original student, with fake quantization (`int8`) and without (`fp32`).

    Without the second term the weights would be right only when rounded, and other precisions would lose accuracy.

    Args:
        folded: The network without fake quantization; it shares its weights with the one that is trained.
        original: The student before finetuning, in evaluation mode; it is not changed.
        recipe: The weight of the second term.
    """

    def __init__(self, folded: nn.Module, original: nn.Module, recipe: QatRecipe) -> None:
        self._folded, self._original = folded, original
        weights = {"int8": 1.0, "fp32": recipe.whole}
        self.weights: Mapping[str, float] = {name: weight for name, weight in weights.items() if weight > 0}
        self.signature = f"self-distillation {self.weights} of {weights_digest(original)}"

    def __call__(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Compute the terms for images [batch, 3, height, width]. Labels are not used."""
        with torch.no_grad():
            target = self._original.to(images.device)(images)
        terms = {"int8": mse_loss(model(images), target)}
        if "fp32" in self.weights:
            terms["fp32"] = mse_loss(self._folded(images), target)
        return {"loss": torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum(), **terms}


def finetune(
    student: Checkpoint,
    data: PreparedData,
    *,
    recipe: QatRecipe,
    out: Path,
    extra: ExtraData = NO_EXTRA_DATA,
    hardware: Hardware = ONE_DEVICE,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Finetune a student with fake quantization and save it. It is exported like any other student.

    Activation ranges are measured on the training songs first. The epoch that is kept is the one with the best CCC, on
    validation songs, between the predictions with fake quantization and those of the original student. Labels are used
    only for the evaluation at the end. An interrupted run continues after its last epoch.

    Args:
        student: A student with batch normalization and ReLU.
        data: Prepared songs.
        recipe: The training schedule.
        out: The checkpoint folder to write.
        extra: More music, for which the student also learns its original predictions.
        hardware: Where training runs.
        overwrite: Whether an existing `out` is replaced.
        progress: Receives each step.

    Returns:
        The finetuned student. In its evaluation, `teacher` is the original student, `fake_quantized` holds the metrics
        with fake quantization, and `quantization_error` compares the two on validation songs.

    Raises:
        CheckpointError: The checkpoint is not such a student.
        DataError: Songs were prepared for another front end, or extra music contains validation or test songs.
        TrainingError: There are too few songs, or the loss is not finite.
        OutputError: `out` cannot be written.
    """
    recipe = replace(recipe, training=with_real_precision(recipe.training, hardware.accelerator))
    settings = _student_settings(student)
    if data.audio != student.spec.audio:
        raise DataError(
            f"{data.folder}: was prepared for another front end than the student's; prepare the songs for it"
        )
    progress, spec = progress or NoProgress(), student.spec
    lightning.seed_everything(recipe.training.seed, verbose=False)
    original = copy.deepcopy(student.model).eval()
    val_target = predict(original, spec, data, "val")
    network, folded = fake_quantize(original)
    with observing_ranges(network):
        predict(network.eval(), spec, data, "train")
    error_before = _rms_difference(predict(network, spec, data, "val"), val_target)
    with training_folder(out, overwrite) as work:
        history = fit(
            network.train(),
            spec,
            data=_with_val_labels(data, val_target),
            settings=recipe.training,
            objective=SelfDistillation(folded, original, recipe),
            work=work,
            progress=progress,
            what="finetuning with fake quantization",
            hardware=hardware,
            sources=TrainingSources(extra=extra.sources(data)),
        )
        model = copy.deepcopy(student.model)
        unfold_norms(model, folded)
        model.requires_grad_(True).eval()
        seed, test = recipe.training.seed, data.split("test")
        evaluation = evaluate_student(
            Checkpoint(model=model, spec=spec), FollowedNetwork(student), data=data, seed=seed
        )
        error_after = _rms_difference(predict(network, spec, data, "val"), val_target)
        evaluation = replace(
            evaluation,
            fake_quantized=evaluate(test.song_ids, test.labels, predict(network, spec, data, "test"), seed),
            quantization_error=QuantizationError(before=error_before, after=error_after),
        )
        spec, evaluation = with_uncertainty(spec, evaluation)
        details = {
            **to_plain(recipe),
            "model": to_plain(settings),
            "finetuned": student.recipe,
            "from_weights": weights_digest(original),
        }
        checkpoint = Checkpoint(
            model=model, spec=spec, recipe=details, history=history, evaluation=evaluation, data=data.origin
        )
        checkpoint.save(out, overwrite)
    return checkpoint


def _student_settings(student: Checkpoint) -> MobileViTSettings:
    settings = settings_of(student.spec)
    if not isinstance(settings, MobileViTSettings):
        raise CheckpointError(f"--qat finetunes a student, and this checkpoint is a {student.spec.architecture}")
    if (settings.norm, settings.activation) != ("batch", "relu"):
        raise CheckpointError(
            f"--qat finetunes students with batch normalization and ReLU, and this one has {settings.norm} "
            f"normalization and {settings.activation}: integer kernels compute those in ways that are not simulated"
        )
    return settings


def _with_val_labels(data: PreparedData, labels: NDArray[np.float32]) -> PreparedData:
    """The same data with other labels [songs, 2] for the validation songs."""
    val = replace(data.split("val"), labels=labels)
    return replace(data, splits={**data.splits, "val": val})


def _rms_difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(a - b))))
