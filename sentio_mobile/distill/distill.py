"""Teach a student what a teacher knows. The teacher is a checkpoint; how it came to be is no matter here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import lightning

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace as replace_fields
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.layer_mapping import map_layers
from sentio_mobile.distill.objective import Distillation
from sentio_mobile.distill.student_evaluation import evaluate_student
from sentio_mobile.distill.teacher_outputs import cached_outputs, fill_cache, online_teacher
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.conformal import with_uncertainty
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.datamodule import TrainingClips
from sentio_mobile.training.extra_data import extra_sources, weakly_labelled_sources
from sentio_mobile.training.fit import fit
from sentio_mobile.training.sources import ExtraData


def distill(
    teacher: Checkpoint,
    data: PreparedData,
    *,
    recipe: DistillRecipe,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    extra: Sequence[PreparedData | GanSamples] = (),
    cache: Path | None = None,
    convert: bool = False,
    answers: PseudoLabels | None = None,
    sides: Sequence[tuple[PreparedData, WeakLabels]] = (),
) -> Checkpoint:
    """Distill, keep the best epoch by validation CCC, compare with the teacher on the test songs, and save.

    A run that was killed goes on from its last epoch when it is started again with the same recipe, data and `out`.

    Args:
        teacher: the teacher's checkpoint.
        data: prepared songs.
        recipe: the student, its schedule, and the shares of the loss.
        out: the checkpoint folder to write.
        progress: shown step by step.
        overwrite: an existing `out` gives way.
        extra: music without labels, and made-up clips: the student learns from what the teacher says of them.
        cache: folder where the teacher's signals are kept for other runs; by default they are deleted in the end.
        convert: whether the teacher may hear the songs through a normalization or a picture of its own.
        answers: what another teacher, which need be no network, says of the music without labels; the student takes
            that for labels.
        sides: music without labels of which is known on which side of neutral it is.

    Raises:
        DataError: songs or extra clips were prepared for another front end than the teacher's, or extra music holds
            validation or test songs.
        RecipeError: the recipe names a block that student or teacher does not have.
        TrainingError: too few songs, a loss that is not finite, or a term of it that teaches nothing.
        OutputError: `out` or the cache cannot be written.
    """
    _require_same_front_end(teacher.spec.audio, data, convert)
    shown = progress or NoProgress()
    audio = replace_fields(data.audio, image_size=recipe.image_size or data.audio.image_size)
    spec = spec_of(recipe.model, audio)
    lightning.seed_everything(recipe.training.seed, verbose=False)
    model = build(spec)
    teacher.model.eval()
    plan = map_layers(teacher.model, model, recipe.features, recipe.attention)
    extras = ExtraData(
        material=(*extra_sources(data, extra, answers), *weakly_labelled_sources(data, sides)), views=recipe.views
    )
    kept = cache or out.with_name(f"{out.name}.signals")
    source = online_teacher(teacher, plan.signals, plan.grid)
    if recipe.views:
        clips = TrainingClips(data, recipe.training, extras)
        signals = fill_cache(teacher, clips, names=plan.signals, grid=plan.grid, folder=kept, progress=shown)
        extras, source = replace_fields(extras, signals=signals), cached_outputs
    # Again, for loaders draw too: projections start alike, whether the teacher was asked now, before, or not yet.
    lightning.seed_everything(recipe.training.seed, verbose=False)
    objective = Distillation(
        plan, model, teacher.model, recipe, source, weights_digest(teacher.model), extras.has_sides
    )
    work = out.with_name(f"{out.name}.training")
    history = fit(
        model,
        spec,
        data=data,
        settings=recipe.training,
        objective=objective,
        work=work,
        progress=shown,
        what="distilling the student",
        extras=extras,
    )
    evaluation = evaluate_student(Checkpoint(model=model, spec=spec), teacher, data, recipe.training.seed)
    spec, evaluation = with_uncertainty(spec, evaluation)
    made_by = {**to_plain(recipe), "plan": to_plain(plan), "extra_clips": [len(songs) for songs in extras.material]}
    made_by["answers"] = None if answers is None else answers.digest
    checkpoint = Checkpoint(
        model=model, spec=spec, recipe=made_by, history=history, evaluation=evaluation, data=to_plain(data.origin)
    )
    checkpoint.save(out, overwrite)
    shutil.rmtree(work)
    if recipe.views and cache is None:
        shutil.rmtree(kept)
    return checkpoint


def _require_same_front_end(audio: AudioSpec, data: PreparedData, convert: bool) -> None:
    ours, theirs = data.audio.to_dict(), audio.to_dict()
    differing = [name for name in ours if ours[name] != theirs[name]]
    if not differing:
        return
    words = "; ".join(f"{name} {theirs[name]} and not {ours[name]}" for name in differing)
    if audio.log_mel != data.audio.log_mel:
        raise DataError(f"{data.folder}: was prepared for another front end than the teacher's, which has {words}")
    if not convert:
        raise DataError(
            f"{data.folder}: was prepared for another front end than the teacher's, which has {words}; --convert gives "
            "the teacher its own, and the student that of the data"
        )
