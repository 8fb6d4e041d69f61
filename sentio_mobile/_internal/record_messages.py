"""Messages for wrong values: what msgspec found, as one line that names the key, the value and what would be right."""

from __future__ import annotations

import functools
import re
import reprlib
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""


@functools.cache
def field_types(kind: type[msgspec.Struct]) -> dict[str, object]:
    """The types of a record's fields, by name, with their ranges."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


def shown(value: object) -> str:
    """A wrong value for a message: on one line, control characters escaped, long ones cut."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str):
        value = value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "..."
    if isinstance(value, msgspec.Struct):
        return f"a {type(value).__name__}"
    try:
        text = _REPR.repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN + 8 else text[:MAX_SHOWN] + "..."


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = MAX_SHOWN + 8
"""Shows the beginning of a value, without reading a list of millions to its end."""


_MESSAGE = re.compile(r"^(?P<fault>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)


def explain(message: str, kind: Any, values: object, where: str, at: str = "") -> str:
    """Turn one of msgspec's messages into ours, with the key's full name, the value, and what would be right.

    Args:
        message: msgspec's message.
        kind: The type that the values were read as.
        values: The values.
        where: What the message calls the values; empty where it has no name.
        at: The name of the field that the values are of.
    """
    found = _MESSAGE.match(message)
    assert found is not None
    fault = found["fault"]
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", found["path"] or "")
    kind, value, at = _walk(kind, values, steps, at)

    def line(text: str) -> str:
        return f"{where}: {at} {text}" if where and at else f"{at or where} {text}"

    if unknown := re.match(r"Object contains unknown field `(.*)`", fault, re.DOTALL):
        kind = member_of(kind, value)
        known = list(kind.__struct_encode_fields__) if is_record(kind) else []
        return line(f"has no key {shown(unknown[1])}; known: {', '.join(known)}")
    if missing := re.match(r"Object missing required field `(.*)`", fault):
        return line(f"lacks the key {missing[1]!r}")
    if found["key"]:
        return line("has a key that is not allowed")
    if not fault.startswith(("Expected", "Invalid", "Number", "Integer")):
        # A record's own check; it names the field itself.
        at = f"{at}.{fault}" if at else fault
        return f"{where}: {at}" if where else at
    return line(f"must be {_wanted(kind, fault)}, not {shown(value)}")


def is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _walk(kind: Any, value: Any, steps: list[tuple[str, str]], at: str) -> tuple[Any, Any, str]:
    """The type, the value and the full name at the end of a path; the type is Any where it cannot be followed."""
    for name, index in steps:
        tags = tags_of(kind)
        kind = member_of(kind, value)
        if name:
            at = f"{at}.{name}" if at else name
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
            if is_record(kind):
                own_tag = kind.__struct_config__.tag_field == name
                types_by_key = dict(zip(kind.__struct_encode_fields__, field_types(kind).values(), strict=True))
                kind = Literal[kind.__struct_config__.tag] if own_tag else types_by_key.get(name, Any)
            elif tags:
                kind = Literal[tuple(tags)]
            else:
                kind = (get_args(kind) or (Any,))[-1]
        elif index == "...":
            # msgspec does not say which key of a mapping it stumbled over.
            kind = (get_args(kind) or (Any,))[-1]
            key, value = _first_wrong(kind, value)
            at = f"{at}.{key}" if at else key
        else:
            place = int(index)
            args = get_args(kind) or (Any,)
            kind = args[0] if args[-1] is Ellipsis or len(args) == 1 else args[min(place, len(args) - 1)]
            value = value[place] if isinstance(value, list | tuple) and place < len(value) else None
            at = f"{at}[{place}]"
    return kind, value, at


def _first_wrong(kind: Any, values: object) -> tuple[str, Any]:
    for key, value in values.items() if isinstance(values, dict) else ():
        try:
            msgspec.convert(value, kind)
        except (msgspec.ValidationError, RecursionError):
            return shown(key).strip("'"), value
    return "[...]", None


def stripped(kind: Any) -> tuple[Any, list[Meta]]:
    """A type without its Annotated, and the limits that stood there."""
    limits: list[Meta] = []
    while get_origin(kind) is Annotated:
        kind, *metas = get_args(kind)
        limits += [meta for meta in metas if isinstance(meta, Meta)]
    return kind, limits


def options_of(kind: Any) -> list[Any]:
    """The types of a union, but None; of another type, itself."""
    kind, _ = stripped(kind)
    if get_origin(kind) not in (Union, types.UnionType):
        return [kind]
    return [option for arg in get_args(kind) if arg is not type(None) for option in options_of(arg)]


def tags_of(kind: Any) -> list[Any]:
    """The tags of a union of records."""
    records = [option for option in options_of(kind) if is_record(option)]
    return [record.__struct_config__.tag for record in records] if len(records) > 1 else []


def member_of(kind: Any, value: object) -> Any:
    """The member of a union that a value is meant to be, without its Annotated."""
    options = options_of(kind)
    if len(options) == 1:
        return options[0]
    for option in options:
        if is_record(option):
            config = option.__struct_config__
            if isinstance(value, option) or (isinstance(value, dict) and value.get(config.tag_field) == config.tag):
                return option
        elif isinstance(value, list | tuple) and (get_origin(option) or option) in (tuple, list):
            return option
    return Any


def _wanted(kind: Any, fault: str) -> str:
    """What a value must be, in words."""
    if tags := tags_of(kind):
        return f"one of {', '.join(map(repr, tags))}" if fault.startswith("Invalid value") else "a table"
    _, limits = stripped(kind)
    options = [(option, limits) for option in options_of(kind)]
    bare, _ = stripped(kind)
    if get_origin(bare) in (Union, types.UnionType):
        members = [stripped(arg) for arg in get_args(bare) if arg is not type(None)]
        options = [(member, limits + own) for member, own in members]
    words = [_words(option, own) for option, own in options]
    if all(words):
        return " or ".join(dict.fromkeys(words))
    return fault.removeprefix("Expected ").split(", got")[0]


def _words(kind: Any, limits: list[Meta]) -> str:
    origin = get_origin(kind) or kind
    if origin is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    if not isinstance(origin, type):
        return ""
    if issubclass(origin, msgspec.Struct | Mapping):
        return "a table"
    if issubclass(origin, tuple | list):
        args = get_args(kind)
        if args and args[-1] is not Ellipsis and issubclass(origin, tuple):
            return f"a list of {len(args)} values"
        return " ".join(["a list", *_length(limits, "values")])
    if origin is bool:
        return "true or false"
    if origin is str:
        pattern = [f"of the form {meta.pattern}" for meta in limits if meta.pattern]
        return " ".join(["a text", *(pattern or _length(limits, "characters"))])
    if origin in (int, float):
        return " ".join(["a whole number" if origin is int else "a number", *_range(limits)])
    return ""


def _length(limits: list[Meta], things: str) -> list[str]:
    low = max((meta.min_length for meta in limits if meta.min_length), default=None)
    high = min((meta.max_length for meta in limits if meta.max_length is not None), default=None)
    if low and high is not None:
        return [f"of {low:,} to {high:,} {things}"]
    if low:
        return [f"of at least {low:,} {things}"]
    return [] if high is None else [f"of at most {high:,} {things}"]


def _range(limits: list[Meta]) -> list[str]:
    low = high = ""
    for meta in limits:
        if meta.ge is not None and abs(meta.ge) < 1e300:
            low = f"from {_number(meta.ge)}"
        if meta.gt is not None and abs(meta.gt) < 1e300:
            low = f"above {_number(meta.gt)}"
        if meta.le is not None and abs(meta.le) < 1e300:
            high = f"to {_number(meta.le)}" if low.startswith("from") else f"up to {_number(meta.le)}"
        if meta.lt is not None and abs(meta.lt) < 1e300:
            high = f"to below {_number(meta.lt)}" if low.startswith("from") else f"below {_number(meta.lt)}"
    if not high and low.startswith("from"):
        return [f"{low} on"]
    return [f"{low} and {high}"] if low.startswith("above") and high else [part for part in (low, high) if part]


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"
