"""`sentio-mobile distill`: the command that the toolkit exists for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.options import PATH, Command, data_option, force_option, out_option, weak_labels_option
from sentio_mobile.cli.output import console, json_option, stderr
from sentio_mobile.cli.training_options import TrainingOptions, training_options
from sentio_mobile.errors import InputError


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile distill --teacher teacher-ckpt --data prepared --out student-ckpt",
)
@click.option(
    "--teacher",
    type=PATH,
    help="The teacher's checkpoint folder, or the folder of a probe, which needs --embeddings. Not needed if "
    "--pseudo-labels or --embeddings are what the student learns from.",
)
@data_option
@click.option(
    "--recipe",
    help="default (mobilevit, 7.3 M parameters), small (mobilevit_xs, 2.0 M), or a .toml "
    "file of your own. With --qat: a .toml file.",
)
@click.option(
    "--qat",
    is_flag=True,
    help="Quantization-aware finetuning: TEACHER is a student, which learns to predict in int8 what it does in fp32.",
)
@click.option(
    "--unlabelled",
    type=PATH,
    multiple=True,
    help="Music without labels, prepared by `data prepare`: the student learns the teacher's predictions for it. May "
    "be given more than once.",
)
@click.option(
    "--gan-samples",
    type=PATH,
    multiple=True,
    help="GAN samples written by `teacher gan sample`, used like --unlabelled. May be given more than once.",
)
@click.option(
    "--start",
    default="default",
    show_default=True,
    metavar="default|random|CHECKPOINT",
    help="The student's first weights: the shipped ones where they fit the recipe, random ones, or those of a "
    "student's checkpoint.",
)
@click.option("--cache", type=PATH, help="Keep the teacher's outputs here, for other runs with this teacher and music.")
@click.option(
    "--pseudo-labels",
    type=PATH,
    help="A CSV of another teacher's predictions for the --unlabelled music, used as labels. Without --teacher, its "
    "predictions for labelled songs are learned beside the labels. `teacher ensemble` writes one.",
)
@click.option(
    "--embeddings",
    type=PATH,
    multiple=True,
    help="An encoder's embeddings of all the music, which the student learns to predict. `teacher embed` writes them. "
    "May be given more than once.",
)
@click.option(
    "--music",
    type=PATH,
    multiple=True,
    help="For a probe that also hears 164 audio features: the folder that --data was prepared from, and then, in their "
    "order, those of --unlabelled.",
)
@weak_labels_option
@click.option("--convert", is_flag=True, help="Let the teacher use its own normalization and image size.")
@training_options
@out_option
@force_option
@json_option
def distill(
    teacher: Path | None,
    data_folder: Path,
    recipe: str | None,
    qat: bool,
    start: str,
    unlabelled: tuple[Path, ...],
    gan_samples: tuple[Path, ...],
    cache: Path | None,
    pseudo_labels: Path | None,
    embeddings: tuple[Path, ...],
    music: tuple[Path, ...],
    weak_labels: tuple[tuple[Path, Path], ...],
    convert: bool,
    training: TrainingOptions,
    out: Path,
    force: bool,
) -> None:
    """Teach a phone-sized student what a teacher knows.

    The student learns from the labels, and from the teacher's predictions, features and attention. The teacher may also
    be a probe, or predictions in a file. Both are evaluated on the same test songs. A run that was stopped continues
    when the same command is given again.

    Where `export` refuses `int8-full` because the student loses too much accuracy, `--qat` moves its weights to where
    rounding costs least: `distill --qat --teacher student-ckpt --data prepared --out student-8`.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import show_evaluation, show_parameters, show_retention
    from sentio_mobile.distill.config import DistillRecipe
    from sentio_mobile.recipes import load_recipe

    if qat:
        if teacher is None:
            raise InputError("--qat finetunes a student: give its checkpoint as --teacher")
        _refuse_with_qat(
            cache=cache,
            pseudo_labels=pseudo_labels,
            weak_labels=weak_labels,
            embeddings=embeddings,
            music=music,
            convert=convert,
            start=start != "default",
        )
        _finetune(
            teacher,
            data_folder,
            recipe or "finetune",
            training=training,
            out=out,
            force=force,
            unlabelled=unlabelled,
            gan_samples=gan_samples,
        )
        return
    with ProgressBars() as progress:
        student = sentio_mobile.distill(
            teacher=teacher,
            data=data_folder,
            out=out,
            recipe=load_recipe(
                DistillRecipe, recipe or "mobilevit", "distill", changes=training.changes, seed=training.seed
            ),
            start=start,
            unlabelled=unlabelled,
            gan_samples=gan_samples,
            pseudo_labels=pseudo_labels,
            weak_labels=weak_labels,
            embeddings=embeddings,
            music=music,
            cache=cache,
            convert=convert,
            accelerator=training.accelerator,
            logger=training.logger,
            overwrite=force,
            progress=progress,
            announce=lambda line: stderr.print(line, markup=False, soft_wrap=True),
        )
    if teacher is not None and student.recipe.get("followed") == "nobody":
        _note("the recipe follows no teacher, so --teacher was not used")
    if off := _terms_off(student.recipe):
        _note(
            f"the teacher has no attention blocks, so {' and '.join(off)} were off, and only its predictions were "
            "learned"
        )
    evaluation = student.evaluation
    show_evaluation("teacher", evaluation.teacher.test if evaluation.teacher else None)
    show_evaluation("student", evaluation.test)
    show_parameters("student", student)
    show_retention(
        evaluation.retention,
        teacher=evaluation.teacher.parameters if evaluation.teacher else None,
        student=sum(weight.numel() for weight in student.model.parameters()),
    )
    if evaluation.no_retention and student.recipe.get("followed") != "nobody":
        _note(f"no retention: {evaluation.no_retention}")
    _show_next(out, "--format all")


