"""Distill a teacher, given as a checkpoint, into a student."""

from __future__ import annotations

import shutil
from pathlib import Path

import lightning

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.layer_mapping import map_layers
from sentio_mobile.distill.objective import Distillation
from sentio_mobile.distill.teacher_outputs import TeacherOutputs, cached_outputs, fill_cache, online_teacher
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.agreement import retention
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.metrics.evaluation import Evaluation, TeacherEvaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.datamodule import TrainingClips
from sentio_mobile.training.fit import evaluate_split, fit, predict
from sentio_mobile.training.sources import NO_EXTRA_DATA, ExtraData, TrainingSources


def distill(
    teacher: Checkpoint,
    data: PreparedData,
    *,
    recipe: DistillRecipe,
    out: Path,
    extra: ExtraData = NO_EXTRA_DATA,
    cache: Path | None = None,
    convert: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Distill, keep the best epoch by validation CCC, compare with the teacher on the test songs, and save.

    An interrupted run continues after its last epoch when it is started again with the same recipe, data and `out`.

    Args:
        teacher: The teacher.
        data: Prepared songs.
        recipe: The student, the training schedule, and the weights of the loss terms.
        out: The checkpoint folder to write.
        extra: Music without labels and GAN samples, for which the student learns the teacher's predictions;
            pseudo-labels for that music; and music with weak labels.
        cache: Folder where the teacher's outputs are kept for other runs. They are deleted by default.
        convert: Whether the teacher may use its own normalization and image size.
        overwrite: Whether an existing `out` is replaced.
        progress: Receives each step.

    Returns:
        The student's checkpoint, with its evaluation, the teacher's, and the retention.

    Raises:
        DataError: Songs or extra data were prepared for another front end than the teacher's, or extra music contains
            validation or test songs.
        RecipeError: The recipe names a block that the student or the teacher does not have.
        TrainingError: There are too few songs, the loss is not finite, or one of its terms has no effect.
        OutputError: `out` or the cache cannot be written.
    """
    _require_same_front_end(teacher.spec.audio, data, convert)
    progress = progress or NoProgress()
    audio = replace(data.audio, image_size=recipe.image_size or data.audio.image_size)
    spec = spec_of(recipe.model, audio)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    model = build(spec)
    teacher.model.eval()
    mapping = map_layers(teacher.model, model, features=recipe.features, attention=recipe.attention)
    sources = TrainingSources(extra=extra.sources(data), views=recipe.views)
    cache_folder = cache or out.with_name(f"{out.name}.teacher-outputs")
    outputs: TeacherOutputs = online_teacher(teacher, mapping)
    if recipe.views:
        clips = TrainingClips(data, recipe.training, sources)
        filled = fill_cache(teacher, clips, mapping=mapping, folder=cache_folder, progress=progress)
        sources, outputs = replace(sources, teacher_outputs=filled), cached_outputs
    # Data loaders draw random numbers. Seeding again makes the projections independent of whether the cache was filled.
    lightning.seed_everything(recipe.training.seed, verbose=False)
    objective = Distillation(
        mapping,
        student=model,
        teacher=teacher.model,
        recipe=recipe,
        outputs=outputs,
        teacher_digest=weights_digest(teacher.model),
        has_weak_labels=sources.has_weak_labels,
    )
    work = out.with_name(f"{out.name}.training")
    history = fit(
        model,
        spec,
        data=data,
        settings=recipe.training,
        objective=objective,
        work=work,
        progress=progress,
        what="distilling the student",
        sources=sources,
    )
    evaluation = evaluate_student(Checkpoint(model=model, spec=spec), teacher, data=data, seed=recipe.training.seed)
    spec, evaluation = with_uncertainty(spec, evaluation)
    details = {
        **to_plain(recipe),
        "layer_mapping": to_plain(mapping),
        "extra_clips": [len(source) for source in sources.extra],
        "pseudo_labels": None if extra.pseudo_labels is None else extra.pseudo_labels.digest,
    }
    checkpoint = Checkpoint(
        model=model, spec=spec, recipe=details, history=history, evaluation=evaluation, data=data.origin
    )
    checkpoint.save(out, overwrite)
    shutil.rmtree(work)
    if recipe.views and cache is None:
        shutil.rmtree(cache_folder)
    return checkpoint


def evaluate_student(student: Checkpoint, teacher: Checkpoint, *, data: PreparedData, seed: int) -> Evaluation:
    """Evaluate a student on validation and test songs, where there are some, and its teacher on the test songs.

    Args:
        student: The student.
        teacher: Its teacher.
        data: Prepared songs.
        seed: Random seed for the bootstrap.
    """
    test = data.split("test")
    val = evaluate_split(student.model, student.spec, data, "val", seed=seed)
    if not len(test):
        return Evaluation(val=val)
    student_test = predict(student.model, student.spec, data, "test")
    teacher_test = predict(teacher.model.cpu(), teacher.spec, data, "test")
    return Evaluation(
        val=val,
        test=evaluate(test.song_ids, test.labels, student_test, seed),
        retention=retention(test.labels, student_test, teacher_test, seed),
        teacher=TeacherEvaluation(
            test=evaluate(test.song_ids, test.labels, teacher_test, seed),
            spec=teacher.spec,
            parameters=sum(p.numel() for p in teacher.model.parameters()),
            history=teacher.history,
            data=teacher.data,
        ),
    )


def _require_same_front_end(teacher_audio: AudioSpec, data: PreparedData, convert: bool) -> None:
    prepared, teacher = data.audio.to_dict(), teacher_audio.to_dict()
    differing = [name for name in prepared if prepared[name] != teacher[name]]
    if not differing:
        return
    differences = "; ".join(f"{name} {teacher[name]} and not {prepared[name]}" for name in differing)
    message = f"{data.folder}: was prepared for another front end than the teacher's, which has {differences}"
    if teacher_audio.log_mel != data.audio.log_mel:
        raise DataError(message)
    if not convert:
        raise DataError(f"{message}; --convert gives the teacher its own, and the student that of the data")
