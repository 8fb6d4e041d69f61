"""Quantization-aware finetuning: a student learns to answer in 8 bits as it does in 32.

It is its own teacher: no label is needed, and music without any helps.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace as replace_fields
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import QatRecipe
from sentio_mobile.distill.self_distillation import SelfDistillation
from sentio_mobile.distill.student_evaluation import evaluate_student
from sentio_mobile.errors import CheckpointError, DataError
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.metrics.evaluation import QuantizationError, evaluate
from sentio_mobile.models.blocks import unfold_norms
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import settings_of
from sentio_mobile.quantization.fake_quant import fake_quantize, observing_ranges
from sentio_mobile.training.extra_data import extra_sources
from sentio_mobile.training.fit import fit, predict
from sentio_mobile.training.sources import ExtraData


def finetune(
    student: Checkpoint,
    data: PreparedData,
    *,
    recipe: QatRecipe,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    extra: Sequence[PreparedData | GanSamples] = (),
) -> Checkpoint:
    """Finetune a student with every number of it rounded, and save it; it is exported like any other.

    Ranges are measured on the training songs first. A run that was killed goes on from its last epoch.

    Args:
        student: with batch normalization and ReLU.
        data: songs; the epoch that is kept is the one whose rounded answers for the validation songs have the best CCC
            with the student's own. Labels are not read but in the end, for the evaluation.
        recipe: the schedule.
        out: the checkpoint folder to write.
        progress: shown step by step.
        overwrite: an existing `out` gives way.
        extra: more music to answer as before.

    Returns:
        The checkpoint. Its evaluation compares it, in 32 bits, with the student that it was; `rounding` has the root
        mean square by which answers in 8 bits differ from that student's in 32, on validation songs, before and after,
        and `fake_quantize` the metrics of the answers in 8 bits.

    Raises:
        CheckpointError: it is no such student.
        DataError: songs were prepared for another front end, or extra music holds validation or test songs.
        TrainingError: too few songs, or a loss that is not finite.
        OutputError: `out` cannot be written.
    """
    settings = _settings_of(student)
    if data.audio != student.spec.audio:
        raise DataError(
            f"{data.folder}: was prepared for another front end than the student's; prepare the songs for it"
        )
    shown, spec = progress or NoProgress(), student.spec
    lightning.seed_everything(recipe.training.seed, verbose=False)
    was = copy.deepcopy(student.model).eval()
    taught = predict(was, spec, data, "val")
    network, plain = fake_quantize(was)
    with observing_ranges(network):
        predict(network.eval(), spec, data, "train")
    before = _distance(predict(network, spec, data, "val"), taught)
    chosen_by = _with_answers(data, taught)
    work, objective = out.with_name(f"{out.name}.training"), SelfDistillation(plain, was, recipe)
    extras = ExtraData(material=extra_sources(data, extra))
    history = fit(
        network.train(),
        spec,
        data=chosen_by,
        settings=recipe.training,
        objective=objective,
        work=work,
        progress=shown,
        what="finetuning in 8 bits",
        extras=extras,
    )
    model = copy.deepcopy(student.model)
    unfold_norms(model, plain)
    model.requires_grad_(True).eval()
    evaluation = evaluate_student(Checkpoint(model=model, spec=spec), student, data, recipe.training.seed)
    test = data.split("test")
    answers = predict(network, spec, data, "test")
    after = _distance(predict(network, spec, data, "val"), taught)
    evaluation = replace_fields(
        evaluation,
        fake_quantized=evaluate(test.song_ids, test.labels, answers, recipe.training.seed),
        quantization_error=QuantizationError(before=before, after=after),
    )
    spec, evaluation = with_uncertainty(spec, evaluation)
    made_by = {
        **to_plain(recipe),
        "model": to_plain(settings),
        "finetuned": student.recipe,
        "from_weights": weights_digest(was),
    }
    checkpoint = Checkpoint(
        model=model, spec=spec, recipe=made_by, history=history, evaluation=evaluation, data=to_plain(data.origin)
    )
    checkpoint.save(out, overwrite)
    shutil.rmtree(work)
    return checkpoint


def _settings_of(student: Checkpoint) -> MobileViTSettings:
    settings = settings_of(student.spec)
    if not isinstance(settings, MobileViTSettings):
        raise CheckpointError(f"--qat finetunes a student, and this checkpoint is a {student.spec.architecture}")
    if (settings.norm, settings.activation) != ("batch", "relu"):
        raise CheckpointError(
            f"--qat finetunes students with batch normalization and ReLU, and this one has {settings.norm} "
            f"normalization and {settings.activation}: integer kernels compute those in ways that are not simulated"
        )
    return settings


def _with_answers(data: PreparedData, answers: NDArray[np.float32]) -> PreparedData:
    """The songs, those of validation labelled by what was answered for them before."""
    val = replace_fields(data.split("val"), labels=answers)
    return replace_fields(data, splits={**data.splits, "val": val})


def _distance(answers: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(answers - others))))
