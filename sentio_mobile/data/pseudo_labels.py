"""Pseudo-labels: a teacher's predictions for clips as a file, so that a teacher need not be a network.

A CSV with the columns clip, valence and arousal. `clip` is the checksum of the log-mel in the store, so that a
prediction belongs to what was played, whatever the song is called and wherever it is prepared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import Record, from_plain
from sentio_mobile._internal.shards import digest_of, read_shard, schema_of, shard_files
from sentio_mobile._internal.tables import write_table
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.songs import numbered_rows
from sentio_mobile.errors import DataError, LabelError

COLUMNS = ("clip", "valence", "arousal")


class PseudoLabel(Record, frozen=True, kw_only=True):
    """One row of the shards that `teacher label --engine ray` writes."""

    # checksum of the clip's log-mel in a store
    clip: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z", min_length=16, max_length=16)]
    valence: Annotated[float, Meta(ge=-1, le=1)]  # from -1, unpleasant, to 1, pleasant
    arousal: Annotated[float, Meta(ge=-1, le=1)]  # from -1, calm, to 1, energetic


@dataclass(frozen=True)
class PseudoLabels:
    """The pseudo-labels of clips.

    Attributes:
        path: File that they were read from.
        by_clip: Valence and arousal in [-1, 1] by the checksum of the clip.
        digest: SHA-256 of the file.
    """

    path: Path
    by_clip: Mapping[int, tuple[float, float]]
    digest: str

    def of(self, data: PreparedData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The pseudo-labels of clips, given by their rows in a prepared folder's store [...]: [..., 2].

        Raises:
            DataError: A clip has none.
        """
        labels = self.where_known(data, rows)
        if missing := int(np.isnan(labels).any(axis=-1).sum()):
            raise DataError(
                f"{self.path}: has no pseudo-label for {missing} of {rows.size} clips of {data.folder}; write them "
                "with `teacher ensemble --on`"
            )
        return labels

    def where_known(self, data: PreparedData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The same, with NaN for clips that have none."""
        return self.lookup(data.store.checksums[rows])

    def lookup(self, checksums: NDArray[np.uint64]) -> NDArray[np.float32]:
        """The pseudo-labels of clips, given by their checksums [...]: [..., 2], NaN for clips that have none."""
        unknown = (np.nan, np.nan)
        labels = [self.by_clip.get(int(checksum), unknown) for checksum in checksums.ravel()]
        return np.array(labels, dtype=np.float32).reshape(*checksums.shape, 2)


def write_pseudo_labels(path: Path, predictions: Iterable[tuple[int, float, float]]) -> None:
    """Write a teacher's predictions as pseudo-labels.

    Args:
        path: File to write.
        predictions: Checksum, valence and arousal of each clip.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = ((f"{clip:016x}", f"{valence:.6f}", f"{arousal:.6f}") for clip, valence, arousal in predictions)
    write_table(path, COLUMNS, rows)


def read_pseudo_labels(path: Path) -> PseudoLabels:
    """Read what `write_pseudo_labels` wrote, or a folder of shards that `teacher label --engine ray` wrote.

    Raises:
        LabelError: The file is missing, or a value in it is wrong.
        DataError: A shard is damaged, or holds something else.
    """
    if path.is_dir():
        return _read_shards(path)
    by_clip = {}
    for number, row in numbered_rows(path, COLUMNS):
        try:
            clip, values = int(row["clip"], 16), (float(row["valence"]), float(row["arousal"]))
        except ValueError as error:
            raise LabelError(f"{path}, row {number}: is no pseudo-label ({error}); write the file again") from error
        if not all(math.isfinite(value) and abs(value) <= 1 for value in values):
            raise LabelError(
                f"{path}, row {number}: pseudo-labels are from -1 to 1, not {values}; write the file again"
            )
        by_clip[clip] = values
    return PseudoLabels(path, by_clip, sha256(path))


def _read_shards(folder: Path) -> PseudoLabels:
    by_clip = {}
    files = shard_files(folder)
    for file in files:
        for row in read_shard(file, str(file), schema_of(PseudoLabel)).to_pylist():
            label = from_plain(PseudoLabel, row, str(file), DataError, complete=True)
            by_clip[int(label.clip, 16)] = (label.valence, label.arousal)
    return PseudoLabels(folder, by_clip, digest_of([sha256(file) for file in files]))