def _note(text: str) -> None:
    stderr.print("[yellow]note:[/]", end=" ")
    stderr.print(text, markup=False, soft_wrap=True)


def _terms_off(recipe: Mapping[str, object]) -> list[str]:
    """Loss terms that the recipe asked for and the teacher could not give."""
    mapping = recipe.get("layer_mapping")
    return list(map(str, mapping["unavailable"])) if isinstance(mapping, dict) else []


def _finetune(
    student: Path,
    data_folder: Path,
    recipe: str,
    *,
    training: TrainingOptions,
    out: Path,
    force: bool,
    unlabelled: tuple[Path, ...],
    gan_samples: tuple[Path, ...],
) -> None:
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import show_evaluation
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.distill.config import QatRecipe
    from sentio_mobile.recipes import load_recipe

    require_free(out, force)
    settings = load_recipe(QatRecipe, recipe, "distill/qat", changes=training.changes, seed=training.seed)
    songs = open_data(data_folder)
    music = tuple(open_data(folder) for folder in unlabelled)
    samples = tuple(open_gan_samples(folder) for folder in gan_samples)
    from sentio_mobile.distill.qat import finetune
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.training.sources import ExtraData

    loaded = Checkpoint.load(student)
    with ProgressBars() as progress:
        finetuned = finetune(
            loaded,
            songs,
            recipe=settings,
            out=out,
            extra=ExtraData(unlabelled=music, gan_samples=samples),
            hardware=training.hardware,
            overwrite=force,
            progress=progress,
        )
    evaluation = finetuned.evaluation
    show_evaluation("before", evaluation.teacher.test if evaluation.teacher else None)
    show_evaluation("after, fp32", evaluation.test)
    show_evaluation("after, int8", evaluation.fake_quantized)
    if error := evaluation.quantization_error:
        console.print(
            f"Rounding moves a prediction by {error.after:.3f}, before by {error.before:.3f} (RMS, validation songs, "
            "simulated)",
            markup=False,
        )
    _show_next(out, "--format tflite --precision int8-full --data DATA")


def _show_next(out: Path, options: str) -> None:
    from sentio_mobile.cli.results import print_checkpoint

    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile export --checkpoint {out} {options} --out bundle",
        soft_wrap=True,
        markup=False,
    )
    print_checkpoint(out)


def _refuse_with_qat(**options: object) -> None:
    for name, value in options.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} has no effect with --qat, where a student learns from its own predictions only")
