"""What a network may learn from: clips of a store, with labels or without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData


class Clips(Protocol):
    """Log-mels in unit levels on disk."""

    @property
    def mels(self) -> NDArray[np.float16]:
        """[rows, n_mels, n_frames], memory-mapped."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingSource:
    """Songs to learn from.

    Attributes:
        clips: where their log-mels are.
        windows: rows of each song's windows [songs, W].
        labels: valence and arousal of each window [songs, W, 2]; NaN where nobody has said.
        fingerprint: tells these songs from others.
        sides: for each song -1 where its valence or arousal is low, 1 where it is high [songs, 2], and 0 where that is
            not known either; None where it is known of none.
    """

    clips: Clips
    windows: NDArray[np.int64]
    labels: NDArray[np.float32]
    fingerprint: str
    sides: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.windows)


def labelled_source(data: PreparedData, split: str) -> TrainingSource:
    """The songs of one split.

    Raises:
        DataError: there is no such split.
    """
    songs = data.split(split)
    return TrainingSource(
        clips=data.store,
        windows=songs.windows,
        labels=songs.window_labels,
        fingerprint=f"{data.sheet.fingerprint} {split}",
    )


def unlabelled_source(synthetic: GanSamples) -> TrainingSource:
    """Made-up clips, without the labels that they were made for."""
    rows = np.arange(len(synthetic))[:, None]
    return TrainingSource(
        clips=synthetic,
        windows=rows,
        labels=np.full((len(rows), 1, 2), np.nan, dtype=np.float32),
        fingerprint=synthetic.fingerprint,
    )


@dataclass(frozen=True)
class GanMixture:
    """Made-up clips that take the turns of training songs: each with probability `share` in the first `epochs`."""

    clips: GanSamples
    share: float
    epochs: int

    @property
    def signature(self) -> str:
        """Tells this mixture from any other."""
        return f"{self.clips.fingerprint} {self.share} {self.epochs}"


@dataclass(frozen=True)
class ExtraData:
    """What training sees beside the training songs.

    Attributes:
        mixture: clips that take the turns of training songs.
        material: songs that have turns of their own.
        views: how many augmented versions there are of each clip, one an epoch in turn; 0 for a new one each epoch.
        signals: what a teacher said of a view of a song: of each the tensors that a step needs, by name.
    """

    mixture: GanMixture | None = None
    material: tuple[TrainingSource, ...] = ()
    views: int = 0
    signals: Callable[[int, int], Mapping[str, torch.Tensor]] | None = None

    @property
    def has_sides(self) -> bool:
        """Whether it is known of some songs on which side of neutral they are."""
        return any(songs.sides is not None for songs in self.material)

    @property
    def signature(self) -> list[str]:
        """Tells these from any others; what a teacher said follows from the rest."""
        mixed = [] if self.mixture is None else [self.mixture.signature]
        return [
            *mixed,
            *(songs.fingerprint for songs in self.material),
            *([f"views {self.views}"] if self.views else []),
        ]


NO_EXTRA_DATA = ExtraData()
