"""Embeddings, and tags, of the clips of prepared songs in one safetensors file: what probes and students learn from.

A clip is a stored window, known by the checksum of its log-mel, as in a file of pseudo-labels. So the embeddings belong
to what was played, whatever the song is called and wherever it is prepared.

checksums   int64 [clips]: the 64 bits of each clip's checksum.
embeddings  float16 [clips, time, size].
tags        float16 [clips, time, tags], probabilities; only of encoders that know tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import Name, Record
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.embeddings import read_tensors, write_tensors

_CHECKSUMS, _EMBEDDINGS, _TAGS = "checksums", "embeddings", "tags"

_AGAIN = "make it again with `sentio-mobile teacher embed`"


class ClipEmbeddingsSheet(Record, frozen=True, kw_only=True):
    """What a file of clips' embeddings says of itself."""

    encoder: EncoderInfo  # the encoder; hop_s is the time from one step of a clip to the next
    tag_names: Annotated[tuple[Name, ...], Meta(max_length=10_000)]  # names of the tags; empty without tags


@dataclass(frozen=True, kw_only=True)
class ClipEmbeddings:
    """The embeddings of clips.

    Attributes:
        path: File that they were read from.
        info: The encoder. Step t of a clip stands for `info.window_s` seconds from `t * info.hop_s` on.
        checksums: Checksum of each clip [clips], no two alike.
        embeddings: Embeddings [clips, time, info.size].
        tags: Probabilities of the tags, from 0 to 1 [clips, time, tags]; None if the encoder knows none.
        tag_names: Names of the tags.
        digest: SHA-256 of the file.
    """

    path: Path
    info: EncoderInfo
    checksums: NDArray[np.uint64]
    embeddings: NDArray[np.float16]
    tags: NDArray[np.float16] | None
    tag_names: tuple[str, ...]
    digest: str

    def rows_of(self, checksums: NDArray[np.uint64], where: Path) -> NDArray[np.int64]:
        """The row of each clip.

        Args:
            checksums: Checksums of clips [...], as a store has them.
            where: The prepared folder that they come from, for the message.

        Returns:
            Rows [...].

        Raises:
            DataError: A clip has no embeddings here.
        """
        rows = self.find_rows(checksums)
        if missing := int((rows < 0).sum()):
            raise DataError(
                f"{self.path}: has no embeddings of {missing} of {rows.size} clips of {where}; make them with "
                f"`sentio-mobile teacher embed --data {where} --music FOLDER --out {self.path} --force`"
            )
        return rows

    def find_rows(self, checksums: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each clip [...], and -1 for a clip without embeddings here. Checksums as in `rows_of`."""
        wanted = np.asarray(checksums, dtype=np.uint64)
        order, sorted_ = self._order
        at = np.minimum(np.searchsorted(sorted_, wanted), len(sorted_) - 1)
        return np.asarray(np.where(sorted_[at] == wanted, order[at], -1), dtype=np.int64)

    @cached_property
    def _order(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        order = np.argsort(self.checksums)
        return order, self.checksums[order]


def write_clip_embeddings(
    path: Path,
    *,
    info: EncoderInfo,
    checksums: NDArray[np.uint64],
    embeddings: NDArray[np.floating],
    tags: NDArray[np.floating] | None = None,
    tag_names: Sequence[str] = (),
) -> None:
    """Write the embeddings of clips, in half precision.

    Args:
        path: File to write.
        info: The encoder.
        checksums: Checksum of each clip [clips], no two alike.
        embeddings: Embeddings [clips, time, info.size].
        tags: Probabilities of the tags, from 0 to 1 [clips, time, tags].
        tag_names: Names of the tags.

    Raises:
        DataError: Shapes do not fit, a value is not finite or too large for half precision, a probability is out of
            its range, or a clip is there twice. Nothing is written.
        OutputError: The file cannot be written.
    """
    with np.errstate(over="ignore"):
        tensors: dict[str, NDArray[Any]] = {
            _CHECKSUMS: checksums.astype(np.uint64).view(np.int64),
            _EMBEDDINGS: embeddings.astype(np.float16),
        }
        if tags is not None:
            tensors[_TAGS] = tags.astype(np.float16)
    sheet = ClipEmbeddingsSheet(encoder=info, tag_names=tuple(tag_names))
    require_valid(path, sheet, tensors, "mend the encoder")
    write_tensors(path, "clips", sheet, tensors)


def read_clip_embeddings(path: Path) -> ClipEmbeddings:
    """Read what `write_clip_embeddings` wrote, or a folder of shards that `teacher embed --engine ray` wrote.

    Raises:
        DataError: The file is missing, damaged or another kind of file, or a value in it is wrong.
    """
    if path.is_dir():
        from sentio_mobile.models.encoders.embedding_shards import read_embedding_shards

        return read_embedding_shards(path)
    sheet, tensors = read_tensors(path, "clips", ClipEmbeddingsSheet, advice=_AGAIN)
    require_valid(path, sheet, tensors, _AGAIN)
    return ClipEmbeddings(
        path=path,
        info=sheet.encoder,
        checksums=tensors[_CHECKSUMS].view(np.uint64),
        embeddings=tensors[_EMBEDDINGS],
        tags=tensors.get(_TAGS),
        tag_names=sheet.tag_names,
        digest=sha256(path),
    )


def require_valid(path: Path, sheet: ClipEmbeddingsSheet, tensors: Mapping[str, NDArray[Any]], advice: str) -> None:
    """Refuse tensors that do not fit each other or their sheet, and values out of range."""

    def refuse(fault: str) -> DataError:
        return DataError(f"{path}: {fault}; {advice}")

    needed = {_CHECKSUMS, _EMBEDDINGS} | ({_TAGS} if sheet.tag_names else set())
    if tensors.keys() != needed:
        raise refuse(f"holds the tensors {_listed(tensors)}, not {_listed(needed)}")
    kinds = {_CHECKSUMS: np.dtype(np.int64), _EMBEDDINGS: np.dtype(np.float16), _TAGS: np.dtype(np.float16)}
    for name, value in tensors.items():
        if value.dtype != kinds[name]:
            raise refuse(f"{name} is of the type {value.dtype}, not {kinds[name]}")
    checksums, embeddings, tags = tensors[_CHECKSUMS], tensors[_EMBEDDINGS], tensors.get(_TAGS)
    if checksums.ndim != 1 or not len(checksums):
        raise refuse(f"checksums have the shape {checksums.shape}, not (clips,)")
    if embeddings.ndim != 3 or embeddings.shape != (len(checksums), max(1, embeddings.shape[1]), sheet.encoder.size):
        expected = f"({len(checksums)}, time, {sheet.encoder.size})"
        raise refuse(f"embeddings have the shape {embeddings.shape}, not {expected}")
    if len(np.unique(checksums)) < len(checksums):
        raise refuse("a clip is in it twice")
    if not np.isfinite(embeddings).all():
        raise refuse("an embedding is not finite, or is too large for half precision (65,504)")
    if tags is not None:
        if tags.shape != (*embeddings.shape[:2], len(sheet.tag_names)):
            raise refuse(f"tags have the shape {tags.shape}, not {(*embeddings.shape[:2], len(sheet.tag_names))}")
        # NaN fails the comparison too.
        if not ((tags >= 0) & (tags <= 1)).all():
            raise refuse("a tag's probability is not from 0 to 1")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "(none)"
