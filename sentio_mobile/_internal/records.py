"""Typed records: what one stage writes and another reads, checked field by field by one strict reader.

A record is a frozen class whose fields have a type and a range. It is checked when Python code makes one, when JSON is
read and when TOML is read, always by the same rules, and every fault is one line that names the file and the key.

    class Sheet(Record, frozen=True, kw_only=True):
        songs: Count
        seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from sentio_mobile._internal.files import read_file, write_bytes
from sentio_mobile._internal.record_messages import explain, field_types, shown
from sentio_mobile.errors import InputError, RecordError

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file that is read as a record."""

MAX_TOML_BYTES = 64 * 1024
"""The largest TOML file that is read: people write them by hand."""

MAX_DOTS = 256
"""Dots on one line of a TOML file. Python's parser needs minutes for a key of 50,000 parts."""

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
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
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
                raise RecordError(explain(str(error), kind, value, where="", at=name)) from None
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
        raise error(explain(str(fault), kind, values, where)) from None
    except RecursionError:
        raise error(f"{where} is nested too deeply") from None
    except UnicodeEncodeError:
        # JSON can spell half a pair of surrogates, which no text has.
        raise error(f"{where} has a text with half a character in it") from None
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
    content = read_file(path, MAX_FILE_BYTES, error)
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
    content = read_file(path, MAX_TOML_BYTES, error)
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
    """A record as indented JSON, the same bytes each time.

    Raises:
        RecordError: It has a text with half a character in it, as arguments and file names that are no UTF-8 have.
    """
    try:
        return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    except UnicodeEncodeError as fault:
        near = shown(fault.object[max(0, fault.start - 20) : fault.start + 20])
        raise RecordError(
            f"a text is no UTF-8, which JSON needs, near {near}; write it with other characters"
        ) from None


def json_schema(kind: Any) -> dict[str, object]:
    """The JSON Schema of a record, or of a union of records."""
    # A field of type `object` takes any value.
    return msgspec.json.schema(kind, schema_hook=lambda _: {"description": "any value"})


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
