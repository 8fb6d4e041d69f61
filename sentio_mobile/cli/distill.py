"""`sentio-mobile distill`: the command that the toolkit exists for."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.words import console, data_option, force_option, out_option


@click.command(epilog="Example: sentio-mobile distill --teacher teacher-ckpt --data prepared --out student-ckpt")
@click.option("--teacher", type=click.Path(path_type=Path), required=True, help="The teacher's checkpoint folder.")
@data_option
@click.option(
    "--recipe",
    default="mobilevit",
    show_default=True,
    help="mobilevit (7.3 M parameters), or a .toml file of your own.",
)
@out_option
@force_option
def distill(teacher: Path, data_folder: Path, recipe: str, out: Path, force: bool) -> None:
    """Teach a phone-sized student what a teacher knows.

    The student learns from people's labels and from the teacher's answers. Both are compared on the same test songs. A
    run that was stopped goes on where it was when the same command is given again.
    """
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_evaluation, show_retention
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.files import require_free
    from sentio_mobile.recipes import DistillRecipe, load_recipe
    from sentio_mobile.training.checkpoint import Checkpoint

    require_free(out, force)
    settings = load_recipe(DistillRecipe, recipe, "distill")
    songs, known = open_data(data_folder), Checkpoint.load(teacher)
    # Last, because it takes seconds: what is wrong with the arguments is said at once.
    from sentio_mobile.distill.distill import distill as distill_student

    with Bars() as bars:
        student = distill_student(known, songs, settings, out, bars, replace=force)
    show_evaluation("teacher", student.evaluation["teacher"]["test"])
    show_evaluation("student", student.evaluation["test"])
    show_retention(student.evaluation["retention"])
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile export --checkpoint {out} --format all --out bundle", soft_wrap=True
    )
