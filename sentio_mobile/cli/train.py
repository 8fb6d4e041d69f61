"""`sentio-mobile train`: one command from labelled songs to a judged bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, out_option
from sentio_mobile.cli.output import console, json_option, print_json, show_skipped, stderr
from sentio_mobile.cli.table_options import columns_option, norms_options, scale_option, table_settings
from sentio_mobile.cli.training_options import TrainingOptions, training_options

if TYPE_CHECKING:
    from sentio_mobile.pipeline.config import TrainRecipe
    from sentio_mobile.pipeline.estimate import TrainEstimate
    from sentio_mobile.pipeline.plan import TrainPlan


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile train songs.csv --unlabelled music/ --out runs/mine\n\n"
    "What it would do, and how long it would take: sentio-mobile train songs.csv --out runs/mine --plan",
)
@click.argument("songs", type=PATH, nargs=-1, required=True)
@click.option(
    "--unlabelled",
    type=PATH,
    multiple=True,
    help="A folder of music without labels, from which the student learns what its teacher hears; or the root of a "
    "data set with weak labels, such as EMOPIA. May be given more than once.",
)
@click.option(
    "--weak-labels",
    type=(PATH, PATH),
    multiple=True,
    metavar="CSV FOLDER",
    help="Music known only to be above or below neutral: a CSV with the columns song_id, v_high and a_high (1 or 0), "
    "and the folder of its audio. May be given more than once.",
)
@click.option(
    "--encoder", help="The encoder that the teacher hears with; none trains without one. [default: musicnn-msd]"
)
@scale_option
@columns_option
@norms_options
@click.option(
    "--recipe",
    default="train",
    show_default=True,
    help="train or small (a student of 2.0 M parameters), default (7.3 M), best (an encoder's network as the student: "
    "the most accurate one), or a .toml file.",
)
@click.option(
    "--student-start",
    metavar="default|random|CHECKPOINT",
    help="The student's first weights: shipped ones where they fit, random ones, or those of a student's checkpoint.",
)
@click.option("--plan", "plan_only", is_flag=True, help="Print what would be done, and how long it would take.")
@click.option("--anyway", is_flag=True, help="Go on where labels say no more than shuffled ones.")
@training_options
@out_option
@json_option
def train(
    songs: tuple[Path, ...],
    unlabelled: tuple[Path, ...],
    weak_labels: tuple[tuple[Path, Path], ...],
    encoder: str | None,
    scale: tuple[tuple[float, float], ...],
    columns: tuple[dict[str, str], ...],
    norms: Path | None,
    norms_scale: tuple[float, float] | None,
    recipe: str,
    student_start: str | None,
    plan_only: bool,
    anyway: bool,
    training: TrainingOptions,
    out: Path,
) -> None:
    """Train a model from SONGS, a CSV or a data set's folder, with everything decided: one command.

    Songs are prepared with perturbed copies, a teacher learns from an encoder's embeddings, and a student learns from
    both the labels and the teacher, also on music without labels. It is exported in fp32 and int8, verified, measured
    and reported on. Fewer than 500 songs are judged by cross-validation over groups, and the model that is kept learns
    from all of them. The plan is printed first. A run that was stopped continues when the same command is given again.
    """
    from sentio_mobile.api.inputs import to_scale
    from sentio_mobile.pipeline.recipes import load_train_recipe

    run_training(
        load_train_recipe(
            recipe,
            source=songs[0],
            more_sources=songs[1:],
            unlabelled=unlabelled,
            weak_labels=weak_labels,
            encoder=encoder,
            student_start=student_start,
            tables=table_settings(scale, columns),
            norms=norms,
            norms_scale=to_scale(norms_scale),
            changes=training.changes,
            seed=training.seed,
        ),
        out,
        training,
        plan_only=plan_only,
        anyway=anyway,
    )


def run_training(
    recipe: TrainRecipe, out: Path, training: TrainingOptions, *, plan_only: bool = False, anyway: bool = False
) -> None:
    """Print the plan, run it, and print what came out."""
    from sentio_mobile.pipeline.plan import make_plan, read_inputs

    inputs = read_inputs(recipe)
    # Imported after the inputs are read: what is wrong with them is reported before torch is loaded.
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.pipeline.costs import measure_costs, on_this_machine, open_encoder

    recipe = on_this_machine(recipe)
    for note in inputs.source.notes:
        stderr.print(f"note: {note}", markup=False, soft_wrap=True)
    plan = make_plan(inputs, recipe, measure_costs(recipe, open_encoder(recipe)))
    _show_plan(plan)
    if plan_only:
        print_json(plan)
        return
    from sentio_mobile.cli.results import show_decision, show_problems, show_run
    from sentio_mobile.pipeline.train import Training

    with ProgressBars() as progress:
        run = Training(
            folder=out,
            recipe=recipe,
            inputs=inputs,
            progress=progress,
            announce=lambda line: stderr.print(line, style="dim", markup=False),
            anyway=anyway,
            hardware=training.hardware,
        )
        result = run.run()
    show_skipped(run.skipped)
    _show_estimate(result.estimate)
    show_decision(result.summary)
    show_problems(result.summary)
    show_run(out, result.summary, result.estimate)
    if result.summary.has_failures:
        raise SystemExit(1)


def _show_plan(plan: TrainPlan) -> None:
    from rich.markup import escape
    from rich.table import Table

    def say(text: str) -> None:
        stderr.print(text, markup=False, soft_wrap=True)

    say(
        f"{plan.songs:,} labelled songs in {plan.groups:,} groups, {plan.unlabelled:,} songs without labels, "
        f"{plan.weakly_labelled:,} with weak labels"
    )
    if plan.folds:
        say(f"Judged by cross-validation in {plan.folds} folds over groups; the model itself learns from all songs")
    else:
        epoch = f"{plan.validation} validation songs choose the epoch" if plan.validation else "a fixed schedule"
        say(f"Judged on {plan.test} test songs; {epoch}")
    table = Table("step", "on", "minutes")
    for step in plan.steps:
        table.add_row(escape(step.name), escape(step.what), f"{step.minutes:.1f}")
    cores = "1 core" if plan.cores == 1 else f"{plan.cores} cores"
    table.add_row("all", f"{cores}; measured on this machine", f"{plan.minutes:.0f}", style="bold")
    stderr.print(table)


def _show_estimate(estimate: TrainEstimate) -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    from sentio_mobile.cli.results import show_retention
    from sentio_mobile.metrics.ceiling import ceiling_in_words

    # At 80 columns the figures take a second line; a name that is broken can't be searched for.
    columns = ("valence", "arousal", "mean")
    table = Table(Column("CCC (95% interval)", no_wrap=True), *columns)
    for name, found in estimate.rows.items():
        table.add_row(name, *(str(found.ccc[output]) for output in columns))
    n, over = estimate.student.n, estimate.student.bootstrap.over
    by = (
        f"{estimate.models} models, each without the songs that it is judged by"
        if estimate.models > 1
        else "test songs"
    )
    console.print(f"{n} songs; intervals over {over}; {by}", markup=False, soft_wrap=True)
    console.print(estimate.schooling, markup=False, soft_wrap=True)
    console.print(table)
    if estimate.student.ceiling is not None:
        console.print(ceiling_in_words(estimate.student.ceiling), markup=False, soft_wrap=True)
    if estimate.student.sources:
        table = Table(Column("student by data set", no_wrap=True), Column("songs", justify="right"), *columns)
        for one in estimate.student.sources:
            figures = (str(one.ccc[output]) for output in columns)
            table.add_row(escape(one.name), f"{one.n:,}", *figures)
        console.print(table)
    show_retention(estimate.retention)
