"""Teach a student what a teacher knows. The teacher is a checkpoint; how it came to be is no matter here."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.losses import ResponseDistillation
from sentio_mobile.errors import DataError
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.progress import Progress, Silent
from sentio_mobile.recipes import DistillRecipe
from sentio_mobile.training.checkpoint import Checkpoint
from sentio_mobile.training.conformal import with_uncertainty
from sentio_mobile.training.fit import fit, predict
from sentio_mobile.training.metrics import evaluate, retention


def distill(
    teacher: Checkpoint,
    data: PreparedData,
    recipe: DistillRecipe,
    out: Path,
    progress: Progress | None = None,
    replace: bool = False,
) -> Checkpoint:
    """Distill, keep the best epoch by validation CCC, compare with the teacher on the test songs, and save.

    A run that was killed goes on from its last epoch when it is started again with the same recipe, data and `out`.

    Args:
        teacher: the teacher's checkpoint.
        data: prepared songs.
        recipe: the student, its schedule, and the shares of the loss.
        out: the checkpoint folder to write.
        progress: shown step by step.
        replace: an existing `out` gives way.

    Raises:
        DataError: the data was prepared for another front end than the teacher's.
        TrainingError: too few songs, or a loss that is not finite.
        OutputError: `out` cannot be written.
    """
    if teacher.spec.audio != data.audio:
        raise DataError(
            f"{data.folder}: was prepared for another front end than the teacher's; prepare it with the same"
        )
    spec = spec_of(recipe.model, data.audio)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    model = build(spec)
    work = out.with_name(f"{out.name}.training")
    objective = ResponseDistillation(teacher.model, recipe.response, recipe.training.ccc_share)
    history = fit(model, spec, data, recipe.training, objective, work, progress or Silent(), "distilling the student")
    evaluation = _evaluate(Checkpoint(model, spec), teacher, data, recipe.training.seed)
    spec, evaluation["test"]["coverage"] = with_uncertainty(spec, evaluation)
    checkpoint = Checkpoint(model, spec, asdict(recipe), history, evaluation, data.origin)
    checkpoint.save(out, replace)
    shutil.rmtree(work)
    return checkpoint


def _evaluate(student: Checkpoint, teacher: Checkpoint, data: PreparedData, seed: int) -> dict[str, Any]:
    test, val = data.split("test"), data.split("val")
    answers = predict(student.model, student.spec, data, "test")
    taught = predict(teacher.model.cpu(), teacher.spec, data, "test")
    return {
        "val": evaluate(val.song_ids, val.labels, predict(student.model, student.spec, data, "val"), seed),
        "test": evaluate(test.song_ids, test.labels, answers, seed),
        "retention": asdict(retention(test.labels, answers, taught, seed)),
        "teacher": {
            "test": evaluate(test.song_ids, test.labels, taught, seed),
            "spec": teacher.spec.to_dict(),
            "parameters": sum(p.numel() for p in teacher.model.parameters()),
            "history": teacher.history,
            "data": teacher.data,
        },
    }
