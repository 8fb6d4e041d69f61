"""The recipe reference, from the source of the settings: field, type, range, default, and the field's comment."""

from __future__ import annotations

import ast
import inspect
import math
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta, UnsetType

from sentio_mobile._internal.records import Record


def render(kinds: list[tuple[str, type[Record]]]) -> str:
    """One section per table of a recipe: the given classes, and those that their fields hold, each once.

    Args:
        kinds: Headings and classes.
    """
    seen: set[type[Record]] = set()
    return "\n".join(line for heading, kind in kinds for line in _section(heading, kind, 2, seen))


def comments_of(kind: type[Record]) -> dict[str, str]:
    """The comment of each field: at the end of its line, or in the lines right above it."""
    source = inspect.getsource(kind)
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assert node.end_lineno is not None
            tail = lines[node.end_lineno - 1][node.end_col_offset or 0 :]
            above = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.strip().startswith("#"):
                    break
                above.insert(0, line.strip().lstrip("# "))
            text = tail.partition("#")[2].strip() if "#" in tail else " ".join(above)
            found[node.target.id] = text[:1].upper() + text[1:]
    return found


def _section(heading: str, kind: type[Record], level: int, seen: set[type[Record]]) -> Iterator[str]:
    if kind in seen:
        return
    seen.add(kind)
    yield f"{'#' * level} {heading}\n"
    yield f"{inspect.cleandoc(kind.__doc__ or '')}\n"
    yield "| key | type and range | default | meaning |\n|---|---|---|---|"
    hints, comments = get_type_hints(kind, include_extras=True), comments_of(kind)
    tables: list[tuple[str, type[Record]]] = []
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        default = "required" if field.required else _shown(_default(field))
        yield f"| `{field.name}` | {_words(hint)} | {default} | {_cell(comments.get(field.name, ''))} |"
        tables += [(f"{heading.split(' (')[0]}.{field.name}", one) for one in _records(hint)]
    yield ""
    for name, one in tables:
        tag = one.__struct_config__.tag
        yield from _section(f"{name} ({tag})" if tag else name, one, min(level + 1, 4), seen)


def _default(field: Any) -> Any:
    return field.default if field.default is not NODEFAULT else field.default_factory()


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Record):
        return "see below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(_toml(one) for one in value)}]`" if not any(isinstance(v, Record) for v in value) else "-"
    return f"`{_toml(value)}`"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _records(hint: Any) -> list[type[Record]]:
    if isinstance(hint, type) and issubclass(hint, Record):
        return [hint]
    return [one for arg in get_args(hint) for one in _records(arg)]


def _words(hint: Any) -> str:
    """A type with its range, in words."""
    metas: list[Meta] = []
    while get_origin(hint) is Annotated:
        hint, *more = get_args(hint)
        metas += [one for one in more if isinstance(one, Meta)]
    origin = get_origin(hint)
    if origin is Literal:
        return _cell(" or ".join(f'`"{one}"`' if isinstance(one, str) else f"`{one}`" for one in get_args(hint)))
    if origin in (Union, types.UnionType):
        parts = [arg for arg in get_args(hint) if arg not in (type(None), UnsetType)]
        absent = ["none"] if type(None) in get_args(hint) else []
        return " or ".join([*dict.fromkeys(map(_words, parts)), *absent])
    if origin is tuple:
        args = get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return " ".join(["list of", _words(args[0]), *_length(metas)]).strip()
        return f"{len(args)} values, each {_words(args[0])}"
    if origin is dict:
        return "table"
    if isinstance(hint, type) and issubclass(hint, Record):
        return "table"
    name = {bool: "true or false", int: "whole number", float: "number", str: "text"}.get(hint, str(hint))
    return " ".join([name, *_range(metas), *_length(metas)]).strip()


def _range(metas: list[Meta]) -> Iterator[str]:
    for meta in metas:
        low, high = (meta.ge if meta.ge is not None else meta.gt), (meta.le if meta.le is not None else meta.lt)
        if low is not None and abs(low) < 1e300:
            yield f"{'from' if meta.ge is not None else 'above'} {_number(low)}"
        if high is not None and abs(high) < 1e300:
            yield f"{'to' if meta.le is not None else 'to below'} {_number(high)}"


def _length(metas: list[Meta]) -> Iterator[str]:
    for meta in metas:
        if meta.max_length:
            yield f"(at most {meta.max_length:,})"


def _number(value: float) -> str:
    return (
        f"{value:,.0f}" if float(value).is_integer() and not math.isinf(value) and abs(value) < 1e12 else f"{value:g}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
