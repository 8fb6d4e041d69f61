"""`sentio-mobile retrain`: new labels, the old weights, and a new model that is deployed only if it is better."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, FiniteRange, out_option
from sentio_mobile.cli.output import json_option, show_skipped, stderr
from sentio_mobile.cli.table_options import columns_option, scale_option, table_settings
from sentio_mobile.cli.training_options import TrainingOptions, training_options


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile retrain runs/mine songs.csv new_labels.csv --release 2 --out runs/mine-2",
)
@click.argument("production", type=PATH)
@click.argument("sources", nargs=-1, required=True, type=PATH)
@out_option
@click.option("--release", required=True, help="Release of the new bundle, as its files are named.")
@click.option(
    "--recipe", help="How the student is trained, a recipe of `distill`. By default as the old one was trained."
)
@click.option("--teacher", type=PATH, help="Checkpoint of a teacher. Without it the student learns from labels alone.")
@scale_option
@columns_option
@training_options
@click.option(
    "--margin",
    type=FiniteRange(0, 1),
    default=0.02,
    show_default=True,
    help="Smallest gain of mean CCC for which the model in production is replaced.",
)
@click.option(
    "--floor", type=FiniteRange(0, 1), default=0.7, show_default=True, help="Smallest mean CCC on songs not heard."
)
@click.option("--runs", type=click.IntRange(50), help="Timed runs of each file (default: 100).")
@json_option
def retrain(
    production: Path,
    sources: tuple[Path, ...],
    out: Path,
    release: str,
    recipe: str | None,
    teacher: Path | None,
    scale: tuple[tuple[float, float], ...],
    columns: tuple[dict[str, str], ...],
    training: TrainingOptions,
    margin: float,
    floor: float,
    runs: int | None,
) -> None:
    """Train the model of the run PRODUCTION further on SOURCES, and deploy it if it is better.

    SOURCES are the labelled songs that PRODUCTION was made from, and the new ones after them. Songs keep their split,
    so that both models are compared on songs that neither has learned from. The student starts from the old weights,
    and is exported in the formats of the old bundle.

    It is deployed, marked as in production by `runs mark`, if its mean CCC is over the floor and better by the margin,
    its files are verified, and time and memory are within their limits. The exit status is 0 if it was deployed, 1 if
    it is not good enough, and 3 if that could not be decided. A run that was stopped goes on with the same command.
    """
    from sentio_mobile._internal.records import from_plain
    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.tables import show_table
    from sentio_mobile.cli.verdict import end_with
    from sentio_mobile.data.config import DataRecipe
    from sentio_mobile.distill.config import DistillRecipe
    from sentio_mobile.export.config import FilePart
    from sentio_mobile.monitoring.deploy import check_retrained, deploy
    from sentio_mobile.monitoring.release import PAGE, ReleaseLimits, write_release
    from sentio_mobile.recipes import load_recipe

    if training.changes and recipe is None:
        raise click.UsageError("--set changes a recipe; give one with --recipe")
    from_plain(FilePart, release, "--release")
    student = None
    if recipe is not None:
        student = load_recipe(DistillRecipe, recipe, "distill", changes=training.changes, seed=training.seed)
    data = DataRecipe(tables=tuple(table_settings(scale, columns)))
    # Imported after the recipe is read: a wrong recipe is reported before torch is loaded.
    from sentio_mobile.pipeline.retrain import Retraining

    with ProgressBars() as progress:
        retraining = Retraining(
            production=production,
            sources=sources,
            folder=out,
            data=data,
            recipe=student,
            teacher=teacher,
            release=release,
            progress=progress,
            announce=lambda line: stderr.print(line, style="dim", markup=False),
            seed=training.seed or 0,
            hardware=training.hardware,
        )
        new, before = retraining.run()
        found = check_retrained(
            open_bundle(production / "bundle"),
            new,
            before=before,
            margin=margin,
            limits=ReleaseLimits(floor=floor),
            runs=runs,
            progress=progress,
        )
    show_skipped(retraining.skipped)
    write_release(out, found)
    deployed = deploy(production, out, found)
    show_table(("check", "verdict", "why"), [(one.name, one.verdict, one.reason) for one in found.lines], right=False)
    words = f"Deployed: {out} is in production." if deployed else f"Not deployed: {production} stays in production."
    end_with(found, verdict=found.verdict, headline=words, page=out / PAGE)
