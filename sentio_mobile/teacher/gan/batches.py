"""Training clips of a GAN in batches. Draws depend on the seed, the epoch and the step alone."""

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
from sentio_mobile.teacher.gan.vicinity import ExactLabels, VicinalLabels, vicinity_of

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Normalized log-mels of real clips [batch, bands, frames], labels for the discriminator, labels for the generator."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Training clips with labels.

    Attributes:
        mels: Normalized log-mels [rows, bands, frames] in [0, 1], in memory or on disk.
        rows: Row of each clip in `mels` [n].
        labels: Valence and arousal [n, 2], or one-hot classes [n, classes].
        audio: Front end.
        classes: Names of the classes; empty for valence and arousal.
        origin: Origin of the clips, for checkpoints.
    """

    mels: NDArray[np.floating]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    audio: AudioSpec
    classes: tuple[str, ...]
    origin: DataOrigin

    def __len__(self) -> int:
        return len(self.rows)


def song_examples(data: PreparedData) -> Examples:
    """Every window of every training song, with its valence and arousal.

    Raises:
        DataError: The songs have no labels.
    """
    train = data.split("train")
    rows, first = np.unique(train.windows.reshape(-1), return_index=True)
    labels = train.window_labels.reshape(-1, 2)[first]
    return Examples(mels=data.mels, rows=rows, labels=labels, audio=data.audio, classes=(), origin=data.origin)


def class_examples(sounds: ClassSounds) -> Examples:
    """Every sound of every class."""
    return Examples(
        mels=sounds.mels,
        rows=np.arange(len(sounds)),
        labels=np.eye(len(sounds.names), dtype=np.float32)[sounds.labels],
        audio=sounds.audio,
        classes=sounds.names,
        origin=DataOrigin(labels="classes", source=str(sounds.paths[0].parents[1]), fingerprint=sounds.fingerprint),
    )


class GanDataset(Dataset[Batch]):
    """Batches by epoch and step."""

    def __init__(self, examples: Examples, settings: GanTraining) -> None:
        self.examples, self.settings = examples, settings
        if len(examples) < settings.batch_size:
            raise TrainingError(
                f"{len(examples)} training clips do not fill a batch of {settings.batch_size}; lower batch_size"
            )
        self.vicinity: ExactLabels | VicinalLabels = (
            ExactLabels(examples.labels) if examples.classes else vicinity_of(settings.vicinity, examples.labels)
        )

    def __getitem__(self, epoch_and_step: tuple[int, int]) -> Batch:
        random = np.random.default_rng((self.settings.seed, *epoch_and_step))
        drawn = self.vicinity.draw(self.settings.batch_size, random)
        mels = np.asarray(self.examples.mels[self.examples.rows[drawn.clips]], dtype=np.float32)
        return torch.from_numpy(mels), torch.from_numpy(drawn.labels), torch.from_numpy(drawn.generator_labels)


class StepSampler(Sampler[tuple[int, int]]):
    """Epoch and number of each step of an epoch."""

    def __init__(self, steps: int) -> None:
        self.steps, self.epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning when an epoch begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self.epoch, step) for step in range(self.steps))


def gan_loader(examples: Examples, settings: GanTraining) -> DataLoader[Batch]:
    """The loader of training batches.

    Raises:
        TrainingError: There are fewer clips than a batch holds.
    """
    return DataLoader(GanDataset(examples, settings), batch_size=None, sampler=StepSampler(settings.steps))
