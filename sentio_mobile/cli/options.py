"""What every command shares: lazy groups, renamed options, one line for an error, and options that recur."""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click
from click import get_current_context

from sentio_mobile._internal.claims import FAULTS_OF_PLACE, cannot_write, claimed
from sentio_mobile._internal.files import require_free, require_free_file
from sentio_mobile._internal.stopping import WORK, stoppable
from sentio_mobile.cli.output import note_new_name, show_error, verbosity_options
from sentio_mobile.errors import SentioError, printable, shortened

MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4095
"""Bytes of the name of a file and of a path, as Linux, macOS and most file systems have them."""


class FilePath(click.Path):
    """A path. One that no file can have is refused here, because every question about it would be an error."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the path.

        Raises:
            click.BadParameter: It is too long.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if len(os.fsencode(path)) > MAX_PATH_BYTES or any(len(os.fsencode(n)) > MAX_NAME_BYTES for n in path.parts):
            self.fail(f"{shortened(printable(str(path)), 200)} is longer than the name of a file can be.", param, ctx)
        return path


PATH = FilePath()

RENAMED_OPTIONS = {"--answers": "--pseudo-labels", "--sides": "--weak-labels", "--synthetic": "--gan-samples"}
"""Old names of options, which work for one more release, and the new ones."""


class FiniteRange(click.FloatRange):
    """A number in a range. `FloatRange` itself takes nan, and infinity where a side is open."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number.

        Raises:
            click.BadParameter: It is not a number, not finite, or out of the range.
        """
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


class Command(click.RichCommand):
    """A command that accepts the old names of its options, with a note.

    Args:
        goes_on: Whether the same command goes on where a stopped one was, and does not start again.
    """

    def __init__(self, *args: Any, goes_on: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._goes_on = goes_on
        self.params.extend(verbosity_options())

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        WORK.goes_on = self._goes_on
        return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, old names replaced by new ones."""
        own = {name for param in self.params for name in param.opts}
        if "--columns" in own:
            from sentio_mobile.cli.table_options import gather_tables

            args[:] = gather_tables(args, own)
        for at, argument in enumerate(args):
            old, equals, value = argument.partition("=")
            new = RENAMED_OPTIONS.get(old)
            if new in own and old not in own:
                note_new_name(old, new)
                args[at] = f"{new}{equals}{value}"
        return super().parse_args(ctx, args)


class Group(click.RichGroup):
    """A group whose commands are imported on use, and that turns the toolkit's errors into one line and an exit status.

    Args:
        lazy: For each command that is not imported yet: the module that defines it, under the command's own name (with
            an underscore after it where that is a Python keyword), and the first line of its help.
        renamed: Old names of commands, which work for one more release, and the new ones.
    """

    command_class = Command

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, tuple[str, str]] | None = None,
        renamed: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy, self._renamed = dict(lazy or {}), dict(renamed or {})
        self._listing = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order in which they are defined."""
        return [*self.commands, *self._lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, imported unless only the list of commands is shown."""
        if new := self._renamed.get(cmd_name):
            note_new_name(cmd_name, new)
            cmd_name = new
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, first_line = self._lazy[cmd_name]
        if self._listing:
            return Command(name=cmd_name, help=first_line)
        found = importlib.import_module(module)
        command: click.Command = getattr(found, cmd_name, None) or getattr(found, f"{cmd_name}_")
        return command

    def format_help(self, ctx: click.RichContext, formatter: click.RichHelpFormatter) -> None:  # type: ignore[override]
        """Write the help; listed commands are not imported for it."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except SentioError as error:
            show_error(error)
            sys.exit(error.exit_status)
        except OSError as error:
            # Work that writes names its own faults; a library that it calls may find the disk full too.
            if error.errno not in FAULTS_OF_PLACE:
                raise
            refused = cannot_write(Path(error.filename or "the output"), error)
            show_error(refused)
            sys.exit(refused.exit_status)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; Ctrl-C and SIGTERM end it with one line, and the status that shells expect."""
        WORK.goes_on, WORK.where = False, str
        with stoppable():
            return super().main(*args, **kwargs)


def known_format(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """The callback of an option --format: a name that no format has is refused before anything is loaded.

    Raises:
        InputError: There is no such format.
    """
    from sentio_mobile.formats.registry import format_names, get_format

    for name in [value] if isinstance(value, str) else value or ():
        if name != "all" and name not in format_names():
            get_format(name)
    return value


def claim_output(out: Path, force: bool, *, file: bool = False) -> None:
    """Check that `out` can be written, and hold it against other processes until the command ends.

    Args:
        out: What the command writes.
        force: Whether it may overwrite something.
        file: Whether it is a file, and not a folder.

    Raises:
        OutputError: It exists, another process writes it, or it cannot be written.
    """
    check = require_free_file if file else require_free
    check(out, force)
    get_current_context().with_resource(claimed(out))
    check(out, force)  # another process may have finished meanwhile


data_option = click.option(
    "--data", "data_folder", type=PATH, required=True, help="A prepared folder, written by `data prepare`."
)
out_option = click.option("--out", type=PATH, required=True, help="Where to write.")
force_option = click.option("--force", is_flag=True, help="Overwrite what exists at --out.")
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that a model may use."
)
signature_option = click.option(
    "--require-signature",
    "signature_key",
    type=PATH,
    metavar="KEY",
    help="Open only a bundle that the owner of this public key signed (`bundle sign`).",
)
devices_option = click.option(
    "--devices", type=click.IntRange(1), default=1, show_default=True, help="Processes or GPUs per machine."
)
nodes_option = click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Number of machines.")
strategy_option = click.option(
    "--strategy", default="auto", show_default=True, help="Lightning's strategy: ddp, fsdp, ..."
)
start_option = click.option(
    "--start", type=PATH, help="A teacher's checkpoint whose weights are the first ones, in place of random weights."
)
weak_labels_option = click.option(
    "--weak-labels",
    type=(PATH, PATH),
    multiple=True,
    metavar="PREPARED CSV",
    help="Music known only to be above or below neutral: its folder, prepared by `data prepare`, and a CSV with the "
    "columns song_id, v_high and a_high (1 or 0). May be given more than once.",
)
embeddings_option = click.option(
    "--embeddings",
    type=PATH,
    multiple=True,
    help="An audio encoder's embeddings of all this music, written by `teacher embed`: learned besides. May be given "
    "more than once.",
)
