"""`sentio-mobile runs`: an experiment log over run folders, and what people decided of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import rich_click as click

from sentio_mobile.cli.options import PATH, Group
from sentio_mobile.cli.output import console, json_option, print_json

if TYPE_CHECKING:
    from sentio_mobile.metrics.bootstrap import Interval
    from sentio_mobile.monitoring.runs import Run, Status

STATUSES = ("production", "candidate", "deprecated")

_MAX_SHOWN = 34
"""Characters of a setting that a table shows; JSON has all of them."""


@click.group(cls=Group)
def runs() -> None:
    """List runs, show one, compare two, and mark what is in production."""


@runs.command("list", epilog="Example: sentio-mobile runs list runs")
@click.argument("folder", type=PATH, default=Path("runs"))
@click.option(
    "--status", type=click.Choice(["production", "candidate", "deprecated"]), help="Only runs of this status."
)
@json_option
def list_(folder: Path, status: str | None) -> None:
    """List the runs below FOLDER (by default `runs`), the newest first."""
    from sentio_mobile.cli.tables import show_table
    from sentio_mobile.monitoring.runs import find_runs

    found = [run for run in find_runs(folder) if status in (None, run.status)]
    rows = [(run.id, run.date, run.status, _words(run.val), _words(run.test), Path(run.folder).name) for run in found]
    show_table(
        ("id", "ended (UTC)", "status", "val CCC", "test CCC", "folder"), rows, droppable=("status",), right=False
    )
    for run in found:
        more = f" ({run.note})" if run.note else "" if run.finished else " (not finished)"
        console.print(f"{run.id}  {run.name}{more}", markup=False, soft_wrap=True)
    print_json(found)


@runs.command(epilog="Example: sentio-mobile runs show runs/mine")
@click.argument("run", type=PATH)
@json_option
def show(run: Path) -> None:
    """Show a run: what it is worth, its status, and the settings that it was made with."""
    from sentio_mobile.cli.tables import show_table
    from sentio_mobile.monitoring.runs import read_run

    found = read_run(run)
    _show(found)
    show_table(("setting", "value"), [(name, _value(value)) for name, value in found.settings.items()], right=False)
    print_json(found)


@runs.command(epilog="Example: sentio-mobile runs compare runs/first runs/second")
@click.argument("first", type=PATH)
@click.argument("second", type=PATH)
@json_option
def compare(first: Path, second: Path) -> None:
    """Compare two runs: their CCC on the same songs, and the settings that differ."""
    from sentio_mobile.cli.tables import show_table
    from sentio_mobile.monitoring.runs import compare_runs

    found = compare_runs(first, second)
    for one in (found.first, found.second):
        _show(one)
    differing = [(name, _value(before), _value(after)) for name, (before, after) in found.settings.items()]
    if differing:
        show_table(("setting", "first", "second"), differing, right=False)
    else:
        console.print("Their settings are the same.")
    if found.difference is None:
        line = f"Their CCC cannot be compared song by song: {found.reason}."
    else:
        mean = found.difference["mean"]
        verdict = "" if mean.excludes_zero else "; they cannot be told apart"
        line = f"Mean CCC of the second minus that of the first, same songs: {mean}{verdict}."
    console.print(line, style="bold", markup=False, soft_wrap=True)
    print_json(found)


@runs.command(
    epilog="Example: sentio-mobile runs mark runs/mine production --note 'better in calm music than the one before'"
)
@click.argument("run", type=PATH)
@click.argument("status", type=click.Choice(STATUSES))
@click.option("--note", help="Why, or what was tried.")
@json_option
def mark(run: Path, status: str, note: str | None) -> None:
    """Record what was decided of a RUN, in its decision.json.

    A run that goes into production makes the one deprecated that was in production beside it.
    """
    from sentio_mobile.monitoring.runs import mark as mark_run

    changed = mark_run(run, cast("Status", status), note)
    for one in changed:
        console.print(f"{one.folder}: {one.status}", markup=False, soft_wrap=True)
    print_json(changed)


def _show(run: Run) -> None:
    judged = "not judged"
    if run.test is not None:
        songs = "songs, cross-validated" if run.cross_validated else "test songs"
        judged = f"mean CCC {run.test} on {run.judged_on} {songs}"
    lines = (
        f"{run.name}  ({run.folder})",
        f"  id {run.id}, ended {run.date} UTC, {run.status}, {run.parameters} parameters",
        f"  {judged}; on validation songs {_words(run.val)}",
        *([f"  {run.note}"] if run.note else []),
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _words(interval: Interval | None) -> str:
    return "-" if interval is None else str(interval)


def _value(value: object) -> str:
    text = "-" if value is None else json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
