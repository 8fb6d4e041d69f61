"""What every command shares: one line for an error, and options that recur."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from sentio_mobile.errors import SentioError

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


class Group(click.RichGroup):
    """A command group that turns the toolkit's own errors into one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except SentioError as error:
            errors.print("[bold red]Error:[/]", end=" ")
            errors.print(str(error), markup=False, soft_wrap=True)
            sys.exit(error.exit_status)


def show_skipped(skipped: list[str]) -> None:
    """Name the clips that were left out."""
    if skipped:
        errors.print(f"[yellow]{len(skipped)} clip{'s' if len(skipped) > 1 else ''} skipped:[/]")
        for line in skipped:
            errors.print(f"  {line}", markup=False, soft_wrap=True)


data_option = click.option(
    "--data", "data_folder", type=click.Path(path_type=Path), required=True, help="A folder that `data prepare` wrote."
)
out_option = click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write.")
force_option = click.option("--force", is_flag=True, help="Replace what stands at --out.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that a model may use."
)
accelerator_option = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "gpu", "mps"]),
    default="auto",
    show_default=True,
    help="What to train on.",
)
start_option = click.option(
    "--start", type=click.Path(path_type=Path), help="A teacher's checkpoint to start from, in place of random weights."
)
sides_option = click.option(
    "--sides",
    type=(click.Path(path_type=Path), click.Path(path_type=Path)),
    multiple=True,
    metavar="PREPARED CSV",
    help="Music without numbers, prepared by `data prepare`, and a CSV (song_id, v_high, a_high: 1 or 0) of its sides.",
)
