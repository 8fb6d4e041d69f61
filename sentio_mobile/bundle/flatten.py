"""Nested tables as flat ones, so that two of them can be compared, and one be shown, field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def flatten(table: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """Every value by its dotted name, such as `training.epochs`; a name that has a dot itself is quoted.

    Nulls and empty tables are left out: they say no more than an absent field. Numbers that JSON does not know become
    words.
    """
    found: dict[str, Any] = {}
    for name, value in table.items():
        place = f"{under}.{_quoted(name)}" if under else _quoted(name)
        if isinstance(value, Mapping):
            found.update(flatten(value, place))
        elif value is not None:
            found[place] = _plain(value)
    return found


def _quoted(name: object) -> str:
    text = str(name)
    return json.dumps(text) if "." in text else text


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return {str(name): _plain(item) for name, item in value.items()} if isinstance(value, Mapping) else value
