"""Typed records: what one stage writes and another reads, checked field by field by one strict reader.

A record is a frozen class whose fields have a type and a range. It is checked when Python code makes one, when JSON is
read and when TOML is read, always by the same rules, and every fault is one line that names the file and the key.

    class Sheet(Record, frozen=True, kw_only=True):
        songs: Count
        seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
"""

from __future__ import annotations

import functools
import math
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from sentio_mobile._internal.files import write_bytes
from sentio_mobile.errors import InputError, RecordError

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file that is read as a record."""

MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""

Count = Annotated[int, Meta(ge=1, le=10**9)]
"""A number of things, at least one."""
Size = Annotated[int, Meta(ge=0, le=2**53)]
"""A number of things or bytes, which may be none."""
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""A seed, as numpy and Lightning take it."""
Share = Annotated[float, Meta(ge=0, le=1)]
"""A share or a probability."""
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""Any number but NaN and infinity."""
NonNegative = Annotated[float, Meta(ge=0, le=1e300)]
"""A finite number from 0 on."""
Text = Annotated[str, Meta(max_length=4096)]
"""A text of at most 4,096 characters."""
Name = Annotated[str, Meta(min_length=1, max_length=255)]
"""A name: not empty, at most 255 characters."""
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 hash as 64 hex digits."""

T = TypeVar("T")
R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records. Fields are checked on construction; `check` holds what several fields must agree on."""

    def __post_init__(self) -> None:
        for name, kind in _fields(type(self)).items():
            value = getattr(self, name)
            try:
                # Lists become tuples and whole numbers become floats where the field says so.
                msgspec.structs.force_setattr(self, name, msgspec.convert(value, kind))
            except msgspec.ValidationError as error:
                raise RecordError(_explain(str(error), kind, value, name)) from None
        self.check()

    def check(self) -> None:
        """Check what several fields must agree on.

        Raises:
            RecordError: they do not. The message begins with the name of a field.
        """


def from_plain(kind: type[T], values: object, where: str, error: type[InputError] = InputError) -> T:
    """Read plain values, as JSON and TOML have them, as a record.

    Args:
        kind: The record's class.
        values: Nested dictionaries, lists, texts and numbers.
        where: What messages call the values, such as a file's path.
        error: The class of error to raise.

    Raises:
        InputError: Of the class `error`. A key is unknown (the known ones are named) or missing, a value is of another
            type, or outside its range.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as fault:
        raise error(_explain(str(fault), kind, values, where)) from None
    except RecursionError:
        raise error(f"{where} is nested too deeply") from None


def to_plain(record: object) -> Any:
    """A record as the nested dictionaries, lists, texts and numbers that JSON can hold."""
    return msgspec.to_builtins(record)


def replace(record: R, **changes: object) -> R:
    """A copy of a record with some fields changed, checked again.

    Raises:
        RecordError: A field is out of its range.
    """
    return msgspec.structs.replace(record, **changes)


def read_record(kind: type[T], path: Path, error: type[InputError] = InputError) -> T:
    """Read a JSON file as a record.

    Args:
        kind: The record's class.
        path: The file.
        error: The class of error to raise.

    Raises:
        InputError: Of the class `error`. The file cannot be read, is too large, is not JSON, or is not such a record.
    """
    return from_plain(kind, read_plain(path, error), str(path), error)


def read_plain(path: Path, error: type[InputError] = InputError) -> object:
    """Read a JSON file as plain values, before it is known which record it holds.

    Raises:
        InputError: Of the class `error`. The file cannot be read, is too large, or is not JSON.
    """
    try:
        if not path.is_file():
            raise error(f"cannot read {path}: it is missing, or is not a file")
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise error(f"{path} has {size:,} bytes, more than the {MAX_FILE_BYTES:,} that are read; make it again")
        return msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError) as fault:
        if isinstance(fault, msgspec.DecodeError):
            raise error(f"{path} is not JSON ({fault}); make it again") from None
        raise error(f"cannot read {path}: {getattr(fault, 'strerror', None) or fault}") from None
    except RecursionError:
        raise error(f"{path} is nested too deeply; make it again") from None


def write_record(path: Path, record: object) -> None:
    """Write a record as JSON that people can read too, beside its place, and move it in.

    Raises:
        OutputError: It cannot be written there.
    """
    write_bytes(path, json_bytes(record))


def json_bytes(record: object) -> bytes:
    """A record as indented JSON, the same bytes each time."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def json_schema(kind: type[Record]) -> dict[str, Any]:
    """The JSON Schema of a record."""
    return msgspec.json.schema(kind)


def shown(value: object) -> str:
    """A wrong value for a message: on one line, control characters escaped, long ones cut."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str):
        value = value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "..."
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN + 8 else text[:MAX_SHOWN] + "..."


