"""What commands print: results on stdout, for people or as JSON; all else on stderr, as much as was asked for."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import rich_click as click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from sentio_mobile.errors import SentioError, printable, shortened


class PlainConsole(Console):
    """A console that shows every text as one line, without obeying what a stranger may have put into it.

    Names of songs, cells of tables and names in bundles are shown with their control characters escaped, and very long
    ones without their middle. What the text means as markup is the caller's affair: what may hold a name is printed
    with `markup=False` or escaped.
    """

    def render_str(self, text: str, **kwargs: Any) -> Text:
        """Turn a text, or a cell of a table, into one that fits on a line."""
        return super().render_str(shortened(printable(text)), **kwargs)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render; no segment keeps a character that a terminal obeys, whatever made it."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                lines = segment.text.split("\n")
                yield Segment("\n".join(map(printable, lines)), segment.style)


console = PlainConsole(highlight=False, emoji=False)
stderr = PlainConsole(stderr=True, highlight=False, emoji=False)
errors = PlainConsole(stderr=True, highlight=False, emoji=False)
"""Results; progress and notes, which `--quiet` keeps silent; and what went wrong, which nothing does."""


class _Asked:
    """What the command line asked for besides the work itself."""

    verbose = False
    json = False


def set_verbosity(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """Print less or more on stderr until the command ends.

    Raises:
        click.UsageError: Both are asked for.
    """
    quiet, verbose = quiet or stderr.quiet, verbose or _Asked.verbose
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose are opposites; give one of them")

    def reset() -> None:
        stderr.quiet, _Asked.verbose = False, False

    # An error is shown when the command's own context is closed already.
    ctx.find_root().call_on_close(reset)
    stderr.quiet, _Asked.verbose = quiet, verbose


def verbosity_options() -> list[click.Parameter]:
    """-q and -v as they may stand behind a command, too; the help of the program has them."""

    def ask(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            set_verbosity(ctx, quiet=param.name == "quiet", verbose=param.name == "verbose")

    return [
        click.Option([f"-{name[0]}", f"--{name}"], is_flag=True, expose_value=False, hidden=True, callback=ask)
        for name in ("quiet", "verbose")
    ]


def is_verbose() -> bool:
    """Whether all is to be told: every note, a line an epoch, and where an error came from."""
    return _Asked.verbose


def _ask_for_json(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return

    def reset() -> None:
        console.quiet, _Asked.json = False, False

    console.quiet, _Asked.json = True, True
    ctx.call_on_close(reset)


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_ask_for_json,
    help="Print the result as JSON, for programs, and nothing else on stdout.",
)
"""The option of every command that prints a result. What else is printed to `console` is then left out."""


def wants_json() -> bool:
    """Whether the result is to be printed as JSON."""
    return _Asked.json


def print_json(result: object) -> None:
    """Print a record, or plain values, as JSON if that was asked for."""
    if _Asked.json:
        from sentio_mobile._internal.records import json_bytes

        click.echo(json_bytes(result), nl=False)


_MAX_NOTES = 20
"""Notes that are shown."""


def show_error(error: SentioError) -> None:
    """Print an error as one line, and with `--verbose` where it came from."""
    errors.print("[bold red]Error:[/]", end=" ")
    errors.print(str(error), markup=False, soft_wrap=True)
    if is_verbose():
        for line in "".join(traceback.format_exception(error)).splitlines():
            errors.print(line, style="dim", markup=False, soft_wrap=True)


def note_new_name(old: str, new: str) -> None:
    """Say that a name was changed."""
    stderr.print(
        f"note: {old} is called {new} now; the old name goes with the next release", markup=False, soft_wrap=True
    )


def show_skipped(skipped: list[str]) -> None:
    """Name the clips that were left out."""
    if skipped:
        stderr.print(f"[yellow]{len(skipped)} clip{'s' if len(skipped) > 1 else ''} skipped:[/]")
        for line in skipped:
            stderr.print(f"  {line}", markup=False, soft_wrap=True)


def show_notes(notes: Sequence[str]) -> None:
    """Say what the user should know of work that was done."""
    shown = len(notes) if is_verbose() else _MAX_NOTES
    for line in notes[:shown]:
        stderr.print(f"note: {line}", markup=False, soft_wrap=True)
    if len(notes) > shown:
        stderr.print(
            f"note: and {len(notes) - shown:,} more of the kind; --verbose shows them", markup=False, soft_wrap=True
        )


def show_faults(faults: list[str]) -> None:
    """Name what could not be done while the rest was."""
    errors.print(f"[yellow]{len(faults):,} fault{'s' if len(faults) > 1 else ''}:[/]")
    for line in faults:
        errors.print(f"  {line}", markup=False, soft_wrap=True)
