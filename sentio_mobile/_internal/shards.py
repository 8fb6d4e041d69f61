"""Shards: Parquet files with the rows of a few songs each, written whole by one worker of many.

A shard's footer says which songs it has, by their content keys, and what the rows depend on besides. So a run that was
stopped reads footers to know what is left, and a shard that is made twice is the same file of the same name.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

from msgspec import Meta

from sentio_mobile._internal.record_messages import field_types
from sentio_mobile._internal.records import Record, Sha256, from_plain, to_plain
from sentio_mobile.errors import DataError, MissingExtraError

SUFFIX = ".parquet"
MAX_SONGS = 100_000
"""Songs of the largest shard."""

Stage = Literal["prepare", "embed", "label", "predict"]
Table: TypeAlias = Any
"""A `pyarrow.Table`."""
Schema: TypeAlias = Any
"""A `pyarrow.Schema`."""

MAX_BYTES = 1024**3
"""Bytes of the largest shard once it is unpacked: one value many times takes next to nothing in Parquet."""

_FOOTER = b"sentio_mobile"


class ShardSheet(Record, frozen=True, kw_only=True):
    """The footer of a shard."""

    stage: Stage  # what made it
    digest: Sha256  # hash of all that rows depend on but the songs: model, settings, version
    keys: Annotated[tuple[Sha256, ...], Meta(min_length=1, max_length=MAX_SONGS)]  # content key of each song
    # one line for each song without rows
    faults: Annotated[tuple[Annotated[str, Meta(max_length=16_384)], ...], Meta(max_length=MAX_SONGS)]

    @property
    def name(self) -> str:
        """The name of its file, which follows from the content."""
        return f"part-{digest_of(self.stage, self.digest, list(self.keys))[:24]}{SUFFIX}"


def digest_of(*parts: object) -> str:
    """A hash of plain values and records, as content keys and digests are."""
    return hashlib.sha256(json.dumps([to_plain(part) for part in parts], sort_keys=True).encode()).hexdigest()


def arrow(purpose: str) -> Any:
    """The package pyarrow with its Parquet module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "ray", purpose) from error


def schema_of(kind: type[Record]) -> Schema:
    """The columns of a record: texts, whole numbers, numbers and lists of them; None is null."""
    pa = arrow("writing shards")
    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}

    def column(of: Any) -> tuple[Any, bool]:
        origin, args = get_origin(of), get_args(of)
        if origin is Annotated:
            return column(args[0])
        if origin is Literal:
            return plain[type(args[0])], False
        if origin is tuple:
            return pa.list_(column(args[0])[0]), False
        if type(None) in args:
            return column(next(one for one in args if one is not type(None)))[0], True
        return plain[of], False

    columns = {name: column(of) for name, of in field_types(kind).items()}
    return pa.schema([pa.field(name, of, nullable=null) for name, (of, null) in columns.items()])


def encode_shard(table: Table, sheet: ShardSheet, more: Mapping[str, Record] | None = None) -> bytes:
    """The bytes of a shard's file.

    Args:
        table: The rows.
        sheet: Its footer.
        more: Further records in the footer, by name.
    """
    pa = arrow("writing shards")
    footer = {_FOOTER: sheet, **{name.encode(): record for name, record in (more or {}).items()}}
    metadata = {name: json.dumps(to_plain(record)).encode() for name, record in footer.items()}
    content = io.BytesIO()
    pa.parquet.write_table(table.replace_schema_metadata(metadata), content, compression="zstd")
    return content.getvalue()


def read_sheet(file: Any, where: str) -> ShardSheet:
    """Read the footer of a shard, and no row.

    Args:
        file: An open file, or a path.
        where: What messages call it.

    Raises:
        DataError: It is no shard, or damaged.
    """
    pa = arrow("reading shards")
    try:
        metadata = pa.parquet.read_metadata(file).metadata or {}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(where, error) from error
    return footer_record(metadata, ShardSheet, where)


