"""The songs of one split, one by one, read from the memory-mapped store.

What is drawn at random hangs on the seed, the epoch and the song alone. A run that was killed, and one that is spread
over several processes, therefore see what an uninterrupted run in one process sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData, Split
from sentio_mobile.errors import TrainingError
from sentio_mobile.spec import OUTPUTS, ModelSpec
from sentio_mobile.training.augment import augment
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.sources import NO_EXTRA_DATA, ExtraData, TrainingSource, labelled_source

FEWEST = 3
"""Validation songs that a concordance needs: with two, every straight line is perfect."""

Labelled = tuple[torch.Tensor, torch.Tensor]
EpochDraw = tuple[int, int]
"""An epoch, and a song of it."""
_Clip = tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32]]
"""A log-mel, its labels and its sides."""

_NO_SIDES = np.zeros(2, dtype=np.float32)


class Batch(NamedTuple):
    """What a training step is given.

    Attributes:
        units: log-mels in unit levels [clips, n_mels, n_frames].
        labels: valence and arousal [clips, 2]; NaN where nobody has said.
        sides: from -1, surely low, to 1, surely high [clips, 2]; 0 where nobody has said.
        signals: what a teacher said of them, by name; empty where none was asked before.
    """

    units: torch.Tensor
    labels: torch.Tensor
    sides: torch.Tensor
    signals: Mapping[str, torch.Tensor]


class EvaluatedClips(Dataset[Labelled]):
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

    def __getitem__(self, i: int) -> Labelled:
        mels = np.stack([np.asarray(self._store.mels[row], dtype=np.float32) for row in self._rows[i]])
        return torch.from_numpy(mels), torch.from_numpy(self._labels[i])


class TrainingClips(Dataset[Batch]):
    """Windows of songs, drawn anew in each epoch, augmented, and with mixup each mixed with another song's.

    Songs are numbered through: the training songs first, then those of each further material.
    """

    def __init__(self, data: PreparedData, settings: TrainingSettings, extras: ExtraData = NO_EXTRA_DATA) -> None:
        self.settings, self.extras = settings, extras
        self._audio = data.audio
        self._material = (labelled_source(data, "train"), *extras.material)
        self._ends = np.cumsum([len(songs) for songs in self._material])

    @property
    def material(self) -> list[str]:
        """Tells these songs from any others."""
        return [songs.fingerprint for songs in self._material]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, turn: EpochDraw) -> Batch:
        epoch, song = turn
        view = epoch % self.extras.views if self.extras.views else epoch
        units, labels, sides = self._augmented(view, song)
        strength = self.settings.augment.mixup
        if strength > 0:
            # Mixup, Zhang et al. 2018, equation 1. NaN, a label that nobody gave, stays one.
            random = np.random.default_rng((self.settings.seed, view, song, 1))
            share = float(random.beta(strength, strength))
            other = self._augmented(view, int(random.integers(len(self))))
            units, labels, sides = (
                share * mine + (1 - share) * theirs for mine, theirs in zip((units, labels, sides), other, strict=True)
            )
        return Batch(units, labels, sides, {} if self.extras.signals is None else self.extras.signals(view, song))

    def _augmented(self, view: int, song: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        random = np.random.default_rng((self.settings.seed, view, song))
        mel, label, sides = self._made_up(view, random) or self._real(song, random)
        clip = torch.from_numpy(np.asarray(mel, dtype=np.float32))[None]
        heard = augment(clip, self._audio, self.settings.augment, random)[0]
        return heard, torch.from_numpy(label), torch.from_numpy(sides)

    def _real(self, song: int, random: np.random.Generator) -> _Clip:
        part = int(np.searchsorted(self._ends, song, side="right"))
        songs: TrainingSource = self._material[part]
        place = song - int(self._ends[part]) + len(songs)
        window = int(random.integers(songs.windows.shape[1]))
        sides = _NO_SIDES if songs.sides is None else songs.sides[place]
        return songs.clips.mels[songs.windows[place, window]], songs.labels[place, window], sides

    def _made_up(self, epoch: int, random: np.random.Generator) -> _Clip | None:
        mixture = self.extras.mixture
        if mixture is None or epoch >= mixture.epochs or random.random() >= mixture.share:
            return None
        chosen = int(random.integers(len(mixture.clips)))
        return mixture.clips.mels[chosen], mixture.clips.labels[chosen], _NO_SIDES


class EpochSampler(Sampler[EpochDraw]):
    """All songs in an order that hangs on seed and epoch, dealt out to processes: a batch of all is one of one."""

    def __init__(self, songs: int, seed: int, process: int = 0, processes: int = 1) -> None:
        self.songs, self.seed, self.process, self.processes = songs, seed, process, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning says which epoch begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.songs // self.processes

    def __iter__(self) -> Iterator[EpochDraw]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.songs)
        for song in order[self.process :: self.processes][: len(self)]:
            yield self.epoch, int(song)


class SongDataModule(lightning.LightningDataModule):
    """Training songs in random order and full batches, validation songs in theirs, as many as a process shall have.

    Full batches, because batch normalization cannot take a batch of one.

    Raises:
        DataError: the songs have no labels.
        TrainingError: there are fewer training songs than a batch holds, or no epoch could be chosen by the validation
            songs: too few, or all with the same label.
    """

    def __init__(
        self,
        data: PreparedData,
        settings: TrainingSettings,
        extras: ExtraData = NO_EXTRA_DATA,
        pooling: Literal["mean"] | None = None,
    ) -> None:
        super().__init__()
        self.data, self.settings, self.extras, self.pooling = data, settings, extras, pooling
        songs, batch = len(data.split("train")), settings.batch_size
        if songs < batch:
            raise TrainingError(f"{songs} training songs do not fill a batch of {batch}; lower batch_size")
        _require_choice(data)

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
        clips = TrainingClips(self.data, self.settings, self.extras)
        turns = EpochSampler(len(clips), self.settings.seed, process, processes)
        return DataLoader(clips, share, sampler=turns, drop_last=True)

    def val_dataloader(self) -> DataLoader[Labelled]:
        """This process' share of the validation songs; none is looked at twice."""
        assert self.trainer is not None
        clips = EvaluatedClips(self.data, self.data.split("val"), self.pooling)
        mine = range(self.trainer.global_rank, len(clips), self.trainer.world_size)
        return DataLoader(Subset(clips, mine), batch_size=16)


def _require_choice(data: PreparedData) -> None:
    val = data.split("val")
    if len(val) < FEWEST:
        raise TrainingError(
            f"{data.folder}: has {len(val)} validation songs, and a CCC needs {FEWEST} or more; "
            "prepare with other --fractions"
        )
    for name, values in zip(OUTPUTS, val.labels.T, strict=True):
        if np.ptp(values) == 0:
            raise TrainingError(
                f"{data.folder}: all validation songs have the {name} {values[0]:.2f}, which leaves its CCC undefined; "
                "check the labels, or prepare with another --seed"
            )


def song_predictions(model: nn.Module, clips: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """A model's answers for songs [songs, 2], the mean over each song's clips [songs, clips, n_mels, n_frames]."""
    answers = model(to_input_batch(clips.flatten(0, 1), spec))
    return answers.view(*clips.shape[:2], -1).mean(dim=1)


def ordered_loader(data: PreparedData, split: str, pooling: Literal["mean"] | None = None) -> DataLoader[Labelled]:
    """The songs of one split in the order of the file, as `EvaluatedClips` has them.

    Raises:
        DataError: there is no such split.
    """
    return DataLoader(EvaluatedClips(data, data.split(split), pooling), batch_size=16)
