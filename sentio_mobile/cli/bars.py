"""Bars for long work. Apart from the rest because rich's progress takes a while to import."""

from __future__ import annotations

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

from sentio_mobile.cli.options import errors


class Bars:
    """A `Progress` drawn with rich: one bar for each piece of work, with the time that is left.

    Use as a context manager, so that the terminal is left as it was found. Where there is no terminal, in a log file
    say, each piece of work is one line at its start.
    """

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=errors,
            disable=not errors.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, what: str, total: int) -> None:
        """Begin a piece of work of `total` steps."""
        if not errors.is_terminal:
            errors.print(f"{what} ({total})", markup=False)
        self._task = self._bars.add_task(what, total=total, note="")

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more steps are done."""
        if self._task is not None:
            self._bars.update(self._task, advance=n, note=note)

    def finish(self) -> None:
        """The bar stays, full or not; its clock stops."""
        if self._task is not None:
            self._bars.stop_task(self._task)
        self._task = None
