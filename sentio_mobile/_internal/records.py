"""Typed records: what one stage writes and another reads, checked field by field by one strict reader.

A record is a frozen class whose fields have a type and a range. It is checked when Python code makes one, when JSON is
read and when TOML is read, always by the same rules, and every fault is one line that names the file and the key.

    class Sheet(Record, frozen=True, kw_only=True):
        songs: Count
        seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
"""

from __future__ import annotations

import dataclasses
import functools
import re
import reprlib
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from sentio_mobile._internal.files import write_bytes
from sentio_mobile.errors import InputError, RecordError

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file that is read as a record."""

MAX_TOML_BYTES = 64 * 1024
"""The largest TOML file that is read: people write them by hand."""

MAX_DOTS = 256
"""Dots on one line of a TOML file. Python's parser needs minutes for a key of 50,000 parts."""

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
Versions = Annotated[dict[Name, Name], Meta(max_length=256)]
"""Versions of packages, by their names."""
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 hash as 64 hex digits."""

T = TypeVar("T")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records. Fields are checked on construction; `check` holds what several fields must agree on."""

    def __post_init__(self) -> None:
        for name, kind in field_types(type(self)).items():
            value = getattr(self, name)
            try:
                # Lists become tuples and whole numbers become floats where the field says so.
                msgspec.structs.force_setattr(self, name, msgspec.convert(value, kind))
            except msgspec.ValidationError as error:
                raise RecordError(_explain(str(error), kind, value, where="", at=name)) from None
            except RecursionError:
                raise RecordError(f"{name} is nested too deeply") from None
        self.check()

    def check(self) -> None:
        """Check what several fields must agree on.

        Raises:
            RecordError: They do not. The message begins with the name of a field.
        """


def from_plain(
    kind: type[T], values: object, where: str, error: type[InputError] = InputError, *, complete: bool = False
) -> T:
    """Read plain values, as JSON and TOML have them, as a record.

    Args:
        kind: The record's class, or a union of record classes.
        values: Nested dictionaries, lists, texts and numbers.
        where: What messages call the values, such as a file's path.
        error: The class of error to raise.
        complete: Whether a field with a default must be there too, as in a file that a program wrote. A field that is
            None by default may always be left out.

    Raises:
        InputError: Of the class `error`. A key is unknown (the known ones are named) or missing, a value is of another
            type, or outside its range.
    """
    try:
        record = msgspec.convert(values, kind)
    except msgspec.ValidationError as fault:
        raise error(_explain(str(fault), kind, values, where)) from None
    except RecursionError:
        raise error(f"{where} is nested too deeply") from None
    if complete and (missing := _first_missing(record, values, "")):
        raise error(f"{where}: {missing}" if not missing.startswith("lacks") else f"{where} {missing}")
    return record


def to_plain(record: object) -> Any:
    """A record, or a list or dictionary of records, as nested dictionaries, lists, texts and numbers."""
    return msgspec.to_builtins(record)


def replace(record: T, **changes: object) -> T:
    """A copy of a record, or of a dataclass, with some fields changed. A record is checked again.

    Raises:
        RecordError: A field is out of its range.
    """
    if isinstance(record, msgspec.Struct):
        return msgspec.structs.replace(record, **changes)
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]


def read_record(kind: type[T], path: Path, error: type[InputError] = InputError) -> T:
    """Read a JSON file that `write_record` wrote as a record. Every field must be there, but those that may be None.

    Args:
        kind: The record's class.
        path: The file.
        error: The class of error to raise.

    Raises:
        InputError: Of the class `error`. The file cannot be read, is too large, is not JSON, or is not such a record.
    """
    return from_plain(kind, read_plain(path, error), str(path), error, complete=True)


def read_plain(path: Path, error: type[InputError] = InputError) -> object:
    """Read a JSON file as plain values, before it is known which record it holds.

    Raises:
        InputError: Of the class `error`. The file cannot be read, is too large, or is not JSON.
    """
    content = _read_bytes(path, MAX_FILE_BYTES, error)
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise error(f"{path} is not JSON ({fault}); make it again") from None
    except RecursionError:
        raise error(f"{path} is nested too deeply; make it again") from None


def read_toml(path: Path, error: type[InputError] = InputError) -> dict[str, object]:
    """Read a TOML file as plain values, in a time that its size limits.

    Raises:
        InputError: Of the class `error`. The file cannot be read, is too large or nested too deeply, or is not TOML.
    """
    content = _read_bytes(path, MAX_TOML_BYTES, error)
    if any(line.count(b".") > MAX_DOTS for line in content.splitlines()):
        raise error(f"{path}: a line has more than {MAX_DOTS} dots; write shorter keys")
    try:
        return tomllib.loads(content.decode())
    except RecursionError:
        raise error(f"{path} is nested too deeply") from None
    except ValueError as fault:
        reason = " ".join(str(fault).split())
        if "integer string conversion" in reason:
            reason = "a whole number has too many digits"
        raise error(f"{path} is no TOML ({reason})") from None


