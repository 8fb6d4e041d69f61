"""The songs of one split, one by one, read from the memory-mapped store.

What is drawn at random hangs on the seed, the epoch and the song alone. A run that was killed, and one that is spread
over several processes, therefore see what an uninterrupted run in one process sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.augment import augment
from sentio_mobile.data.prepared import PreparedData, Split
from sentio_mobile.data.synthetic import Synthetic
from sentio_mobile.errors import TrainingError
from sentio_mobile.recipes import TrainingSettings
from sentio_mobile.spec import ModelSpec

Batch = tuple[torch.Tensor, torch.Tensor]
Turn = tuple[int, int]
"""An epoch, and a song of it."""
_Clip = tuple[NDArray[np.float16], NDArray[np.float32]]


@dataclass(frozen=True)
class Mixture:
    """Made-up clips that take the turns of training songs: each with probability `share` in the first `epochs`."""

    clips: Synthetic
    share: float
    epochs: int

    @property
    def signature(self) -> str:
        """Tells this mixture from any other."""
        return f"{self.clips.fingerprint} {self.share} {self.epochs}"


class EvaluatedClips(Dataset[Batch]):
    """Log-mels in unit levels [clips, n_mels, n_frames] and labels [2] of each song.

    One clip, the evaluated window, or with `pooling` all windows; of a song that has fewer than others, some again.
    What worker processes get is a path, not the clips.
    """

    def __init__(self, data: PreparedData, split: Split, pooling: Literal["mean"] | None = None) -> None:
        self.split, self._store = split, data.store
        self._rows, self._labels = split.rows[:, None], split.labels
        if pooling is not None:
            self._rows, self._labels = split.windows, split.window_labels.mean(axis=1)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> Batch:
        mels = np.stack([np.asarray(self._store.mels[row], dtype=np.float32) for row in self._rows[i]])
        return torch.from_numpy(mels), torch.from_numpy(self._labels[i])


class TrainingClips(Dataset[Batch]):
    """The same of a window that is drawn anew in each epoch, or of a made-up clip in its place, and augmented."""

    def __init__(self, data: PreparedData, settings: TrainingSettings, mixture: Mixture | None = None) -> None:
        self.split, self.settings, self.mixture = data.split("train"), settings, mixture
        self._store, self._audio = data.store, data.audio

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, turn: Turn) -> Batch:
        epoch, song = turn
        random = np.random.default_rng((self.settings.seed, epoch, song))
        mel, label = self._made_up(epoch, random) or self._real(song, random)
        clip = torch.from_numpy(np.asarray(mel, dtype=np.float32))[None]
        return augment(clip, self._audio, self.settings.augment, random)[0], torch.from_numpy(label)

    def _real(self, song: int, random: np.random.Generator) -> _Clip:
        window = int(random.integers(self.split.windows.shape[1]))
        return self._store.mels[self.split.windows[song, window]], self.split.window_labels[song, window]

    def _made_up(self, epoch: int, random: np.random.Generator) -> _Clip | None:
        if self.mixture is None or epoch >= self.mixture.epochs or random.random() >= self.mixture.share:
            return None
        chosen = int(random.integers(len(self.mixture.clips)))
        return self.mixture.clips.mels[chosen], self.mixture.clips.labels[chosen]


class Turns(Sampler[Turn]):
    """All songs in an order that hangs on seed and epoch, dealt out to processes: a batch of all is one of one."""

    def __init__(self, songs: int, seed: int, process: int = 0, processes: int = 1) -> None:
        self.songs, self.seed, self.process, self.processes = songs, seed, process, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning says which epoch begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.songs // self.processes

    def __iter__(self) -> Iterator[Turn]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.songs)
        for song in order[self.process :: self.processes][: len(self)]:
            yield self.epoch, int(song)


class Songs(lightning.LightningDataModule):
    """Training songs in random order and full batches, validation songs in theirs, as many as a process shall have.

    Full batches, because batch normalization cannot take a batch of one.

    Raises:
        DataError: the songs have no labels.
        TrainingError: there are fewer training songs than a batch holds.
    """

    def __init__(
        self,
        data: PreparedData,
        settings: TrainingSettings,
        mixture: Mixture | None = None,
        pooling: Literal["mean"] | None = None,
    ) -> None:
        super().__init__()
        self.data, self.settings, self.mixture, self.pooling = data, settings, mixture, pooling
        songs, batch = len(data.split("train")), settings.batch_size
        if songs < batch:
            raise TrainingError(f"{songs} training songs do not fill a batch of {batch}; lower batch_size")

    def train_dataloader(self) -> DataLoader[Batch]:
        """This process' share of each batch.

        Raises:
            TrainingError: a batch cannot be shared out evenly.
        """
        assert self.trainer is not None
        process, processes = self.trainer.global_rank, self.trainer.world_size
        share, rest = divmod(self.settings.batch_size, processes)
        if rest:
            raise TrainingError(
                f"a batch of {self.settings.batch_size} cannot be shared by {processes} processes; "
                f"make batch_size a multiple of {processes}"
            )
        clips = TrainingClips(self.data, self.settings, self.mixture)
        turns = Turns(len(clips), self.settings.seed, process, processes)
        return DataLoader(clips, share, sampler=turns, drop_last=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """This process' share of the validation songs; none is looked at twice."""
        assert self.trainer is not None
        clips = EvaluatedClips(self.data, self.data.split("val"), self.pooling)
        mine = range(self.trainer.global_rank, len(clips), self.trainer.world_size)
        return DataLoader(Subset(clips, mine), batch_size=16)


def of_songs(model: nn.Module, clips: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """A model's answers for songs [songs, 2], the mean over each song's clips [songs, clips, n_mels, n_frames]."""
    answers = model(to_input_batch(clips.flatten(0, 1), spec))
    return answers.view(*clips.shape[:2], -1).mean(dim=1)


def ordered_loader(data: PreparedData, split: str, pooling: Literal["mean"] | None = None) -> DataLoader[Batch]:
    """The songs of one split in the order of the file, as `EvaluatedClips` has them.

    Raises:
        DataError: there is no such split.
    """
    return DataLoader(EvaluatedClips(data, data.split(split), pooling), batch_size=16)
