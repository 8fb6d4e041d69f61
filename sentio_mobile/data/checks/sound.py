"""One pass over the stored clips: damage, values that should not be there, silence, and a sketch of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.checks.fingerprint import sketch
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.data.prepared import PreparedData

_CHUNK = 32


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Rows of the store by what is wrong with them; and the sketches [clips, numbers] of the others, at `rows`.

    `read` gives the unit levels [bands, frames] of a row.
    """

    damaged: frozenset[int]
    not_numbers: frozenset[int]
    off_range: frozenset[int]
    silent: frozenset[int]
    rows: NDArray[np.int64]
    sketches: NDArray[np.float32]
    read: Callable[[int], NDArray[np.float32]]


def listen(data: PreparedData, listed: Iterable[ClipRow], progress: Progress) -> Sound:
    """Read every clip of a prepared folder once, a few at a time.

    Raises:
        DataError: the store cannot be read.
    """
    rows = np.unique(np.array([clip.row for clip in listed], dtype=np.int64))
    found: dict[str, set[int]] = {"damaged": set(), "not_numbers": set(), "off_range": set(), "silent": set()}
    good: list[NDArray[np.int64]] = []
    sketches: list[NDArray[np.float32]] = []
    progress.start("reading clips", len(rows))
    try:
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            found["damaged"].update(data.store.verify_rows(int(row) for row in chunk))
            mels = np.asarray(data.mels[chunk], dtype=np.float32)
            numbers = np.isfinite(mels).all(axis=(1, 2))
            with np.errstate(invalid="ignore"):
                inside = ((mels >= 0) & (mels <= 1)).all(axis=(1, 2))
                silent = mels.max(axis=(1, 2)) <= 0
            for name, wrong in (
                ("not_numbers", ~numbers),
                ("off_range", numbers & ~inside),
                ("silent", numbers & inside & silent),
            ):
                found[name].update(int(row) for row in chunk[wrong])
            usable = numbers & inside & ~silent
            good.append(chunk[usable])
            sketches.append(sketch(mels[usable], data.audio))
            progress.advance(len(chunk))
    finally:
        progress.finish()
    return Sound(
        **{name: frozenset(wrong) for name, wrong in found.items()},
        rows=np.concatenate(good),
        sketches=np.concatenate(sketches),
        read=lambda row: np.asarray(data.mels[row], dtype=np.float32),
    )
