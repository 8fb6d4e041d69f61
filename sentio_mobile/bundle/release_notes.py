"""Release notes: how a bundle differs from the one released before it, as Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence

from sentio_mobile.bundle.diff import BundleDiff, FileChange
from sentio_mobile.bundle.model_card import inline_code

MAX_ROWS = 40
"""Rows of a table; what is more is counted."""


def release_notes(found: BundleDiff, *, before: str, after: str) -> str:
    """Write the notes of a release.

    Args:
        found: The differences.
        before: The name of the release before, such as "1.0".
        after: The name of this release.
    """
    lines = [f"## {inline_code(after)} after {inline_code(before)}", ""]
    if found.same:
        return "\n".join([*lines, "Nothing differs.", ""])
    if found.metrics:
        measured = [
            (
                {"val": "validation", "test": "test"}[one.split],
                one.dimension,
                *("not measured" if ccc is None else str(ccc) for ccc in (one.before, one.after)),
                "other songs" if one.difference is None else str(one.difference),
            )
            for one in found.metrics
        ]
        columns = ("songs", "CCC of", "before", "after", "after minus before, same songs")
        lines += ["### Accuracy", "", *_table(columns, measured), ""]
    else:
        lines += ["Accuracy: no difference.", ""]
    for title, files in (("Models", found.artifacts), ("Other files", found.files)):
        if files:
            lines += [
                f"### {title}",
                "",
                *_table(("file", "change", "before", "after"), [_file(one) for one in files]),
                "",
            ]
    for title, changes in (("Input and output", found.spec), ("Training", found.provenance), ("Besides", found.other)):
        if changes:
            fields = [(inline_code(one.name), *map(_value, (one.before, one.after))) for one in changes]
            lines += [f"### {title}", "", *_table(("field", "before", "after"), fields), ""]
    if found.golden.reason:
        lines += [f"Reference outputs cannot be compared: {found.golden.reason}.", ""]
    else:
        moved = ", ".join(
            f"{inline_code(name)} {'undefined' if far is None else format(far, '.2g')}"
            for name, far in found.golden.largest.items()
        )
        lines += [f"Reference outputs moved by at most ({found.golden.vectors} vectors): {moved}.", ""]
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows[:MAX_ROWS]]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return table if len(rows) <= MAX_ROWS else [*table, "", f"And {len(rows) - MAX_ROWS:,} more."]


def _file(row: FileChange) -> tuple[str, ...]:
    sizes = ("-" if size is None else f"{size / 1e6:.2f} MB" for size in (row.before, row.after))
    return (inline_code(row.name), row.change, *sizes)


def _value(value: object) -> str:
    return "-" if value is None else inline_code(value)
