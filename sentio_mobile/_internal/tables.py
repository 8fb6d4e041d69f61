"""From a table of plain values (TOML, JSON) to a frozen dataclass, strictly: the reader behind specs and recipes."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from sentio_mobile.errors import InputError

T = TypeVar("T")

TAG = "architecture"
"""The field, a Literal of one value, that tells dataclasses apart where a table may be one of several."""


def read_table(kind: type[T], values: object, where: str, complete: bool = False) -> T:
    """Build `kind`, a dataclass, from a table; nested dataclasses from nested tables.

    Args:
        kind: the dataclass.
        values: the table.
        where: what messages call the table.
        complete: whether every field must be there, as in a file that a program wrote; but for those that are None by
            default, which files from before they were thought of lack.

    Raises:
        InputError: a key is unknown (the known ones are named) or missing, or a value is of another type.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where} must be a table, not {values!r}")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(fields)):
        raise InputError(f"{where} has no key {unknown[0]!r}; known: {', '.join(fields)}")
    for name, field in fields.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name not in values and (needed or (complete and field.default is not None)):
            raise InputError(f"{where} lacks the key {name!r}")
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in values.items()})


def _tagged(kinds: list[Any], value: object, where: str) -> Any:
    """The dataclass whose `TAG` is the table's; the first where the table has none."""
    tags = {get_args(get_type_hints(kind)[TAG])[0]: kind for kind in kinds}
    tag = value.get(TAG) if isinstance(value, Mapping) else None
    if tag is not None and tag not in tags:
        raise InputError(f"{where}.{TAG} must be one of {', '.join(map(repr, tags))}, not {tag!r}")
    return kinds[0] if tag is None else tags[tag]


def _value(hint: Any, value: object, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read_table(hint, value, where)
    if origin is Literal:
        if value not in args:
            raise InputError(f"{where} must be one of {', '.join(map(repr, args))}, not {value!r}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        choices = [arg for arg in args if arg is not type(None)]
        return _value(choices[0] if len(choices) == 1 else _tagged(choices, value, where), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{where} must be a list, not {value!r}")
        kinds = (args[0],) * len(value) if args[-1] is Ellipsis else args
        if len(kinds) != len(value):
            raise InputError(f"{where} must have {len(kinds)} values, not {len(value)}")
        return tuple(
            _value(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise InputError(f"{where} must be a table, not {value!r}")
        return dict(value)
    allowed = (int, float) if hint is float else hint
    if not isinstance(value, allowed) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{where} must be {hint.__name__}, not {value!r}")
    return float(value) if hint is float else value
