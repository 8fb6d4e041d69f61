"""Progress bars for long work. A module of its own because rich's progress takes a while to import."""

from __future__ import annotations

import re
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from sentio_mobile._internal.stopping import WORK
from sentio_mobile.cli.output import is_verbose, stderr
from sentio_mobile.cli.tables import WIDE


class ProgressBars:
    """A `Progress` drawn by rich: one bar for each task, with the time left.

    Use it as a context manager, so that the terminal is restored at the end. Without a terminal, as in a log file, each
    task is one line, printed when it starts, and each epoch of a training another.
    """

    def __init__(self) -> None:
        # Where there is little room, the bar gives way, and neither counts nor times are cut.
        wide = stderr.width >= WIDE

        def whole() -> Column:
            return Column(no_wrap=True)

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28 if wide else 16),
            MofNCompleteColumn(table_column=whole()),
            *([TimeElapsedColumn(table_column=whole())] if wide else []),
            TextColumn("left"),
            TimeRemainingColumn(compact=not wide, table_column=whole()),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=stderr,
            disable=not stderr.is_terminal,
        )
        self._task: TaskID | None = None
        self._what, self._note, self._done, self._total = "", "", 0, 0
        WORK.where = self._where

    def __enter__(self) -> ProgressBars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` steps."""
        if not stderr.is_terminal:
            stderr.print(f"{what} ({total})", markup=False)
        self._what, self._note, self._done, self._total = what, "", 0, total
        self._task = self._bars.add_task(what, total=total, note="")

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more steps as done."""
        self._done, self._note = self._done + n, note
        if self._task is not None:
            self._bars.update(self._task, advance=n, note=note)

    def say(self, line: str) -> None:
        """Print a line where there is no terminal, or where all is told; the bar says it otherwise."""
        if not stderr.is_terminal or is_verbose():
            stderr.print(line, markup=False, soft_wrap=True)

    def finish(self) -> None:
        """Stop the clock of the bar, full or not; it stays on the screen."""
        if self._task is not None:
            self._bars.stop_task(self._task)
        self._task = None

    def _where(self) -> str:
        """How far the work has come: an epoch, or a count."""
        if epoch := re.match(r"epoch \d+", self._note):
            return epoch[0]
        return f"{self._done:,} of {self._total:,} ({self._what})" if self._what else ""
