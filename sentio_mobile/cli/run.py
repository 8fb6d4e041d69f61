"""`sentio-mobile run` and `quickstart`: every step, continued where an earlier run stopped."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, console, out_option, show_skipped, start_option, stderr
from sentio_mobile.errors import InputError


@click.command(
    cls=Command, goes_on=True, epilog="Example: sentio-mobile run small_library --source songs.csv --out runs/mine"
)
@click.argument("recipe")
@out_option
@click.option("--source", type=PATH, help="DEAM's folder or a CSV, in place of the recipe's source.")
@click.option(
    "--seed", type=click.IntRange(0), help="Random seed of the split and the first weights, in place of the recipe's."
)
@start_option
@click.option(
    "--student-start",
    metavar="default|random|CHECKPOINT",
    help="The student's first weights, in place of the recipe's: shipped ones where they fit, random ones, or those of "
    "a student's checkpoint.",
)
def run(
    recipe: str, out: Path, source: Path | None, seed: int | None, start: Path | None, student_start: str | None
) -> None:
    """Run every step of a RECIPE: data, teacher, student, bundle, report.

    RECIPE is a .toml file, or the name of a recipe in benchmarks/recipes. A step whose inputs have not changed is not
    repeated, so that a run that was stopped continues when the same command is given again.
    """
    _run_all(recipe, out, source=source, seed=seed, start=start, student_start=student_start)


@click.command(cls=Command, goes_on=True, epilog="Example: sentio-mobile quickstart --out runs/quickstart")
@out_option
def quickstart(out: Path) -> None:
    """Run every step on generated music: nothing to download.

    Generates music with known valence and arousal, trains a small teacher, distills the full-size student, exports it
    to every main format in int8 and fp32 (Core ML in fp16 and fp32), verifies and measures the bundle, and writes a
    report. Takes about eleven minutes on two cores.
    """
    _run_all("quickstart", out)


def _run_all(
    recipe: str,
    out: Path,
    *,
    source: Path | None = None,
    seed: int | None = None,
    start: Path | None = None,
    student_start: str | None = None,
) -> None:
    from sentio_mobile._internal.records import replace
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import show_summary
    from sentio_mobile.recipes import is_train_recipe, load_run_recipe, load_train_recipe, with_seed

    if is_train_recipe(recipe):
        from sentio_mobile.cli.train import run_training

        if start is not None:
            raise InputError(f"{recipe}: its teacher is a probe, which starts from no weights; leave --start out")
        run_training(load_train_recipe(recipe, source=source, student_start=student_start, seed=seed), out)
        return
    settings = load_run_recipe(recipe, source)
    if seed is not None:
        settings = with_seed(settings, seed)
    if student_start is not None:
        settings = replace(settings, student_start=student_start)
    # Imported after the recipe is read: a wrong recipe is reported before torch is loaded.
    from sentio_mobile.benchmarks.report import REPORT
    from sentio_mobile.pipeline.run import Pipeline

    with ProgressBars() as progress:
        pipeline = Pipeline(
            folder=out,
            recipe=settings,
            progress=progress,
            announce=lambda line: stderr.print(line, style="dim", markup=False),
            start=start,
        )
        summary = pipeline.run()
    show_skipped(pipeline.skipped)
    show_summary(summary)
    console.print(f"Bundle: {out / 'bundle'}", soft_wrap=True, markup=False)
    console.print(f"Report: {out / REPORT} (open it in a browser)", soft_wrap=True, markup=False)
    console.print(f"Next:   sentio-mobile predict {out / 'bundle'} SONG.mp3", soft_wrap=True, markup=False)
    if summary.has_failures:
        raise SystemExit(1)
