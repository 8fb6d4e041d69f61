"""What a GAN learns from, batch by batch. Draws hang on the seed and the place in the schedule alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import TrainingError
from sentio_mobile.spec import AudioSpec, DataOrigin
from sentio_mobile.teacher.gan.classes import ClassSounds
from sentio_mobile.teacher.gan.config import GanTraining
from sentio_mobile.teacher.gan.vicinity import Exact, Near, vicinity_of

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Real clips in unit levels [batch, bands, frames], the labels that the discriminator is told, those asked for."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Clips with labels as the networks read them.

    Attributes:
        mels: unit levels [rows, bands, frames], in memory or on disk.
        rows: of each clip in `mels` [n].
        labels: valence and arousal [n, 2], or 1 at the class and 0 elsewhere [n, classes].
        audio: the front end.
        classes: their names; empty for valence and arousal.
        origin: what a checkpoint must say about them, with a `fingerprint` that tells them from others.
    """

    mels: NDArray[np.floating]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    audio: AudioSpec
    classes: tuple[str, ...]
    origin: DataOrigin

    def __len__(self) -> int:
        return len(self.rows)


def songs(data: PreparedData) -> Examples:
    """Every window of every training song.

    Raises:
        DataError: the songs have no labels.
    """
    train = data.split("train")
    rows, first = np.unique(train.windows.reshape(-1), return_index=True)
    labels = train.window_labels.reshape(-1, 2)[first]
    return Examples(mels=data.mels, rows=rows, labels=labels, audio=data.audio, classes=(), origin=data.origin)


def sounds(found: ClassSounds) -> Examples:
    """Every sound of every class."""
    labels = np.eye(len(found.names), dtype=np.float32)[found.labels]
    origin = DataOrigin(labels="classes", source=str(found.paths[0].parents[1]), fingerprint=found.fingerprint)
    return Examples(
        mels=found.mels,
        rows=np.arange(len(found)),
        labels=labels,
        audio=found.audio,
        classes=found.names,
        origin=origin,
    )


class Batches(Dataset[Batch]):
    """Batches, each told by its epoch and step."""

    def __init__(self, examples: Examples, settings: GanTraining) -> None:
        self.examples, self.settings = examples, settings
        if len(examples) < settings.batch_size:
            raise TrainingError(
                f"{len(examples)} training clips do not fill a batch of {settings.batch_size}; lower batch_size"
            )
        self.vicinity: Exact | Near = (
            Exact(examples.labels) if examples.classes else vicinity_of(settings.vicinity, examples.labels)
        )

    def __getitem__(self, place: tuple[int, int]) -> Batch:
        drawn = self.vicinity.draw(self.settings.batch_size, np.random.default_rng((self.settings.seed, *place)))
        mels = np.asarray(self.examples.mels[self.examples.rows[drawn.songs]], dtype=np.float32)
        return torch.from_numpy(mels), torch.from_numpy(drawn.labels), torch.from_numpy(drawn.asked)


class StepSampler(Sampler[tuple[int, int]]):
    """The steps of one epoch."""

    def __init__(self, steps: int) -> None:
        self.steps, self.epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning says which epoch begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self.epoch, step) for step in range(self.steps))


def loader(examples: Examples, settings: GanTraining) -> DataLoader[Batch]:
    """The batches of one epoch after the other.

    Raises:
        TrainingError: there are fewer clips than a batch holds.
    """
    return DataLoader(Batches(examples, settings), batch_size=None, sampler=StepSampler(settings.steps))
