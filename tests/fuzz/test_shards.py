"""The door of shards: Parquet files of many workers, with bytes, footers, columns and types changed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.cases import any_bytes, changed_json
from fuzz.harness import attempt, watched
from hypothesis import given
from hypothesis import strategies as st
from probes import SIZE, toy_info

from sentio_mobile._internal.shards import ShardSheet, encode_shard, read_sheet, schema_of, shard_files
from sentio_mobile.data.pseudo_labels import PseudoLabel, read_pseudo_labels
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddingsSheet, read_clip_embeddings
from sentio_mobile.models.encoders.embedding_shards import FOOTER, embedding_row, embedding_schema

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

KEYS = ("a" * 64, "b" * 64)
ENCODER = ClipEmbeddingsSheet(encoder=toy_info(), tag_names=())


def embeddings() -> Any:
    rows = [embedding_row(i, np.full((3, SIZE), i / 4, np.float16), None) for i in range(4)]
    return pa.Table.from_pylist(rows, schema=embedding_schema())


def labels() -> Any:
    rows = [{"clip": f"{i:016x}", "valence": i / 10, "arousal": -i / 10} for i in range(4)]
    return pa.Table.from_pylist(rows, schema=schema_of(PseudoLabel))


SHEETS = {
    "embeddings": ShardSheet(stage="embed", digest="d" * 64, keys=KEYS, faults=()),
    "labels": ShardSheet(stage="label", digest="d" * 64, keys=KEYS, faults=("x.wav: is damaged",)),
}
TABLES = {"embeddings": embeddings, "labels": labels}
READERS = {"embeddings": read_clip_embeddings, "labels": read_pseudo_labels}


def right(kind: str) -> bytes:
    return encode_shard(TABLES[kind](), SHEETS[kind], {FOOTER: ENCODER} if kind == "embeddings" else None)


def use(kind: str, content: bytes, place: Path) -> None:
    """Read a shard's footer, as a run that goes on does, and all rows of its folder."""
    folder = place / "shards"
    folder.mkdir(exist_ok=True)
    path = folder / "part-0.parquet"
    path.write_bytes(content)
    attempt("shards", lambda: read_sheet(str(path), str(path)), place)
    attempt("shards", lambda: READERS[kind](folder), place)


@pytest.mark.parametrize("kind", READERS)
def test_right_shards_are_read(kind: str, place: Path) -> None:
    use(kind, right(kind), place)
    assert shard_files(place / "shards")
    assert READERS[kind](place / "shards") is not None


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_any_bytes_as_a_shard_are_read_or_one_error(kind: str, data: st.DataObject, place: Path) -> None:
    use(kind, data.draw(any_bytes((right("embeddings"), right("labels")))), place)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_changed_footer_of_a_shard_is_read_or_one_error(kind: str, data: st.DataObject, place: Path) -> None:
    table = pq.read_table(io.BytesIO(right(kind)))
    metadata: dict[bytes, bytes] = dict(table.schema.metadata)
    name = data.draw(st.sampled_from(sorted(metadata)))
    how = data.draw(st.sampled_from(("change", "change", "bytes", "leave out", "none")))
    if how == "change":
        metadata[name] = json.dumps(data.draw(changed_json(json.loads(metadata[name])))).encode()
    elif how == "bytes":
        metadata[name] = data.draw(any_bytes((metadata[name],)))
    elif how == "leave out":
        del metadata[name]
    use(kind, written(table.replace_schema_metadata(None if how == "none" else metadata)), place)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_changed_columns_of_a_shard_are_read_or_one_error(kind: str, data: st.DataObject, place: Path) -> None:
    table = pq.read_table(io.BytesIO(right(kind)))
    metadata = table.schema.metadata
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, table.num_columns - 1))
        name, count = table.column_names[at], table.num_rows
        how = data.draw(st.sampled_from(("values", "values", "values", "leave out", "double", "name", "rows")))
        if how == "values":
            table = table.set_column(at, name, data.draw(columns(count)))
        elif how == "leave out" and table.num_columns > 1:
            table = table.remove_column(at)
        elif how == "double":
            table = table.append_column(name, table.column(at))
        elif how == "name":
            table = table.rename_columns([*table.column_names[:at], "x\x1b[31m\n", *table.column_names[at + 1 :]])
        elif how == "rows":
            table = table.slice(0, data.draw(st.integers(0, count)))
    use(kind, written(table.replace_schema_metadata(metadata)), place)


@pytest.mark.parametrize("kind", READERS)
def test_footer_with_half_a_character_is_refused(kind: str, place: Path) -> None:
    table = pq.read_table(io.BytesIO(right(kind)))
    metadata = {name: content.replace(b'"stage"', b'"\\ud800"') for name, content in table.schema.metadata.items()}
    metadata = {name: content.replace(b'"encoder"', b'"\\ud800"') for name, content in metadata.items()}
    use(kind, written(table.replace_schema_metadata(metadata)), place)


def columns(count: int) -> st.SearchStrategy[Any]:
    """Columns of other types and values."""
    made = [
        pa.nulls(count),
        pa.array([None] * count, pa.list_(pa.float16())),
        pa.array(["x"] * count),
        pa.array([b"\xff"] * count),
        pa.array([2**63] * count, pa.uint64()),
        pa.array([-1] * count, pa.int32()),
        pa.array([0] * count, pa.int32()),
        pa.array([3] * count, pa.int64()),
        pa.array([2.0] * count),
        pa.array([float("nan")] * count),
        pa.array([True] * count),
        pa.array([[]] * count, pa.list_(pa.float16())),
        pa.array([[1.0]] * count, pa.list_(pa.float64())),
        pa.array([[float("nan")] * 18] * count, pa.list_(pa.float16())),
        pa.array([[None] * 18] * count, pa.list_(pa.float16())),
        pa.array([[[1]]] * count),
        pa.array([{"a": 1}] * count),
        pa.array([["x"]] * count),
        pa.array(["00000000000000zz"] * count),
        pa.array(["0" * 5000] * count),
    ]
    return st.sampled_from(made)


def written(table: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


@pytest.mark.parametrize("kind", READERS)
def test_shard_that_unpacks_to_gigabytes_is_refused_without_their_memory(
    kind: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value many times takes a few kilobytes in Parquet. Here the limit is a hundredth of the real one."""
    monkeypatch.setattr("sentio_mobile._internal.shards.MAX_BYTES", 1024**3 // 100)
    if kind == "embeddings":
        rows = 200
        # Two bytes for each of the values.
        values = pa.concat_arrays([pa.array([[0.0] * 30_000], pa.list_(pa.float16()))] * rows)
        none = pa.array([None] * rows, pa.list_(pa.float16()))
        columns = [pa.array(range(rows), pa.uint64()), pa.array([1] * rows, pa.int32()), values, none]
    else:
        rows = 1_200
        columns = [pa.array(["0" * 10_000] * rows), pa.array([0.5] * rows), pa.array([0.5] * rows)]
    content = encode_shard(pa.table(columns, schema=TABLES[kind]().schema), SHEETS[kind], {FOOTER: ENCODER})
    assert len(content) < 1_000_000
    (place / "shards").mkdir(exist_ok=True)
    (place / "shards" / "part-0.parquet").write_bytes(content)
    del columns
    with pytest.raises(DataError, match="once unpacked"):
        attempt_or_raise(kind, place)


def attempt_or_raise(kind: str, place: Path) -> None:
    """As `attempt`, but the error is passed on."""
    with watched(place):
        READERS[kind](place / "shards")
