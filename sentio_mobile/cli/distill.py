"""`sentio-mobile distill`: the command that the toolkit exists for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.words import console, data_option, errors, force_option, out_option, sides_option
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.data.synthetic import Synthetic


@click.command(epilog="Example: sentio-mobile distill --teacher teacher-ckpt --data prepared --out student-ckpt")
@click.option("--teacher", type=click.Path(path_type=Path), required=True, help="The teacher's checkpoint folder.")
@data_option
@click.option(
    "--recipe",
    default="mobilevit",
    show_default=True,
    help="mobilevit (7.3 M parameters), mobilevit_xs (2.0 M), mobilevit_wide (112 patches), or a .toml file of yours.",
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
    recipe: str,
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
    """
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_evaluation, show_retention
    from sentio_mobile.data.answers import read_answers
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.sides import read_sides
    from sentio_mobile.data.synthetic import open_synthetic
    from sentio_mobile.files import require_free
    from sentio_mobile.recipes import DistillRecipe, load_recipe
    from sentio_mobile.training.checkpoint import Checkpoint

    require_free(out, force)
    if answers is not None and not unlabelled:
        raise InputError("--answers are for music without labels: give it as --unlabelled")
    settings = load_recipe(DistillRecipe, recipe, "distill")
    songs, known = open_data(data_folder), Checkpoint.load(teacher)
    extra: list[PreparedData | Synthetic] = [open_data(folder) for folder in unlabelled]
    extra += [open_synthetic(folder) for folder in synthetic]
    sided = [(open_data(folder), read_sides(place)) for folder, place in sides]
    known_answers = read_answers(answers) if answers else None
    # Last, because it takes seconds: what is wrong with the arguments is said at once.
    from sentio_mobile.distill.distill import distill as distill_student

    with Bars() as bars:
        student = distill_student(known, songs, settings, out, bars, force, extra, cache, convert, known_answers, sided)
    if off := student.recipe["plan"]["off"]:
        errors.print(
            f"[yellow]The teacher has no attention blocks: {' and '.join(off)} were off, only its answers were learnt."
        )
    show_evaluation("teacher", student.evaluation["teacher"]["test"])
    show_evaluation("student", student.evaluation["test"])
    show_retention(student.evaluation["retention"])
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile export --checkpoint {out} --format all --out bundle", soft_wrap=True
    )
