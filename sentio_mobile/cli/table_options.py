"""Options that say how CSVs of labels are read: their scale, their columns, and word norms for tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from sentio_mobile.cli.options import PATH, FiniteRange

if TYPE_CHECKING:
    from sentio_mobile.data.config import TableSettings

F = TypeVar("F", bound=Callable[..., Any])

ROLES = (
    *("path", "valence", "arousal", "song_id", "group", "rater", "start", "end"),
    *("valence_sd", "arousal_sd", "raters", "tags"),
)
"""What a column can hold; a test holds that these are the roles of `sentio_mobile.data.config`."""

_PAIR = re.compile(f"({'|'.join(ROLES)})=.+", re.DOTALL)
_OLD_SCALE = re.compile(r"(-?[0-9.]+)-(-?[0-9.]+)")
_BETWEEN = "\n"
"""Stands between the pairs of one --columns, which is one value."""


class _ColumnNames(click.ParamType):  # type: ignore[type-arg]
    """Pairs such as `valence=V`, that follow one --columns."""

    name = "columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Read the pairs."""
        if isinstance(value, dict):
            return value
        found: dict[str, str] = {}
        for pair in str(value).split(_BETWEEN):
            role, equals, column = pair.partition("=")
            if role not in ROLES or not equals or not column:
                self.fail(f"{pair!r} is not such as valence=NAME; a column can hold {', '.join(ROLES)}", param, ctx)
            if role in found:
                self.fail(f"{role} is named twice", param, ctx)
            found[role] = column
        return found


scale_option = click.option(
    "--scale",
    type=(FiniteRange(), FiniteRange()),
    multiple=True,
    metavar="LOW HIGH",
    help="Lowest and highest label that people could give in a CSV, such as 0 1 or 1 9. Without it, the scale is "
    "guessed where the labels can mean one only. For several CSVs: once for all, or once for each in their order.",
)
columns_option = click.option(
    "--columns",
    type=_ColumnNames(),
    multiple=True,
    metavar="HOLDS=NAME...",
    help="Names of the columns of a CSV, such as path='music/{id}.mp3' valence=V arousal=A; also song_id, group, "
    "rater, start, end, valence_sd, arousal_sd, raters, tags. For several CSVs: as for --scale.",
)


def norms_options(command: F) -> F:
    """Options of word norms."""
    norms = click.option(
        "--norms",
        type=PATH,
        help="A CSV with the columns word, valence and arousal: songs with tags get the mean of their tags as labels.",
    )
    scale = click.option(
        "--norms-scale",
        type=(FiniteRange(), FiniteRange()),
        metavar="LOW HIGH",
        help="Lowest and highest norm; guessed without it.",
    )
    return norms(scale(command))


def gather_tables(args: Sequence[str], own: Collection[str]) -> list[str]:
    """The arguments, each --columns with all its pairs as one value, and old spellings of scales as two numbers.

    Args:
        args: Arguments of a command.
        own: Options that the command has.
    """
    gathered: list[str] = []
    waiting = list(args)
    while waiting:
        argument = waiting.pop(0)
        option, equals, value = argument.partition("=")
        if option == "--columns" and option in own:
            pairs = [value] if equals else []
            while waiting and _PAIR.fullmatch(waiting[0]):
                pairs.append(waiting.pop(0))
            gathered += [option, _BETWEEN.join(pairs)]
        elif option in ("--scale", "--norms-scale") and option in own:
            text = value if equals else waiting[0] if waiting else ""
            if old := _OLD_SCALE.fullmatch(text):
                waiting = waiting if equals else waiting[1:]
                gathered += [option, *old.groups()]
            else:
                gathered += [option, value] if equals else [option]
        else:
            gathered.append(argument)
            if argument == "--":
                return gathered + waiting
    return gathered


def table_settings(scales: Sequence[tuple[float, float]], columns: Sequence[dict[str, str]]) -> list[TableSettings]:
    """How each CSV is read, given the values of --scale and --columns; one for all where neither was given twice.

    Raises:
        click.UsageError: One was given more than once, and the other as often neither nor once.
        LabelError: A scale is none.
    """
    from sentio_mobile.api.inputs import to_scale
    from sentio_mobile.data.config import TableSettings

    count = max(len(scales), len(columns), 1)
    for name, values in (("--scale", scales), ("--columns", columns)):
        if len(values) not in (0, 1, count):
            raise click.UsageError(f"{name} is given {len(values)} times; give it once for all CSVs, or {count} times")
    one_scale = list(scales) * count if len(scales) == 1 else list(scales)
    one_columns = list(columns) * count if len(columns) == 1 else list(columns)
    return [
        TableSettings(
            scale=to_scale(one_scale[at]) if one_scale else "",
            columns=one_columns[at] if one_columns else {},  # type: ignore[arg-type]
        )
        for at in range(count)
    ]


def norms_path(norms: Path | None) -> str:
    """The table of norms as a recipe has it; empty without one."""
    return "" if norms is None else str(norms.absolute())