def footer_record(metadata: Mapping[bytes, bytes] | None, kind: type[Any], where: str, name: str = "") -> Any:
    """A record from a shard's footer; without `name` the shard's own sheet.

    Raises:
        DataError: It is not there, or damaged.
    """
    try:
        values = json.loads((metadata or {})[name.encode() or _FOOTER])
    except (KeyError, ValueError, RecursionError) as error:
        raise DataError(f"{where}: is no shard of this program; give another folder, or remove the file") from error
    return from_plain(kind, values, where, DataError, complete=True)


def read_shard(file: Any, where: str, schema: Schema) -> Table:
    """Read a shard's rows, with the footer in the metadata of their schema.

    Args:
        file: An open file, or a path.
        where: What messages call it.
        schema: The columns that it must have.

    Raises:
        DataError: It cannot be read, has other columns, or would take more memory than `MAX_BYTES`.
    """
    pa = arrow("reading shards")
    try:
        columns = [(one.name, one.type) for one in pa.parquet.read_schema(file)]
        if columns != [(one.name, one.type) for one in schema]:
            raise DataError(f"{where}: has other columns than {', '.join(schema.names)}; give another folder")
        if hasattr(file, "seek"):
            file.seek(0)
        shard = open_parquet(file, where)
        table = shard.read()
        for i, one in enumerate(schema):
            found = table.column(i)
            if pa.types.is_dictionary(found.type):
                require_short(found.chunks, where)
                found = found.cast(found.type.value_type)
            if found.null_count and not one.nullable:
                raise DataError(f"{where}: a row has no {one.name}; make it again")
            table = table.set_column(i, one, found)
        return table
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(where, error) from error


def open_parquet(file: Any, where: str) -> Any:
    """Open a Parquet file of which no page is read yet. Texts come as dictionaries, each of them once.

    Args:
        file: An open file, or a path.
        where: What messages call it.

    Returns:
        A `pyarrow.parquet.ParquetFile`. Who reads its texts calls `require_short` before repeating them.

    Raises:
        DataError: It would take more memory than `MAX_BYTES`.
        OSError, ValueError, ArrowException: It cannot be read.
    """
    pa = arrow("reading Parquet")
    names = [one.name for one in pa.parquet.read_schema(file) if _is_text(one.type)]
    if hasattr(file, "seek"):
        file.seek(0)
    opened = pa.parquet.ParquetFile(file, read_dictionary=names)
    groups = [opened.metadata.row_group(i) for i in range(opened.metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    _require_small(max(2 * sum(c.num_values for c in columns), sum(c.total_uncompressed_size for c in columns)), where)
    return opened


def require_short(texts: Sequence[Any], where: str) -> None:
    """Refuse arrays of texts that would take more memory than `MAX_BYTES` once each is repeated.

    Raises:
        DataError: They would.
    """
    _require_small(sum(_longest(one.dictionary) * len(one) for one in texts), where)


def _is_text(kind: Any) -> bool:
    pa = arrow("reading shards")
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _longest(texts: Any) -> int:
    """Bytes of the longest text of an array."""
    compute = import_module("pyarrow.compute")
    return int(compute.max(compute.binary_length(texts)).as_py() or 0)


def _require_small(size: int, where: str) -> None:
    if size > MAX_BYTES:
        raise DataError(
            f"{where}: has {size:,} bytes once unpacked, more than the {MAX_BYTES:,} that are read; remove it"
        )


def shard_files(folder: Path) -> list[Path]:
    """The shards of a folder of this machine, by name.

    Raises:
        DataError: There is none.
    """
    if not (files := sorted(folder.glob(f"part-*{SUFFIX}"))):
        raise DataError(f"{folder}: holds no shard; give a folder that a command with --engine ray wrote")
    return files


def _damaged(where: str, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{where}: cannot be read as Parquet ({reason}); remove it, and give the command again")
