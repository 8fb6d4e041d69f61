"""`sentio-mobile distill`: the command that the toolkit exists for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import console, data_option, errors, force_option, out_option, sides_option
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.data.gan_samples import GanSamples
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.distill.config import QatRecipe
    from sentio_mobile.models.checkpoint import Checkpoint


@click.command(epilog="Example: sentio-mobile distill --teacher teacher-ckpt --data prepared --out student-ckpt")
@click.option("--teacher", type=click.Path(path_type=Path), required=True, help="The teacher's checkpoint folder.")
@data_option
@click.option(
    "--recipe",
    help="mobilevit (7.3 M parameters; the default), mobilevit_xs (2.0 M), mobilevit_wide (112 patches), or a .toml "
    "file of yours. With --qat: a .toml file.",
)
@click.option(
    "--qat",
    is_flag=True,
    help="Quantization-aware finetuning: TEACHER is a student, which learns to answer in 8 bits as it does in 32.",
)
@click.option(
    "--unlabelled",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Music without labels, prepared by `data prepare`: the student learns what the teacher says of it.",
)
@click.option(
    "--synthetic",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Made-up songs that `teacher gan sample` wrote, in the same way.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Keep what the teacher says here, for other runs with the same teacher and songs.",
)
@click.option(
    "--answers",
    type=click.Path(path_type=Path),
    help="What another teacher says of the --unlabelled music, as `teacher classic` writes it; taken for labels.",
)
@sides_option
@click.option("--convert", is_flag=True, help="Let the teacher hear through its own normalization and picture.")
@out_option
@force_option
def distill(
    teacher: Path,
    data_folder: Path,
    recipe: str | None,
    qat: bool,
    unlabelled: tuple[Path, ...],
    synthetic: tuple[Path, ...],
    cache: Path | None,
    answers: Path | None,
    sides: tuple[tuple[Path, Path], ...],
    convert: bool,
    out: Path,
    force: bool,
) -> None:
    """Teach a phone-sized student what a teacher knows.

    The student learns from people's labels, from the teacher's answers, from what its blocks hold and from where they
    look. Both are compared on the same test songs. A run that was stopped goes on where it was when the same command is
    given again.

    Where `export` refuses `int8-full` because a student loses too much, `--qat` brings its weights to where rounding
    costs least: `distill --qat --teacher student-ckpt --data prepared --out student-8`.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_evaluation, show_retention
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.pseudo_labels import read_pseudo_labels
    from sentio_mobile.data.weak_labels import read_weak_labels
    from sentio_mobile.distill.config import DistillRecipe, QatRecipe
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.recipes import load_recipe

    require_free(out, force)
    if answers is not None and not unlabelled:
        raise InputError("--answers are for music without labels: give it as --unlabelled")
    if qat:
        _refuse_with_qat(cache=cache, answers=answers, sides=sides, convert=convert)
    settings = (
        load_recipe(QatRecipe, recipe or "finetune", "distill/qat")
        if qat
        else load_recipe(DistillRecipe, recipe or "mobilevit", "distill")
    )
    songs, known = open_data(data_folder), Checkpoint.load(teacher)
    extra: list[PreparedData | GanSamples] = [open_data(folder) for folder in unlabelled]
    extra += [open_gan_samples(folder) for folder in synthetic]
    if isinstance(settings, QatRecipe):
        _finetune(known, songs, settings, out, force, extra)
        return
    sided = [(open_data(folder), read_weak_labels(place)) for folder, place in sides]
    known_answers = read_pseudo_labels(answers) if answers else None
    # Last, because it takes seconds: what is wrong with the arguments is said at once.
    from sentio_mobile.distill.distill import distill as distill_student

    with Bars() as bars:
        student = distill_student(
            known,
            songs,
            recipe=settings,
            out=out,
            progress=bars,
            overwrite=force,
            extra=extra,
            cache=cache,
            convert=convert,
            answers=known_answers,
            sides=sided,
        )
    if off := student.recipe["plan"]["off"]:
        errors.print(
            f"[yellow]The teacher has no attention blocks: {' and '.join(off)} were off, only its answers were learnt."
        )
    show_evaluation("teacher", student.evaluation["teacher"]["test"])
    show_evaluation("student", student.evaluation["test"])
    show_retention(student.evaluation["retention"])
    _say_next(out, "--format all")


def _finetune(
    student: Checkpoint,
    songs: PreparedData,
    settings: QatRecipe,
    out: Path,
    force: bool,
    extra: list[PreparedData | GanSamples],
) -> None:
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_evaluation
    from sentio_mobile.distill.qat import finetune

    with Bars() as bars:
        made = finetune(student, songs, recipe=settings, out=out, progress=bars, overwrite=force, extra=extra)
    show_evaluation("before", made.evaluation["teacher"]["test"])
    show_evaluation("after, 32 bits", made.evaluation["test"])
    show_evaluation("after, 8 bits", made.evaluation["rounded"]["test"])
    before, after = (made.evaluation["rounding"][when] for when in ("before", "after"))
    console.print(f"Rounding moves an answer by {after:.3f}, before by {before:.3f} (RMS, validation songs, simulated)")
    _say_next(out, "--format tflite --precision int8-full --data DATA")


def _say_next(out: Path, options: str) -> None:
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile export --checkpoint {out} {options} --out bundle",
        soft_wrap=True,
        markup=False,
    )


def _refuse_with_qat(**options: object) -> None:
    for name, value in options.items():
        if value:
            raise InputError(f"--{name} has no meaning with --qat, where a student learns from its own answers alone")
