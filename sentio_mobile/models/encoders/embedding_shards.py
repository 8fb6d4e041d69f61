"""Embeddings of clips as Parquet shards that many workers wrote: their columns, and all of them as one.

clip        uint64: the clip's checksum.
steps       int32: number of time steps.
embeddings  list of float16: steps x size values, step by step.
tags        list of float16: steps x tags probabilities; null for encoders that know none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.shards import Schema, arrow, digest_of, footer_record, read_shard, shard_files
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, ClipEmbeddingsSheet, require_valid

FOOTER = "clips"
"""Name of the footer's record that says what the encoder is."""


def embedding_schema() -> Schema:
    """The columns."""
    pa = arrow("writing shards")
    values = pa.list_(pa.float16())
    columns = {"clip": pa.uint64(), "steps": pa.int32(), "embeddings": values, "tags": values}
    return pa.schema([pa.field(name, kind, nullable=name == "tags") for name, kind in columns.items()])


def embedding_row(clip: int, embeddings: NDArray[np.float16], tags: NDArray[np.float16] | None) -> Mapping[str, object]:
    """A row.

    Args:
        clip: Checksum of the clip.
        embeddings: float16 [steps, size].
        tags: float16 [steps, tags]; None without any.
    """
    return {
        "clip": clip,
        "steps": len(embeddings),
        "embeddings": embeddings.ravel(),
        "tags": None if tags is None else tags.ravel(),
    }


def read_embedding_shards(folder: Path) -> ClipEmbeddings:
    """Read all shards of a folder as the embeddings of clips.

    Raises:
        DataError: There is none, one is damaged or holds something else, or they do not fit each other.
        MissingExtraError: pyarrow is not installed.
    """
    clips: list[NDArray[np.uint64]] = []
    embeddings: list[NDArray[np.float16]] = []
    tags: list[NDArray[np.float16]] = []
    sheets: list[ClipEmbeddingsSheet] = []
    files = shard_files(folder)
    for file in files:
        table = read_shard(file, str(file), embedding_schema())
        sheet = footer_record(table.schema.metadata, ClipEmbeddingsSheet, str(file), FOOTER)
        if not table.num_rows:
            continue
        sheets.append(sheet)
        lengths = set(table.column("steps").to_pylist())
        if sheet != sheets[0] or len(lengths) > 1:
            raise DataError(f"{file}: has embeddings of another encoder or length than {files[0]}; make them again")
        clips.append(table.column("clip").to_numpy())
        widths = {"embeddings": sheet.encoder.size, "tags": len(sheet.tag_names)}
        for name, found in (("embeddings", embeddings), ("tags", tags)):
            values = table.column(name).combine_chunks().flatten().to_numpy(zero_copy_only=False)
            shape = (table.num_rows, min(lengths), widths[name])
            if name == "tags" and not len(values):
                continue
            if min(shape) < 1 or len(values) != np.prod(shape, dtype=object):
                raise DataError(f"{file}: has {len(values):,} values of {name}, not {shape}; make it again")
            found.append(np.asarray(values, dtype=np.float16).reshape(shape))
    if len({one.shape[1:] for one in embeddings}) != 1:
        raise DataError(f"{folder}: its clips have different numbers of embeddings, or none; make them again")
    tensors: dict[str, NDArray[Any]] = {
        "checksums": np.concatenate(clips).view(np.int64),
        "embeddings": np.concatenate(embeddings),
        **({"tags": np.concatenate(tags)} if tags else {}),
    }
    require_valid(folder, sheets[0], tensors, "make it again with `sentio-mobile teacher embed --engine ray`")
    return ClipEmbeddings(
        path=folder,
        info=sheets[0].encoder,
        checksums=tensors["checksums"].view(np.uint64),
        embeddings=tensors["embeddings"],
        tags=tensors.get("tags"),
        tag_names=sheets[0].tag_names,
        digest=digest_of([sha256(file) for file in files]),
    )