@functools.cache
def _fields(kind: type[Record]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


_AT = re.compile(r"^(?P<fault>.*?)(?: - at `(?P<key>)?\$?(?P<path>.*)`)?$", re.DOTALL)


def _explain(message: str, kind: Any, values: object, where: str) -> str:
    """Turn one of msgspec's messages into ours, with the key's full name, the value, and what would be right."""
    found = _AT.match(message)
    assert found is not None
    fault, path = found["fault"], found["path"] or ""
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path)
    at, value = _walk(kind, values, steps)
    place = f"{where}{path}"
    if unknown := re.match(r"Object contains unknown field `(.*)`", fault, re.DOTALL):
        return f"{place} has no key {shown(unknown[1])}; known: {', '.join(_known(at, value))}"
    if missing := re.match(r"Object missing required field `(.*)`", fault):
        return f"{place} lacks the key {missing[1]!r}"
    if not fault.startswith(("Expected", "Invalid", "Number", "Integer")):
        # A record's own check; it names the field itself.
        return f"{place}.{fault}" if place else fault
    return f"{place} must be {_wanted(at, fault)}, not {shown(value)}"


def _walk(kind: Any, value: Any, steps: list[tuple[str, str]]) -> tuple[Any, Any]:
    """The type and the value at the end of a path; what cannot be followed is Any."""
    for name, index in steps:
        kind = _plain(kind, value)
        if name:
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
            if isinstance(kind, type) and issubclass(kind, Record):
                kind = _fields(kind).get(name, Any)
            else:
                kind = (get_args(kind) or (Any,))[-1]
        else:
            if index == "...":
                # msgspec names no key of a mapping: its first wrong value cannot be told apart.
                kind = (get_args(kind) or (Any,))[-1]
                value = next(iter(value.values()), None) if isinstance(value, dict) else None
                continue
            args = get_args(kind)
            at = int(index)
            kind = (
                Any
                if not args
                else args[0]
                if get_origin(kind) is list or args[-1] is Ellipsis
                else args[min(at, len(args) - 1)]
            )
            value = value[at] if isinstance(value, list | tuple) and at < len(value) else None
    return kind, value


def _plain(kind: Any, value: object) -> Any:
    """A type without its Annotated, and of a union the record that the value's tag names."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        records = [arg for arg in get_args(kind) if isinstance(arg, type) and issubclass(arg, Record)]
        for record in records:
            config = record.__struct_config__
            if isinstance(value, record) or (
                isinstance(value, dict) and config.tag_field and value.get(config.tag_field) == config.tag
            ):
                return record
        return records[0] if len(records) == 1 else kind
    return kind


def _known(kind: Any, value: object) -> list[str]:
    kind = _plain(kind, value)
    return list(_fields(kind)) if isinstance(kind, type) and issubclass(kind, Record) else []


def _wanted(kind: Any, fault: str) -> str:
    """What a value must be, in words: from its type where that says more than msgspec's message."""
    limits: list[Meta] = []
    while get_origin(kind) is Annotated:
        kind, *metas = get_args(kind)
        limits += [meta for meta in metas if isinstance(meta, Meta)]
    optional = ""
    if get_origin(kind) in (Union, types.UnionType):
        args = [arg for arg in get_args(kind) if arg is not type(None)]
        if tags := [a.__struct_config__.tag for a in args if isinstance(a, type) and issubclass(a, Record)]:
            if fault.startswith("Invalid value"):
                return f"one of {', '.join(map(repr, tags))}"
            return "a table"
        if len(args) == 1:
            return _wanted(args[0], fault)
        optional = " or ".join(getattr(arg, "__name__", str(arg)) for arg in args)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    if length := re.search(r"`array` of (?:at most )?length (.*?), got", fault):
        return f"a list of {length[1]} values"
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and issubclass(origin, Record | dict):
        return "a table"
    if isinstance(origin, type) and issubclass(origin, tuple | list):
        return "a list"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(origin, optional)
    if not words:
        return fault.removeprefix("Expected ").split(", got")[0]
    return " ".join([words, *_limits(limits)])


def _limits(limits: list[Meta]) -> list[str]:
    said = []
    for meta in limits:
        low, high = meta.ge if meta.ge is not None else meta.gt, meta.le if meta.le is not None else meta.lt
        if low is not None and abs(low) < 1e300:
            said.append(f"from {low:g} on" if meta.ge is not None and high is None else _low(meta))
        if high is not None and abs(high) < 1e300:
            said.append(f"to {_number(high)}" if meta.le is not None else f"to below {_number(high)}")
        if meta.min_length:
            said.append(f"of at least {meta.min_length} characters")
        if meta.max_length:
            said.append(f"of at most {meta.max_length:,} characters")
        if meta.pattern:
            said.append(f"of the form {meta.pattern}")
    return said


def _low(meta: Meta) -> str:
    return f"from {_number(meta.ge)}" if meta.ge is not None else f"above {_number(meta.gt)}"


def _number(value: float | None) -> str:
    assert value is not None
    return f"{value:,}" if float(value).is_integer() and abs(value) < 1e15 and not math.isinf(value) else f"{value:g}"
