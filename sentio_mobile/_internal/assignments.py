"""Settings given as `key=value`: typed by the record that they are for, before its own ranges are checked."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from sentio_mobile._internal.record_messages import field_types, is_record, member_of, options_of, shown, stripped
from sentio_mobile.errors import InputError

MAX_TEXT = 4096
"""Characters of an assignment."""

_NEAR, _KNOWN = 3, 12


def assign(
    table: dict[str, object], kind: Any, assignments: Sequence[str], option: str, error: type[InputError] = InputError
) -> list[str]:
    """Put values into a table that is to be read as a record.

    A value is written as in TOML; a text may stand without quotation marks, and a list without brackets, with commas.
    `none` stands for nothing where a field may have nothing.

    Args:
        table: Nested dictionaries, as TOML has them; changed in place.
        kind: The record's class.
        assignments: `key=value` each, in which a key of an inner table has dots.
        option: What messages call an assignment, such as `--set`.
        error: The class of error to raise.

    Returns:
        The keys that were set.

    Raises:
        InputError: Of the class `error`. An assignment has no `=`, or its key is unknown; near names are named.
    """
    keys = []
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key or len(text) > MAX_TEXT:
            raise error(f"{option} {shown(text)}: give a key and a value, such as {option} training.epochs=5")
        _put(table, kind, key.strip(), value.strip(), option, error)
        keys.append(key.strip())
    return keys


def keys_of(kind: Any, table: object = None, prefix: str = "") -> list[str]:
    """Every key that a record may have, those of inner tables with dots.

    Args:
        kind: The record's class.
        table: Values of the record, by which a union's member is chosen.
        prefix: What stands before each key.
    """
    found = []
    for name, inner in _fields(kind, table).items():
        found.append(prefix + name)
        value = table.get(name) if isinstance(table, Mapping) else None
        if any(is_record(option) for option in options_of(inner)):
            found += keys_of(inner, value, f"{prefix}{name}.")
    return found


def _fields(kind: Any, table: object) -> dict[str, Any]:
    """The types of a record's keys, or of those of all members of a union of which none is chosen."""
    chosen = member_of(kind, table)
    records = [chosen] if is_record(chosen) else [option for option in options_of(kind) if is_record(option)]
    found: dict[str, Any] = {}
    for record in records:
        config = record.__struct_config__
        if config.tag_field:
            found[config.tag_field] = Literal[config.tag]
        found |= dict(zip(record.__struct_encode_fields__, field_types(record).values(), strict=True))
    if len(records) > 1 or len(options_of(kind)) > 1:
        # Any member may be chosen: the reader says which ones there are.
        found |= {record.__struct_config__.tag_field: str for record in records if record.__struct_config__.tag_field}
    return found


def _put(root: dict[str, object], whole: Any, key: str, text: str, option: str, error: type[InputError]) -> None:
    table: Any = root
    kind, steps = whole, key.split(".")
    for number, step in enumerate(steps):
        inner = _stepped(kind, table, step)
        if inner is None:
            raise error(f"{option} {shown(key)[1:-1]}: there is no such key; {_near(whole, root, kind, table, key)}")
        if number + 1 == len(steps):
            table[step] = _value(text, inner)
            return
        if not isinstance(table.get(step), dict):
            table[step] = {}
        table, kind = table[step], inner


def _stepped(kind: Any, table: object, step: str) -> Any:
    """The type of what a key of this type holds; None where there is no such key."""
    fields = _fields(kind, table)
    if fields:
        return fields.get(step)
    for option in options_of(kind):
        if _is_a(option, Mapping):
            return get_args(option)[-1] if get_args(option) else Any
    return None


def _is_a(kind: Any, base: type) -> bool:
    """Whether a type, without its parameters, is one of another kind."""
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, base)


def _near(whole: Any, root: object, kind: Any, table: object, key: str) -> str:
    """Which keys may be meant: near ones, those with the same last part, or those that there are."""
    known = keys_of(whole, root)
    last = key.rpartition(".")[2]
    if close := difflib.get_close_matches(key, known, _NEAR, 0.9):
        return f"did you mean {close[0]}?"
    near = [one for one in known if one.rpartition(".")[2] == last]
    near += [one for one in difflib.get_close_matches(key, known, _NEAR, 0.75) if one not in near]
    near += [one for one in known if difflib.SequenceMatcher(None, one.rpartition(".")[2], last).ratio() > 0.8]
    if near := list(dict.fromkeys(near))[:_NEAR]:
        return f"did you mean {' or '.join(near)}?"
    here = list(_fields(kind, table)) or list(_fields(whole, root))
    more = ", ..." if len(here) > _KNOWN else ""
    return f"known: {', '.join(here[:_KNOWN])}{more}"


def _value(text: str, kind: Any) -> Any:
    """A value of a type, as plain as TOML has it. What is of another type is left for the reader to refuse."""
    options = options_of(kind)
    if text == "none" and _may_be_none(kind):
        return None
    if all(_is_text(option) for option in options) and not text.startswith(('"', "'")):
        return text
    for option in options:
        if _is_a(option, tuple) and not text.startswith("["):
            args = get_args(option)
            return [_value(part.strip(), args[0] if args else Any) for part in text.split(",") if part.strip()]
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return found["value"] if len(found) == 1 else text


def _may_be_none(kind: Any) -> bool:
    bare, _ = stripped(kind)
    return type(None) in get_args(bare)


def _is_text(kind: Any) -> bool:
    bare, _ = stripped(kind)
    return bare is str or (get_origin(bare) is Literal and all(isinstance(one, str) for one in get_args(bare)))