def write_record(path: Path, record: object) -> None:
    """Write a record as JSON that people can read too, beside its place, and move it in.

    Raises:
        OutputError: It cannot be written there.
    """
    write_bytes(path, json_bytes(record))


def json_bytes(record: object) -> bytes:
    """A record as indented JSON, the same bytes each time."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def json_schema(kind: Any) -> dict[str, object]:
    """The JSON Schema of a record, or of a union of records."""
    # A field of type `object` takes any value.
    return msgspec.json.schema(kind, schema_hook=lambda _: {"description": "any value"})


@functools.cache
def field_types(kind: type[Record]) -> dict[str, object]:
    """The types of a record's fields, by name, with their ranges."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


def shown(value: object) -> str:
    """A wrong value for a message: on one line, control characters escaped, long ones cut."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str):
        value = value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "..."
    if isinstance(value, Record):
        return f"a {type(value).__name__}"
    try:
        text = _REPR.repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN + 8 else text[:MAX_SHOWN] + "..."


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = MAX_SHOWN + 8
"""Shows the beginning of a value, without reading a list of millions to its end."""


def _read_bytes(path: Path, largest: int, error: type[InputError]) -> bytes:
    try:
        if not path.is_file():
            raise error(f"cannot read {path}: it is missing, or is not a file")
        if (size := path.stat().st_size) > largest:
            raise error(f"{path} has {size:,} bytes, more than the {largest:,} that are read; is it the right file?")
        return path.read_bytes()
    except (OSError, ValueError) as fault:
        if isinstance(fault, error):
            raise
        raise error(f"cannot read {path}: {getattr(fault, 'strerror', None) or fault}") from None


def _first_missing(record: object, values: object, at: str) -> str | None:
    """The first key that a record has and the values it was read from lack, in words; None if there is none."""
    if isinstance(record, Record) and isinstance(values, Mapping):
        for attribute, name in zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True):
            value = getattr(record, attribute)
            if name not in values:
                if value is not None:
                    return f"{at} lacks the key {name!r}".lstrip()
            elif missing := _first_missing(value, values[name], f"{at}.{name}" if at else name):
                return missing
    elif isinstance(record, tuple | list) and isinstance(values, tuple | list):
        if record and isinstance(record[0], Record | tuple | list | dict):
            for index, (item, plain) in enumerate(zip(record, values, strict=True)):
                if missing := _first_missing(item, plain, f"{at}[{index}]"):
                    return missing
    elif isinstance(record, dict) and isinstance(values, Mapping):
        for name, item in record.items():
            if missing := _first_missing(item, values.get(name), f"{at}.{name}" if at else str(name)):
                return missing
    return None


_MESSAGE = re.compile(r"^(?P<fault>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)


def _explain(message: str, kind: Any, values: object, where: str, at: str = "") -> str:
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
        kind = _member(kind, value)
        known = list(kind.__struct_encode_fields__) if _is_record(kind) else []
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


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


def _walk(kind: Any, value: Any, steps: list[tuple[str, str]], at: str) -> tuple[Any, Any, str]:
    """The type, the value and the full name at the end of a path; the type is Any where it cannot be followed."""
    for name, index in steps:
        tags = _tags(kind)
        kind = _member(kind, value)
        if name:
            at = f"{at}.{name}" if at else name
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
            if _is_record(kind):
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


def _stripped(kind: Any) -> tuple[Any, list[Meta]]:
    """A type without its Annotated, and the limits that stood there."""
    limits: list[Meta] = []
    while get_origin(kind) is Annotated:
        kind, *metas = get_args(kind)
        limits += [meta for meta in metas if isinstance(meta, Meta)]
    return kind, limits


def _options(kind: Any) -> list[Any]:
    """The types of a union, but None; of another type, itself."""
    kind, _ = _stripped(kind)
    if get_origin(kind) not in (Union, types.UnionType):
        return [kind]
    return [option for arg in get_args(kind) if arg is not type(None) for option in _options(arg)]


def _tags(kind: Any) -> list[Any]:
    """The tags of a union of records."""
    records = [option for option in _options(kind) if _is_record(option)]
    return [record.__struct_config__.tag for record in records] if len(records) > 1 else []


def _member(kind: Any, value: object) -> Any:
    """The member of a union that a value is meant to be, without its Annotated."""
    options = _options(kind)
    if len(options) == 1:
        return options[0]
    for option in options:
        if _is_record(option):
            config = option.__struct_config__
            if isinstance(value, option) or (isinstance(value, dict) and value.get(config.tag_field) == config.tag):
                return option
        elif isinstance(value, list | tuple) and (get_origin(option) or option) in (tuple, list):
            return option
    return Any


def _wanted(kind: Any, fault: str) -> str:
    """What a value must be, in words."""
    if tags := _tags(kind):
        return f"one of {', '.join(map(repr, tags))}" if fault.startswith("Invalid value") else "a table"
    _, limits = _stripped(kind)
    options = [(option, limits) for option in _options(kind)]
    bare, _ = _stripped(kind)
    if get_origin(bare) in (Union, types.UnionType):
        members = [_stripped(arg) for arg in get_args(bare) if arg is not type(None)]
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
    if issubclass(origin, Record | Mapping):
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
