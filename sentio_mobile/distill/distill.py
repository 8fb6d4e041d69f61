"""Distill a teacher into a student."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightning

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.followed.base import Followed
from sentio_mobile.distill.followed.choose import choose_followed
from sentio_mobile.distill.objective import Distillation
from sentio_mobile.distill.start import Start, give_first_weights, student_spec
from sentio_mobile.errors import TrainingError
from sentio_mobile.metrics.agreement import retention
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.metrics.evaluation import Evaluation, History
from sentio_mobile.models.capture import HasLinearHead
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build
from sentio_mobile.training.embedding_loss import embedding_loss
from sentio_mobile.training.fit import evaluate_songs, evaluate_split, fit, predict
from sentio_mobile.training.linear_head import solve_linear_head
from sentio_mobile.training.precision import with_real_precision
from sentio_mobile.training.sources import NO_EXTRA_DATA, ExtraData, TrainingSources
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware, training_folder


def distill(
    teacher: Checkpoint | None,
    data: PreparedData,
    *,
    recipe: DistillRecipe,
    out: Path,
    extra: ExtraData = NO_EXTRA_DATA,
    start: Start = "default",
    cache: Path | None = None,
    convert: bool = False,
    hardware: Hardware = ONE_DEVICE,
    overwrite: bool = False,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Checkpoint:
    """Distill, keep the best epoch by validation CCC, compare with the teacher on the test songs, and save.

    An interrupted run continues after its last epoch when it is started again with the same recipe, data and `out`.

    Args:
        teacher: The teacher; None if pseudo-labels are the teacher. Without either, the terms that need a teacher are
            off.
        data: Prepared songs.
        recipe: The student, the training schedule, and the weights of the loss terms.
        out: The checkpoint folder to write.
        extra: Music without labels and GAN samples, for which the student learns the teacher's predictions;
            pseudo-labels for that music, or, without a teacher, for training songs too; music with weak labels; and
            an encoder's embeddings of all this music and the training songs.
        start: The student's first weights.
        cache: Folder where the teacher's outputs are kept for other runs. They are deleted by default.
        convert: Whether the teacher may use its own normalization and image size.
        hardware: Where training runs.
        overwrite: Whether an existing `out` is replaced.
        progress: Receives each step.
        announce: Receives a line of text that says which first weights the student has.

    Returns:
        The student's checkpoint, with its evaluation, the teacher's, and the retention.

    Raises:
        InputError: Music that was added teaches nothing.
        DataError: Songs or extra data were prepared for another front end than the teacher's, or extra music contains
            validation or test songs.
        CheckpointError: `start` is another network.
        RecipeError: The recipe names a block that the student or the teacher does not have.
        TrainingError: There are too few songs, the loss is not finite, one of its terms has no effect, or the head of
            this student cannot be solved for.
        OutputError: `out` or the cache cannot be written.
    """
    recipe = replace(recipe, training=with_real_precision(recipe.training, hardware.accelerator))
    if teacher is None and extra.pseudo_labels is None:
        recipe = recipe.without_teacher()
    followed = choose_followed(teacher, recipe, extra, convert=convert)
    followed.check(data, extra)
    progress = progress or NoProgress()
    spec = student_spec(recipe, data.audio)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    model = build(spec)
    first_weights = give_first_weights(model, spec, start)
    if first_weights.first_weights_sha256 is not None:
        recipe = recipe.for_pretrained()
    if recipe.head_only and (first_weights.first_weights_sha256 is None or not isinstance(model, HasLinearHead)):
        raise TrainingError(
            "head_only needs a student with a linear head, which is musicnn, and other first weights than random ones; "
            "set it to false"
        )
    if announce is not None:
        announce(str(first_weights))
    mapping = followed.map_layers(model, recipe)
    scratch = out.with_name(f"{out.name}.teacher-outputs")
    with training_folder(out, overwrite, scratch) as work:
        lesson = followed.teach(
            data,
            TrainingSources(extra=extra.sources(data), embeddings=extra.embeddings),
            recipe=recipe,
            mapping=mapping,
            cache=cache or scratch,
            progress=progress,
        )
        # Data loaders draw random numbers. Seeding again makes the projections independent of whether the cache was
        # filled.
        lightning.seed_everything(recipe.training.seed, verbose=False)
        if first_weights.first_weights_sha256 is not None and isinstance(model, HasLinearHead):
            solve_linear_head(
                model,
                spec,
                data,
                settings=recipe.training,
                sources=lesson.sources,
                hard=recipe.response.hard,
                soft=recipe.response.soft,
                progress=progress,
            )
        objective = Distillation(
            mapping,
            student=model,
            token_width=followed.token_width,
            recipe=recipe,
            outputs=lesson.outputs,
            identity=f"{followed.signature}, {first_weights.signature}",
            has_weak_labels=lesson.sources.has_weak_labels,
            embeddings=embedding_loss(
                model, data, settings=recipe.training, sources=lesson.sources, weights=recipe.embeddings
            ),
        )
        history: History = ()
        if not recipe.head_only:
            history = fit(
                model,
                spec,
                data=data,
                settings=recipe.training,
                objective=objective,
                work=work,
                progress=progress,
                what="distilling the student",
                hardware=hardware,
                sources=lesson.sources,
            )
        evaluation = evaluate_student(
            Checkpoint(model=model, spec=spec), followed, data=data, seed=recipe.training.seed
        )
        spec, evaluation = with_uncertainty(spec, evaluation)
        details = {
            **to_plain(recipe),
            "layer_mapping": to_plain(mapping),
            "followed": Path(followed.name).name,
            **to_plain(first_weights),
            "extra_clips": [len(source) for source in lesson.sources.extra],
            "embedding_files": [clips.digest for clips in extra.embeddings],
            "pseudo_labels": None if extra.pseudo_labels is None else extra.pseudo_labels.digest,
        }
        checkpoint = Checkpoint(
            model=model, spec=spec, recipe=details, history=history, evaluation=evaluation, data=data.origin
        )
        checkpoint.save(out, overwrite)
    return checkpoint


def evaluate_student(student: Checkpoint, followed: Followed, *, data: PreparedData, seed: int) -> Evaluation:
    """Evaluate a student on validation and test songs, where there are some, and its teacher on the test songs.

    Args:
        student: The student.
        followed: Its teacher.
        data: Prepared songs.
        seed: Random seed for the bootstrap.
    """
    test = data.split("test")
    val = evaluate_split(student.model, student.spec, data, "val", seed=seed)
    if not len(test):
        return Evaluation(val=val)
    student_test = predict(student.model, student.spec, data, "test")
    evaluation = Evaluation(val=val, test=evaluate_songs(test, student_test, seed))
    teacher = followed.on_test_songs(data, seed)
    if isinstance(teacher, str):
        return replace(evaluation, no_retention=teacher)
    return replace(
        evaluation,
        retention=retention(test.labels, student_test, teacher.predictions, seed),
        teacher=teacher.evaluation,
    )
