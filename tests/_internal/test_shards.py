"""Shards: Parquet files that say which songs they have."""

import io
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pytest
from msgspec import Meta

from sentio_mobile._internal.records import Record
from sentio_mobile._internal.shards import (
    ShardSheet,
    digest_of,
    encode_shard,
    read_shard,
    read_sheet,
    schema_of,
    shard_files,
)
from sentio_mobile.errors import DataError


class Toy(Record, frozen=True, kw_only=True):
    name: Annotated[str, Meta(max_length=9)]
    count: int
    share: float | None
    side: Literal["left", "right"]
    pair: tuple[int, int]


SHEET = ShardSheet(stage="predict", digest="d" * 64, keys=("a" * 64, "b" * 64), faults=("b.wav: is empty",))
ROW = {"name": "a", "count": 3, "share": None, "side": "left", "pair": [1, 2]}


def shard() -> bytes:
    return encode_shard(pa.Table.from_pylist([ROW], schema=schema_of(Toy)), SHEET)


def test_shard_gives_back_its_rows_and_its_sheet() -> None:
    assert read_sheet(io.BytesIO(shard()), "here") == SHEET
    assert read_shard(io.BytesIO(shard()), "here", schema_of(Toy)).to_pylist() == [ROW]


def test_shard_made_twice_is_the_same_file() -> None:
    assert shard() == shard()


def test_schema_has_the_types_of_the_record() -> None:
    schema = schema_of(Toy)
    assert [str(field.type) for field in schema] == ["string", "int64", "double", "string", "list<item: int64>"]
    assert [field.nullable for field in schema] == [False, False, True, False, False]


def test_name_follows_from_songs_and_settings_alone() -> None:
    other = ShardSheet(stage="predict", digest="d" * 64, keys=SHEET.keys, faults=())
    assert other.name == SHEET.name
    assert ShardSheet(stage="predict", digest="e" * 64, keys=SHEET.keys, faults=()).name != SHEET.name
    assert ShardSheet(stage="predict", digest="d" * 64, keys=SHEET.keys[:1], faults=()).name != SHEET.name
    assert digest_of("a", None) == digest_of("a", None) != digest_of("a", 0)


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing more", shard()[:-40]])
def test_damaged_shard_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="here: cannot be read as Parquet"):
        read_sheet(io.BytesIO(content), "here")


def test_parquet_of_another_program_is_refused(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"a": [1]}), tmp_path / "part-1.parquet")
    with pytest.raises(DataError, match="is no shard of this program"):
        read_sheet(tmp_path / "part-1.parquet", "here")
    assert shard_files(tmp_path) == [tmp_path / "part-1.parquet"]
    with pytest.raises(DataError, match="holds no shard"):
        shard_files(tmp_path / "none")
