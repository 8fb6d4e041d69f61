"""The columns of a manifest: which one holds what, by their usual names or by those that the user gives."""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from sentio_mobile.data.config import Columns, Role
from sentio_mobile.data.songs import csv_lines
from sentio_mobile.errors import LabelError

USUAL: Mapping[Role, tuple[str, ...]] = {
    "path": ("path",),
    "valence": ("valence_mean",),
    "arousal": ("arousal_mean",),
    "valence_sd": ("valence_sd", "valence_std"),
    "arousal_sd": ("arousal_sd", "arousal_std"),
    **{role: (role,) for role in ("song_id", "group", "rater", "start", "end", "raters", "tags")},
}
"""Names of the columns that are found without being named."""

_WHOLE = re.compile(r"(\d+)\.0+")
_SPREAD = re.compile(r"std|sd\b|dev|var|max|min")
_RATER_NAMES = ("annotator", "worker", "participant", "user", "subject", "listener", "rater")


@dataclass(frozen=True)
class Table:
    """A manifest's header, and what its columns hold.

    Attributes:
        path: The CSV.
        header: Names of all columns.
        columns: The name of each column that is read, by what it holds; `path` may be a pattern with names in braces.
    """

    path: Path
    header: Sequence[str]
    columns: Mapping[Role, str]

    def has(self, role: Role) -> bool:
        """Whether there is a column that holds this."""
        return role in self.columns

    def cell(self, row: Mapping[str, str], role: Role) -> str:
        """A row's value; empty without such a column."""
        return row[self.columns[role]] if role in self.columns else ""

    def path_of(self, row: Mapping[str, str]) -> str:
        """What a row says of its audio file: a path, or what the pattern makes of its columns."""
        pattern = self.columns["path"]
        if "{" not in pattern:
            return row[pattern]
        parts = string.Formatter().parse(pattern)
        return "".join(text + (tidy_id(row[name]) if name else "") for text, name, _, _ in parts)

    @property
    def first(self) -> str:
        """A column that the header has for certain."""
        return fields_of(self.columns["path"])[0]

    @property
    def like_raters(self) -> str | None:
        """A column that may name raters, by its name."""
        names = (name for name in self.header if any(word in name.lower() for word in _RATER_NAMES))
        return next(names, None)


def find_columns(path: Path, given: Columns, *, by_tags: bool = False) -> Table:
    """Find the columns of a manifest.

    Args:
        path: The CSV.
        given: Names that the user gives.
        by_tags: Whether songs may get their labels from a column of tags.

    Raises:
        LabelError: A column is missing, or a name is nearly that of a column of labels.
    """
    _, header = next(csv_lines(path, fields_of(given.get("path", "path"))[0]), (0, []))
    found: dict[Role, str] = {}
    for role in get_args(Role):
        if role in given:
            names = fields_of(given[role]) if role == "path" else (given[role],)
            if missing := [name for name in names if name not in header]:
                raise LabelError(f"{path}: has no column {missing[0]!r}; it has {', '.join(header) or 'nothing'}")
            found[role] = given[role]
        elif name := next((name for name in USUAL[role] if name in header), None):
            found[role] = name
    if "path" not in found:
        raise LabelError(
            f"{path}: has no column 'path'; it has {', '.join(header) or 'nothing'}; say what names the audio file: "
            "--columns path=NAME, or path='music/{NAME}.mp3'"
        )
    if not (by_tags and "tags" in found and not {"valence", "arousal"} & set(given)):
        _require_labels(path, found, header)
    spreads: tuple[Role, Role] = ("valence_sd", "arousal_sd")
    for one, other in (spreads, spreads[::-1]):
        if one in found and other not in found:
            if one in given:
                raise LabelError(f"{path}: has a column for {one} and none for {other}; name both, or leave both out")
            del found[one]
    return Table(path, header, found)


def fields_of(pattern: str) -> tuple[str, ...]:
    """Names of the columns in a pattern of paths, or the one column that it names.

    Raises:
        LabelError: It has braces and is no such pattern.
    """
    if "{" not in pattern and "}" not in pattern:
        return (pattern,)
    try:
        found = tuple(name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None)
    except ValueError:
        found = ()
    if not found or not all(found):
        raise LabelError(
            f"--columns path={pattern}: is no pattern; write a column's name in braces: path='{{NAME}}.mp3'"
        )
    return found


def tidy_id(text: str) -> str:
    """An id; one that a spreadsheet or pandas wrote as a number, such as 1.0, without its point."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def _require_labels(path: Path, found: Mapping[Role, str], header: Sequence[str]) -> None:
    """Refuse one column of labels of two, and names that are nearly right."""
    roles: tuple[Role, Role] = ("valence", "arousal")
    missing = [role for role in roles if role not in found]
    similar = {role: [name for name in header if role in name.lower()] for role in roles}
    if not missing or not any(similar.values()):
        return
    guess = {role: found.get(role) or next(iter(_likely(similar[role])), "NAME") for role in roles}
    words = " ".join(f"{role}={shlex.quote(name)}" for role, name in guess.items())
    raise LabelError(
        f"{path}: has no column {USUAL[missing[0]][0]!r}; it has {', '.join(header)}; say which are the labels: "
        f"--columns {words}, or remove every such column to go without labels"
    )


def _likely(names: Iterable[str]) -> list[str]:
    """Names of columns, those that hold no spread first."""
    return sorted(names, key=lambda name: bool(_SPREAD.search(name.lower())))
