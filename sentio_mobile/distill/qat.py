"""Quantization-aware finetuning: a student learns to answer in 8 bits as it does in 32.

It is its own teacher: no label is needed, and music without any helps.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from numpy.typing import NDArray

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.synthetic import Synthetic
from sentio_mobile.distill.imitation import Imitation
from sentio_mobile.distill.judge import judge
from sentio_mobile.distill.rounded import measuring, rounded
from sentio_mobile.errors import CheckpointError, DataError
from sentio_mobile.models.blocks import unfold_norms
from sentio_mobile.models.registry import settings_of
from sentio_mobile.models.settings import MobileViTSettings
from sentio_mobile.progress import Progress, Silent
from sentio_mobile.recipes import QatRecipe
from sentio_mobile.training.checkpoint import Checkpoint, weights_digest
from sentio_mobile.training.conformal import with_uncertainty
from sentio_mobile.training.extra import extra_material
from sentio_mobile.training.fit import fit, predict
from sentio_mobile.training.material import Extras
from sentio_mobile.training.metrics import evaluate


def finetune(
    student: Checkpoint,
    data: PreparedData,
    recipe: QatRecipe,
    out: Path,
    progress: Progress | None = None,
    replace: bool = False,
    extra: Sequence[PreparedData | Synthetic] = (),
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
        replace: an existing `out` gives way.
        extra: more music to answer as before.

    Returns:
        The checkpoint. Its evaluation compares it, in 32 bits, with the student that it was; `rounding` has the root
        mean square by which answers in 8 bits differ from that student's in 32, on validation songs, before and after,
        and `rounded` the metrics of the answers in 8 bits.

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
    shown, spec = progress or Silent(), student.spec
    lightning.seed_everything(recipe.training.seed, verbose=False)
    was = copy.deepcopy(student.model).eval()
    taught = predict(was, spec, data, "val")
    network, plain = rounded(was)
    with measuring(network):
        predict(network.eval(), spec, data, "train")
    before = _distance(predict(network, spec, data, "val"), taught)
    chosen_by = _with_answers(data, taught)
    work, objective = out.with_name(f"{out.name}.training"), Imitation(plain, was, recipe)
    extras = Extras(material=extra_material(data, extra))
    history = fit(
        network.train(), spec, chosen_by, recipe.training, objective, work, shown, "finetuning in 8 bits", extras=extras
    )  # fmt: skip
    model = copy.deepcopy(student.model)
    unfold_norms(model, plain)
    model.requires_grad_(True).eval()
    evaluation: dict[str, Any] = judge(Checkpoint(model, spec), student, data, recipe.training.seed)
    test = data.split("test")
    answers = predict(network, spec, data, "test")
    evaluation["rounded"] = {"test": evaluate(test.song_ids, test.labels, answers, recipe.training.seed)}
    evaluation["rounding"] = {"before": before, "after": _distance(predict(network, spec, data, "val"), taught)}
    spec, evaluation["test"]["coverage"] = with_uncertainty(spec, evaluation)
    made_by = {
        **asdict(recipe),
        "model": asdict(settings),
        "finetuned": student.recipe,
        "from_weights": weights_digest(was),
    }
    checkpoint = Checkpoint(model, spec, made_by, history, evaluation, data.origin)
    checkpoint.save(out, replace)
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
