"""Clips of training and validation songs, read one by one from the memory-mapped store.

All random numbers depend on the seed, the epoch and the song alone. A resumed run, or a run over several processes,
therefore sees the same clips as an uninterrupted run in one process.
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
from sentio_mobile.training.sources import NO_EXTRA_SOURCES, TrainingSource, TrainingSources, labelled_source

MIN_SONGS = 3
"""Smallest number of songs for which a CCC means something: any straight line fits two songs perfectly."""

EVALUATION_BATCH = 16

LabelledClips = tuple[torch.Tensor, torch.Tensor]
"""Normalized log-mels of a song's clips, and its label."""
SampleIndex = tuple[int, int]
"""An epoch, and the number of a song."""
_Clip = tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""A normalized log-mel, its label, its weak labels and its pseudo-label."""

_NO_WEAK_LABELS = np.zeros(2, dtype=np.float32)
_NO_PSEUDO_LABEL = np.full(2, np.nan, dtype=np.float32)


class Batch(NamedTuple):
    """A training batch.

    Attributes:
        log_mel: Augmented normalized log-mels [clips, n_mels, n_frames].
        labels: Valence and arousal [clips, 2] in [-1, 1]; NaN where there is no label.
        weak_labels: Weak labels [clips, 2] from -1 (surely low) to 1 (surely high); 0 where unknown.
        pseudo_labels: Predictions of a teacher that was read from a file [clips, 2]; NaN where there are none.
        teacher_outputs: Cached outputs of the teacher, by name; empty if there is no cache.
    """

    log_mel: torch.Tensor
    labels: torch.Tensor
    weak_labels: torch.Tensor
    pseudo_labels: torch.Tensor
    teacher_outputs: Mapping[str, torch.Tensor]


class EvaluatedClips(Dataset[LabelledClips]):
    """For each song of a split, normalized log-mels [clips, n_mels, n_frames] and its label [2].

    There is one clip per song, its evaluated window; with `pooling` all windows, some of them repeated for songs that
    have fewer windows than others. Worker processes receive the store's path, not its clips.
    """

    def __init__(self, data: PreparedData, split: Split, pooling: Literal["mean"] | None = None) -> None:
        self.split, self._store = split, data.store
        self._rows, self._labels = split.rows[:, None], split.labels
        if pooling is not None:
            self._rows, self._labels = split.windows, split.window_labels.mean(axis=1)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, song: int) -> LabelledClips:
        mels = np.stack([np.asarray(self._store.mels[row], dtype=np.float32) for row in self._rows[song]])
        return torch.from_numpy(mels), torch.from_numpy(self._labels[song])


class TrainingClips(Dataset[Batch]):
    """One window of each song per epoch, drawn at random, augmented, and mixed with another song if mixup is on.

    Songs are numbered consecutively: the training songs first, then those of each extra source.
    """

    def __init__(
        self, data: PreparedData, settings: TrainingSettings, sources: TrainingSources = NO_EXTRA_SOURCES
    ) -> None:
        self.settings, self.sources = settings, sources
        self._audio = data.audio
        self._songs = (labelled_source(data, "train"), *sources.extra)
        self._ends = np.cumsum([len(source) for source in self._songs])

    @property
    def fingerprints(self) -> list[str]:
        """Identify the songs, source by source."""
        return [source.fingerprint for source in self._songs]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: SampleIndex) -> Batch:
        epoch, song = index
        view = epoch % self.sources.views if self.sources.views else epoch
        clip = self._augmented(view, song)
        strength = self.settings.augment.mixup
        if strength > 0:
            # Mixup, Zhang et al. 2018, equation 1. A missing label (NaN) stays missing.
            random = np.random.default_rng((self.settings.seed, view, song, 1))
            share = float(random.beta(strength, strength))
            other = self._augmented(view, int(random.integers(len(self))))
            clip = tuple(share * a + (1 - share) * b for a, b in zip(clip, other, strict=True))
        log_mel, labels, weak_labels, pseudo_labels = clip
        cached = self.sources.teacher_outputs
        return Batch(log_mel, labels, weak_labels, pseudo_labels, {} if cached is None else cached(view, song))

    def _augmented(self, view: int, song: int) -> tuple[torch.Tensor, ...]:
        random = np.random.default_rng((self.settings.seed, view, song))
        log_mel, *labels = self._gan_sample(view, random) or self._window(song, random)
        clip = torch.from_numpy(np.asarray(log_mel, dtype=np.float32))[None]
        augmented = augment(clip, self._audio, self.settings.augment, random)[0]
        return augmented, *(torch.from_numpy(one) for one in labels)

    def _window(self, song: int, random: np.random.Generator) -> _Clip:
        number = int(np.searchsorted(self._ends, song, side="right"))
        source: TrainingSource = self._songs[number]
        row = song - int(self._ends[number]) + len(source)
        window = int(random.integers(source.windows.shape[1]))
        weak_labels = _NO_WEAK_LABELS if source.weak_labels is None else source.weak_labels[row]
        pseudo_label = (
            self.sources.pseudo_labels[number][row, window] if self.sources.pseudo_labels else _NO_PSEUDO_LABEL
        )
        return source.log_mels.mels[source.windows[row, window]], source.labels[row, window], weak_labels, pseudo_label

    def _gan_sample(self, epoch: int, random: np.random.Generator) -> _Clip | None:
        mixture = self.sources.gan_mixture
        if mixture is None or epoch >= mixture.epochs or random.random() >= mixture.share:
            return None
        sample = int(random.integers(len(mixture.samples)))
        return mixture.samples.mels[sample], mixture.samples.labels[sample], _NO_WEAK_LABELS, _NO_PSEUDO_LABEL


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

    def train_dataloader(self) -> DataLoader[Batch]:
        """This process' share of each training batch.

        Raises:
            TrainingError: A batch cannot be divided evenly among the processes.
        """
        assert self.trainer is not None
        process, processes = self.trainer.global_rank, self.trainer.world_size
        share, rest = divmod(self.settings.batch_size, processes)
        if rest:
            raise TrainingError(
                f"a batch of {self.settings.batch_size} cannot be shared by {processes} processes; "
                f"make batch_size a multiple of {processes}"
            )
        clips = TrainingClips(self.data, self.settings, self.sources)
        sampler = EpochSampler(len(clips), self.settings.seed, process=process, processes=processes)
        return DataLoader(clips, share, sampler=sampler, drop_last=True)

    def val_dataloader(self) -> DataLoader[LabelledClips] | list[DataLoader[LabelledClips]]:
        """This process' share of the validation songs, each of which is in exactly one share; no loader without any."""
        assert self.trainer is not None
        if not len(self.data.split("val")):
            return []
        clips = EvaluatedClips(self.data, self.data.split("val"), self.pooling)
        share = range(self.trainer.global_rank, len(clips), self.trainer.world_size)
        return DataLoader(Subset(clips, share), batch_size=EVALUATION_BATCH)


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
