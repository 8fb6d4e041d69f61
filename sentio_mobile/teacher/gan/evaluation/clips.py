"""The clips that are compared, real or made up, without reading them all into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Spectrograms with the labels that they have, or were asked for.

    Attributes:
        what: what pages and messages call them.
        mels: unit levels [rows, bands, frames], in memory or on disk.
        rows: of each clip in `mels` [n].
        labels: valence and arousal of each clip [n, 2].
        names: of each clip.
        groups: clips of one group are alike; made-up ones are groups of their own.
    """

    what: str
    mels: NDArray[np.floating]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    names: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> NDArray[np.float32]:
        """Unit levels of one clip [bands, frames]."""
        return np.asarray(self.mels[self.rows[i]], dtype=np.float32)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[i] for i in range(len(self)))

    def part(self, chosen: NDArray[np.int64]) -> Clips:
        """Some of the clips, by their indices."""
        names, groups = (tuple(x[i] for i in chosen) for x in (self.names, self.groups))
        return replace(self, rows=self.rows[chosen], labels=self.labels[chosen], names=names, groups=groups)


def real_clips(data: PreparedData, split: str) -> Clips:
    """The songs of a split, each by the window that is evaluated.

    Raises:
        DataError: there is no such split.
    """
    songs = data.split(split)
    return Clips(
        what=f"{split} songs",
        mels=data.mels,
        rows=songs.rows,
        labels=songs.labels,
        names=songs.song_ids,
        groups=songs.groups,
    )


def real_windows(data: PreparedData, split: str) -> Clips:
    """Every window of the songs of a split: all that a network that learnt from it has seen.

    Raises:
        DataError: there is no such split.
    """
    songs = data.split(split)
    rows, first = np.unique(songs.windows, return_index=True)
    song = first // songs.windows.shape[1]
    return Clips(
        what=f"windows of {split} songs",
        mels=data.mels,
        rows=rows,
        labels=songs.window_labels.reshape(-1, 2)[first],
        names=tuple(songs.song_ids[i] for i in song),
        groups=tuple(songs.groups[i] for i in song),
    )


def made_clips(what: str, mels: NDArray[np.floating], labels: NDArray[np.float32]) -> Clips:
    """Clips that no song stands behind.

    Args:
        what: what pages and messages call them.
        mels: unit levels [n, bands, frames].
        labels: the valence and arousal that each was asked for [n, 2].

    Raises:
        DataError: the labels are not as many, or not in [-1, 1].
    """
    if labels.shape != (len(mels), 2) or not (np.abs(labels) <= 1).all():
        raise DataError(
            f"{what}: {len(mels)} clips need as many labels of valence and arousal in [-1, 1]; make it again"
        )
    names = tuple(f"sample {i}" for i in range(len(mels)))
    return Clips(
        what=what,
        mels=mels,
        rows=np.arange(len(mels)),
        labels=np.asarray(labels, dtype=np.float32),
        names=names,
        groups=names,
    )
