"""Tables that fit into 80 columns: one label a row, columns that say the same in every row in one line instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from rich.markup import escape
from rich.table import Column, Table

from sentio_mobile.cli.output import console

WIDE = 110
"""Columns of a terminal from which a table need not be divided."""

_COLOURS = {"pass": "green", "fail": "red", "refused": "red", "failed": "red"}
_INTERVAL = re.compile(r"-?[\d.]+ \[.+\]")
_OPEN = ("open", "not run", "not measured", "inconclusive")


def short_labels(labels: Sequence[tuple[str, str, str]]) -> tuple[list[str], str]:
    """Names of artifacts without what all of them share.

    Args:
        labels: Format, form and precision of each.

    Returns:
        The names, and what was left out of them: "all spectrogram"; empty where nothing was.
    """
    shared = [len({label[part] for label in labels}) == 1 and len(labels) > 1 for part in range(3)]
    # The format is what a reader looks for.
    shared[0] = False
    names = [" ".join(word for word, same in zip(label, shared, strict=True) if not same) for label in labels]
    common = [word for word, same in zip(labels[0], shared, strict=True) if same] if labels else []
    return names, f"all {' '.join(common)}" if common else ""


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    droppable: Collection[str] = (),
    note: str = "",
    right: bool = True,
) -> None:
    """Print a table whose first column names the rows, and in one line what is the same in all of them.

    Args:
        columns: The headings.
        rows: The cells. Verdicts are coloured.
        droppable: Headings of the columns that are left out where all rows have the same; that is then said in a line.
        note: More for the line of what is the same.
        right: Whether all columns but the first are aligned to the right, as numbers are.
    """
    rows = [tuple(row) for row in rows]
    same = [
        len(rows) > 1 and name in droppable and len({row[i] for row in rows}) == 1 for i, name in enumerate(columns)
    ]
    keep = [i for i, alike in enumerate(same) if not alike]
    dropped = [
        f"{columns[i]} {rows[0][i]}" for i in range(len(columns)) if i not in keep and rows and rows[0][i] != "-"
    ]
    table = Table(
        *(
            Column(
                columns[i],
                justify="right" if right and i and columns[i] != "verdict" else "left",
                overflow="fold",
                # A figure is read with its interval; other columns give way.
                no_wrap=any(_INTERVAL.fullmatch(row[i]) for row in rows),
            )
            for i in keep
        ),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
    )
    for row in rows:
        table.add_row(*(_cell(row[i]) for i in keep))
    console.print(table)
    if line := ", ".join(filter(None, [note, *dropped])):
        console.print(f"in every row: {line}", style="dim", markup=False, soft_wrap=True)


def _cell(text: str) -> str:
    colour = _COLOURS.get(text) or ("yellow" if text in _OPEN else "")
    return f"[{colour}]{text}[/]" if colour else escape(text)
