"""`sentio-mobile run` and `quickstart`: every step, continued where an earlier run stopped."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, out_option, start_option
from sentio_mobile.cli.output import json_option, show_skipped, stderr
from sentio_mobile.cli.training_options import TrainingOptions, training_options
from sentio_mobile.errors import InputError


@click.command(
    cls=Command, goes_on=True, epilog="Example: sentio-mobile run small_library --source songs.csv --out runs/mine"
)
@click.argument("recipe")
@out_option
@training_options
@json_option
@click.option("--source", type=PATH, help="DEAM's folder or a CSV, in place of the recipe's source.")
@start_option
@click.option(
    "--student-start",
    metavar="default|random|CHECKPOINT",
    help="The student's first weights, in place of the recipe's: shipped ones where they fit, random ones, or those of "
    "a student's checkpoint.",
)
def run(
    recipe: str,
    out: Path,
    training: TrainingOptions,
    source: Path | None,
    start: Path | None,
    student_start: str | None,
) -> None:
    """Run every step of a RECIPE: data, teacher, student, bundle, report.

    RECIPE is a .toml file, or the name of a recipe in benchmarks/recipes. A step whose inputs have not changed is not
    repeated, so that a run that was stopped continues when the same command is given again.
    """
    _run_all(recipe, out, training, source=source, start=start, student_start=student_start)


@click.command(cls=Command, goes_on=True, epilog="Example: sentio-mobile quickstart --out runs/quickstart")
@out_option
@training_options
@json_option
def quickstart(out: Path, training: TrainingOptions) -> None:
    """Run every step on generated music: nothing to download.

    Generates music with known valence and arousal, trains a small teacher, distills the full-size student, exports it
    to every main format in int8 and fp32 (Core ML in fp16 and fp32), verifies and measures the bundle, and writes a
    report. Takes eight to twelve minutes on two cores.
    """
    _run_all("quickstart", out, training)


def _run_all(
    recipe: str,
    out: Path,
    training: TrainingOptions,
    *,
    source: Path | None = None,
    start: Path | None = None,
    student_start: str | None = None,
) -> None:
    from sentio_mobile._internal.records import replace
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import show_run, show_summary
    from sentio_mobile.pipeline.recipes import is_train_recipe, load_run_recipe, load_train_recipe

    if is_train_recipe(recipe):
        from sentio_mobile.cli.train import run_training

        if start is not None:
            raise InputError(f"{recipe}: its teacher is a probe, which starts from no weights; leave --start out")
        settings_of_train = load_train_recipe(
            recipe, source=source, student_start=student_start, changes=training.changes, seed=training.seed
        )
        run_training(settings_of_train, out, training)
        return
    settings = load_run_recipe(recipe, source, changes=training.changes, seed=training.seed)
    if student_start is not None:
        settings = replace(settings, student_start=student_start)
    # Imported after the recipe is read: a wrong recipe is reported before torch is loaded.
    from sentio_mobile.pipeline.run import Pipeline

    with ProgressBars() as progress:
        pipeline = Pipeline(
            folder=out,
            recipe=settings,
            progress=progress,
            announce=lambda line: stderr.print(line, style="dim", markup=False),
            start=start,
            hardware=training.hardware,
        )
        summary = pipeline.run()
    show_skipped(pipeline.skipped)
    show_summary(summary)
    show_run(out, summary)
    if summary.has_failures:
        raise SystemExit(1)
