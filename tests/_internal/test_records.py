"""Records: one strict reader, one line for each fault."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import (
    Count,
    Finite,
    Name,
    Record,
    Share,
    from_plain,
    json_schema,
    read_plain,
    read_record,
    read_toml,
    replace,
    to_plain,
    write_record,
)
from sentio_mobile.errors import DataError, InputError, RecordError


class Square(Record, frozen=True, kw_only=True, tag_field="shape", tag="square"):
    side: Annotated[float, Meta(gt=0, le=10)] = 1.0


class Box(Record, frozen=True, kw_only=True, tag_field="shape", tag="box"):
    sides: tuple[Annotated[float, Meta(gt=0, le=10)], Annotated[float, Meta(gt=0, le=10)]] = (1.0, 2.0)

    def check(self) -> None:
        if self.sides[0] > self.sides[1]:
            raise RecordError(f"sides must be the shorter first, not {list(self.sides)}")


class Sheet(Record, frozen=True, kw_only=True):
    name: Name
    count: Count = 1
    share: Share = 0.5
    level: Literal["low", "high"] = "low"
    size: tuple[int, int] | None = None
    tags: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=3)] = ("a",)
    shape: Square | Box = Square()
    metrics: dict[str, Finite] = msgspec.field(default_factory=dict)
    shapes: tuple[Box, ...] = ()
    note: str | None = None


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "sheet.json lacks the key 'name'"),
        (3, "sheet.json must be a table, not 3"),
        ({"name": "x", "colour": 1}, "sheet.json has no key 'colour'; known: name, count, share, level, size,"),
        ({"name": ""}, "sheet.json: name must be a text of 1 to 255 characters, not ''"),
        ({"name": 3}, "sheet.json: name must be a text of 1 to 255 characters, not 3"),
        ({"name": "x", "count": 0}, "sheet.json: count must be a whole number from 1 to 1,000,000,000, not 0"),
        ({"name": "x", "count": 1.5}, "count must be a whole number from 1 to 1,000,000,000, not 1.5"),
        ({"name": "x", "count": True}, "count must be a whole number from 1 to 1,000,000,000, not True"),
        ({"name": "x", "count": 10**400}, "count must be .*, not a whole number of 1329 bits"),
        ({"name": "x", "share": math.nan}, "share must be a number from 0 to 1, not nan"),
        ({"name": "x", "share": math.inf}, "share must be a number from 0 to 1, not inf"),
        ({"name": "x", "share": -0.1}, "share must be a number from 0 to 1, not -0.1"),
        ({"name": "x", "share": 10**400}, "share must be a number from 0 to 1, not a whole number of 1329 bits"),
        ({"name": "x", "level": "middle"}, "level must be one of 'low', 'high', not 'middle'"),
        ({"name": "x", "size": [1]}, r"size must be a list of 2 values, not \[1\]"),
        ({"name": "x", "size": [1, "a"]}, r"size\[1\] must be a whole number, not 'a'"),
        ({"name": "x", "tags": []}, r"tags must be a list of 1 to 3 values, not \[\]"),
        ({"name": "x", "tags": ["a"] * 4}, "tags must be a list of 1 to 3 values, not"),
        ({"name": "x", "tags": ["a", ""]}, r"tags\[1\] must be a text of 1 to 255 characters, not ''"),
        ({"name": "x", "shape": {"side": 1}}, "shape lacks the key 'shape'"),
        ({"name": "x", "shape": {"shape": "ball"}}, "shape.shape must be one of 'square', 'box', not 'ball'"),
        ({"name": "x", "shape": {"shape": []}}, r"shape.shape must be one of 'square', 'box', not \[\]"),
        ({"name": "x", "shape": 3}, "shape must be a table, not 3"),
        ({"name": "x", "shape": {"shape": "square", "side": 11}}, "shape.side must be a number above 0 and up to 10"),
        ({"name": "x", "shape": {"shape": "box", "width": 1}}, "shape has no key 'width'; known: sides"),
        ({"name": "x", "shape": {"shape": "box", "sides": [2, 1]}}, "shape.sides must be the shorter first"),
        ({"name": "x", "metrics": {"a": 1, "b": math.nan}}, "metrics.b must be a number, not nan"),
        ({"name": "x", "metrics": {"a": 1, "b": "2"}}, "metrics.b must be a number, not '2'"),
        ({"name": "x", "shapes": [{"shape": "box"}, {"sides": [1, 99]}]}, r"shapes\[1\].sides\[1\] must be a number"),
        ({"name": "a\nb" * 100}, "name must be a text of 1 to 255 characters, not .a"),
        ({"name": "x", "a\nb\x1b": 1}, r"has no key 'a\\nb\\x1b'; known"),
    ],
)
def test_from_plain_faults_are_one_line_that_names_the_key(values: object, fault: str) -> None:
    with pytest.raises(DataError, match=fault) as caught:
        from_plain(Sheet, values, "sheet.json", DataError)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_from_plain_deep_nesting_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError, match="tags"):
        from_plain(Sheet, {"name": "x", "tags": deep}, "sheet.json")


def test_from_plain_complete_needs_every_field_but_those_that_may_be_none() -> None:
    whole = to_plain(Sheet(name="x", shapes=(Box(),)))
    assert from_plain(Sheet, {k: v for k, v in whole.items() if k not in ("size", "note")}, "s", complete=True)
    with pytest.raises(InputError, match=r"^s lacks the key 'count'"):
        from_plain(Sheet, {k: v for k, v in whole.items() if k != "count"}, "s", complete=True)
    with pytest.raises(InputError, match=r"^s: shapes\[0\] lacks the key 'sides'"):
        from_plain(Sheet, {**whole, "shapes": [{"shape": "box"}]}, "s", complete=True)


def test_record_is_checked_where_it_is_made() -> None:
    sheet = Sheet(name="x", size=[3, 4], share=1)  # type: ignore[arg-type]
    assert sheet.size == (3, 4)
    assert isinstance(sheet.share, float)
    with pytest.raises(RecordError, match=r"^size\[0\] must be a whole number, not '3'"):
        Sheet(name="x", size=("3", 4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^sides must be the shorter first"):
        Box(sides=(2, 1))
    with pytest.raises(RecordError, match=r"^count must be a whole number from 1"):
        replace(sheet, count=0)
    assert replace(sheet, count=2).count == 2


def test_record_survives_json(tmp_path: Path) -> None:
    sheet = Sheet(name="ä", shape=Box(), metrics={"a": 1.0}, size=(1, 2))
    write_record(tmp_path / "sheet.json", sheet)
    assert read_record(Sheet, tmp_path / "sheet.json") == sheet
    assert json.loads((tmp_path / "sheet.json").read_text())["shape"] == {"shape": "box", "sides": [1.0, 2.0]}
    first = (tmp_path / "sheet.json").read_bytes()
    write_record(tmp_path / "sheet.json", sheet)
    assert (tmp_path / "sheet.json").read_bytes() == first


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"name": NaN}', "is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "must be a table"),
    ],
)
def test_read_record_damaged_files_are_one_line(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "sheet.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=fault) as caught:
        read_record(Sheet, path, DataError)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_read_plain_missing_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="it is missing, or is not a file"):
        read_plain(tmp_path / "none.json")
    with pytest.raises(InputError, match="it is missing, or is not a file"):
        read_plain(tmp_path)
    (tmp_path / "large.json").write_bytes(b" " * 100)
    monkeypatch.setattr("sentio_mobile._internal.records.MAX_FILE_BYTES", 99)
    with pytest.raises(InputError, match="has 100 bytes, more than the 99 that are read"):
        read_plain(tmp_path / "large.json")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a = ", r"is no TOML \("),
        (b"a = 1\xff", r"is no TOML \("),
        (b"a = " + b"9" * 5000, "a whole number has too many digits"),
        (b"a = " + b"[" * 2000, "nested too deeply"),
        (b"a." * 300 + b"a = 1", "a line has more than 256 dots"),
        (b"a." * 50_000 + b"a = 1", "has 100,005 bytes, more than the 65,536 that are read"),
    ],
)
def test_read_toml_hostile_files_are_one_line(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=fault) as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)


def test_write_record_with_half_a_character_is_one_line(tmp_path: Path) -> None:
    for text in ("\ud800", "a note with a byte \udcff of a name"):
        with pytest.raises(RecordError, match="a text is no UTF-8, which JSON needs, near '") as caught:
            write_record(tmp_path / "x.json", {"note": text})
        assert "\n" not in str(caught.value)
        str(caught.value).encode()
    assert list(tmp_path.iterdir()) == []


def test_shown_values_are_short_and_on_one_line() -> None:
    assert shown("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert len(shown("x" * 10_000)) < 80
    assert len(shown(list(range(10_000)))) < 80
    assert shown(10**5000) == "a whole number of 16610 bits"
    assert shown([10**5000]) == "a list"


def test_json_schema_has_ranges() -> None:
    schema = json_schema(Sheet)
    assert schema["$defs"]["Sheet"]["properties"]["count"]["maximum"] == 10**9
    assert schema["$defs"]["Sheet"]["additionalProperties"] is False
