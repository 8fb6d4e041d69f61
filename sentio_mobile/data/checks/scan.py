"""One pass over the stored clips: damage, values out of range, silence, and acoustic fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.checks.fingerprint import fingerprints_of
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.data.prepared import PreparedData

_BATCH = 32
"""Clips that are read together."""


@dataclass(frozen=True, kw_only=True)
class ClipScan:
    """The clips of a prepared folder, after one reading.

    Attributes:
        damaged: Store rows whose content differs from its checksum.
        not_numbers: Store rows with values that are not finite.
        out_of_range: Store rows with values outside [0, 1].
        silent: Store rows without any sound.
        rows: Store rows of all other clips [clips].
        fingerprints: Acoustic fingerprints of those [clips, numbers].
        read: Returns the normalized log-mel [n_mels, n_frames] of a store row.
    """

    damaged: frozenset[int]
    not_numbers: frozenset[int]
    out_of_range: frozenset[int]
    silent: frozenset[int]
    rows: NDArray[np.int64]
    fingerprints: NDArray[np.float32]
    read: Callable[[int], NDArray[np.float32]]


def scan_clips(data: PreparedData, clips: Iterable[ClipRow], progress: Progress) -> ClipScan:
    """Read every clip of a prepared folder once, a few at a time.

    Raises:
        DataError: The store cannot be read.
    """
    rows = np.unique(np.array([clip.row for clip in clips], dtype=np.int64))
    found: dict[str, set[int]] = {"damaged": set(), "not_numbers": set(), "out_of_range": set(), "silent": set()}
    usable_rows: list[NDArray[np.int64]] = []
    fingerprints: list[NDArray[np.float32]] = []
    progress.start("reading clips", len(rows))
    try:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            found["damaged"].update(data.store.verify_rows(int(row) for row in batch))
            mels = np.asarray(data.mels[batch], dtype=np.float32)
            finite = np.isfinite(mels).all(axis=(1, 2))
            with np.errstate(invalid="ignore"):
                in_range = ((mels >= 0) & (mels <= 1)).all(axis=(1, 2))
                silent = mels.max(axis=(1, 2)) <= 0
            for name, affected in (
                ("not_numbers", ~finite),
                ("out_of_range", finite & ~in_range),
                ("silent", finite & in_range & silent),
            ):
                found[name].update(int(row) for row in batch[affected])
            usable = finite & in_range & ~silent
            usable_rows.append(batch[usable])
            fingerprints.append(fingerprints_of(mels[usable], data.audio))
            progress.advance(len(batch))
    finally:
        progress.finish()
    return ClipScan(
        **{name: frozenset(affected) for name, affected in found.items()},
        rows=np.concatenate(usable_rows),
        fingerprints=np.concatenate(fingerprints),
        read=lambda row: np.asarray(data.mels[row], dtype=np.float32),
    )
