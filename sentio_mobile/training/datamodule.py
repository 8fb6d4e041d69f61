"""Batches of training songs in random order, dealt out to the processes, and of validation songs in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import lightning
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, Subset

from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import TrainingError
from sentio_mobile.spec import OUTPUTS, ModelSpec
from sentio_mobile.training.clips import Batch, EvaluatedClips, LabelledClips, SampleIndex, SourceClips, TrainingClips
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.sources import NO_EXTRA_SOURCES, TrainingSources

MIN_SONGS = 3
"""Smallest number of songs for which a CCC means something: any straight line fits two songs perfectly."""

EVALUATION_BATCH = 16


class EpochSampler(Sampler[SampleIndex]):
    """All songs in an order that depends on seed and epoch, dealt out to the processes.

    The processes' batches together hold the songs of one batch of a single process.
    """

    def __init__(self, songs: int, seed: int, *, process: int = 0, processes: int = 1) -> None:
        self.songs, self.seed, self.process, self.processes = songs, seed, process, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.songs // self.processes

    def __iter__(self) -> Iterator[SampleIndex]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.songs)
        for song in order[self.process :: self.processes][: len(self)]:
            yield self.epoch, int(song)


class SongDataModule(lightning.LightningDataModule):
    """Training songs in random order and full batches, and validation songs in order.

    Batches are always full, because batch normalization fails on a batch of one clip.

    Args:
        data: Prepared songs.
        settings: Training settings.
        sources: What training draws from besides the training songs.
        pooling: Pooling of the model over the windows of a song.

    Raises:
        DataError: The songs have no labels.
        TrainingError: There are fewer training songs than a batch holds, or no epoch can be chosen by the validation
            songs, as `settings.keep` asks: they are too few, or all have the same label.
    """

    def __init__(
        self,
        data: PreparedData,
        settings: TrainingSettings,
        sources: TrainingSources = NO_EXTRA_SOURCES,
        pooling: Literal["mean"] | None = None,
    ) -> None:
        super().__init__()
        self.data, self.settings, self.sources, self.pooling = data, settings, sources, pooling
        songs, batch = len(data.split("train")), settings.batch_size
        if songs < batch:
            raise TrainingError(f"{songs} training songs do not fill a batch of {batch}; lower batch_size")
        if settings.keep == "best":
            _require_validation(data)

    @property
    def n_clips(self) -> int:
        """Number of clips that an epoch draws: one of each training song, and of each song of an extra source."""
        return len(self.data.split("train")) + sum(len(source) for source in self.sources.extra)

    def train_dataloader(self) -> DataLoader[Batch]:
        """This process' share of each training batch.

        Raises:
            TrainingError: A batch cannot be divided evenly among the processes.
        """
        assert self.trainer is not None
        return training_loader(TrainingClips(self.data, self.settings, self.sources), self.trainer)

    def val_dataloader(self) -> DataLoader[LabelledClips] | list[DataLoader[LabelledClips]]:
        """This process' share of the validation songs, each of which is in exactly one share; no loader without any."""
        assert self.trainer is not None
        if not len(self.data.split("val")):
            return []
        clips = EvaluatedClips(self.data, self.data.split("val"), self.pooling)
        share = range(self.trainer.global_rank, len(clips), self.trainer.world_size)
        return DataLoader(Subset(clips, share), batch_size=EVALUATION_BATCH)


def training_loader(clips: SourceClips, trainer: lightning.Trainer) -> DataLoader[Batch]:
    """One process' share of each batch of `clips`, in random order.

    Raises:
        TrainingError: A batch cannot be divided evenly among the processes.
    """
    settings, processes = clips.settings, trainer.world_size
    share, rest = divmod(settings.batch_size, processes)
    if rest:
        raise TrainingError(
            f"a batch of {settings.batch_size} cannot be shared by {processes} processes; "
            f"make batch_size a multiple of {processes}"
        )
    sampler = EpochSampler(len(clips), settings.seed, process=trainer.global_rank, processes=processes)
    return DataLoader(clips, share, sampler=sampler, drop_last=True)


def song_predictions(model: nn.Module, clips: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Predict songs: the mean of the predictions for each song's clips.

    Args:
        model: The network.
        clips: Normalized log-mels [songs, clips, n_mels, n_frames].
        spec: The model's spec.

    Returns:
        Valence and arousal [songs, 2].
    """
    predictions = model(to_input_batch(clips.flatten(0, 1), spec))
    return predictions.view(*clips.shape[:2], -1).mean(dim=1)


def ordered_loader(data: PreparedData, split: str, pooling: Literal["mean"] | None = None) -> DataLoader[LabelledClips]:
    """The songs of one split in the order of the file.

    Raises:
        DataError: There is no such split.
    """
    return DataLoader(EvaluatedClips(data, data.split(split), pooling), batch_size=EVALUATION_BATCH)


def _require_validation(data: PreparedData) -> None:
    val = data.split("val")
    if len(val) < MIN_SONGS:
        raise TrainingError(
            f"{data.folder}: has {len(val)} validation songs, and a CCC needs {MIN_SONGS} or more; "
            "prepare with other --fractions"
        )
    for name, values in zip(OUTPUTS, val.labels.T, strict=True):
        if np.ptp(values) == 0:
            raise TrainingError(
                f"{data.folder}: all validation songs have the {name} {values[0]:.2f}, which leaves its CCC undefined; "
                "check the labels, or prepare with another --seed"
            )
