"""The music that a student is pretrained on: every stored window is a clip, and whole groups of songs are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import lightning
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, Split
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.errors import DataError, TrainingError
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.spec import AudioSpec, DataOrigin
from sentio_mobile.training.clips import Batch, SourceClips
from sentio_mobile.training.config import AugmentSettings, TrainingSettings
from sentio_mobile.training.datamodule import EVALUATION_BATCH, training_loader
from sentio_mobile.training.sources import TrainingSource, WindowEmbeddings, with_embeddings

MIN_HELD_OUT = 2
"""Fewest clips that are held out: the variance of one clip is not defined."""


@dataclass(frozen=True, kw_only=True)
class Music:
    """Music for pretraining.

    Attributes:
        train: The clips that are learned, folder by folder; each is a song of one window.
        held_out: The clips that are measured on.
    """

    train: tuple[TrainingSource, ...]
    held_out: tuple[TrainingSource, ...]

    @property
    def n_train(self) -> int:
        """Number of clips that are learned."""
        return sum(map(len, self.train))

    @property
    def n_held_out(self) -> int:
        """Number of clips that are held out."""
        return sum(map(len, self.held_out))

    @property
    def embeddings(self) -> tuple[WindowEmbeddings, ...]:
        """The embeddings of the clips that are learned, as far as there are some."""
        return tuple(source.embeddings for source in self.train if source.embeddings is not None)

    @property
    def signature(self) -> list[str]:
        """Identifies the clips, what is known of them, and the split."""
        return [f"{source.fingerprint} {len(source)}" for source in (*self.train, *self.held_out)]

    def steps_per_epoch(self, settings: TrainingSettings) -> int:
        """Optimizer steps of one epoch.

        Raises:
            TrainingError: The clips do not fill a batch.
        """
        if self.n_train < settings.batch_size:
            raise TrainingError(
                f"{self.n_train} clips do not fill a batch of {settings.batch_size}; add music, or lower batch_size"
            )
        return max(1, self.n_train // settings.batch_size // settings.accumulate)


def split_music(
    folders: Sequence[PreparedData],
    embeddings: Sequence[ClipEmbeddings],
    pseudo_labels: PseudoLabels | None,
    *,
    held_out: float,
    seed: int,
) -> Music:
    """Split the clips of prepared folders, by groups of songs.

    A group that is in several folders is held out in all of them, and so is a clip that is.

    Args:
        folders: Prepared folders. Of one with labels, the training songs are used.
        embeddings: Files of embeddings of all the clips; empty if an encoder hears them in training.
        pseudo_labels: Pseudo-labels of all the clips.
        held_out: Share of the clips to hold out.
        seed: Random seed of the split.

    Raises:
        DataError: Folders have different front ends, or clips have no embeddings or pseudo-labels.
        TrainingError: There are too few groups of songs to hold one out.
    """
    first = folders[0]
    for data in folders[1:]:
        if data.audio.log_mel != first.audio.log_mel:
            raise DataError(
                f"{data.folder}: has another front end than {first.folder} was prepared with; prepare both for the "
                "same one"
            )
    sources, groups = zip(*(_clips(data, embeddings, pseudo_labels) for data in folders), strict=True)
    apart = _groups_apart(np.concatenate(groups), held_out, seed)
    is_held_out = [np.isin(names, apart) for names in groups]
    checksums = [data.store.checksums[source.windows[:, 0]] for data, source in zip(folders, sources, strict=True)]
    heard = np.concatenate([found[mask] for found, mask in zip(checksums, is_held_out, strict=True)])
    return Music(
        train=_parts(sources, [~mask & ~np.isin(c, heard) for mask, c in zip(is_held_out, checksums, strict=True)]),
        held_out=_parts(sources, is_held_out),
    )


def music_origin(music: Sequence[PreparedData]) -> DataOrigin:
    """What a checkpoint states about music whose labels, if there are any, were not used."""
    hashes = [data.sheet.fingerprint for data in music]
    return DataOrigin(
        labels="none",
        source=", ".join(data.sheet.source for data in music)[:4096],
        fingerprint=hashes[0] if len(music) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest(),
        songs={"unlabelled": sum(len(_songs_of(data)) for data in music)},
    )


class MusicDataModule(lightning.LightningDataModule):
    """Clips in random order and full batches, and the clips that are held out, as they are stored.

    Args:
        split: The clips.
        audio: Front end of the clips.
        settings: Training settings.

    Raises:
        TrainingError: Mixup is on, or embeddings are of different encoders.
    """

    def __init__(self, split: Music, audio: AudioSpec, settings: TrainingSettings) -> None:
        super().__init__()
        self.split = split
        self._train = SourceClips(split.train, audio, settings)
        unchanged = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
        self._held_out = SourceClips(split.held_out, audio, replace(settings, augment=unchanged))

    def train_dataloader(self) -> DataLoader[Batch]:
        """This process' share of each training batch."""
        assert self.trainer is not None
        return training_loader(self._train, self.trainer)

    def val_dataloader(self) -> DataLoader[Batch]:
        """This process' share of the clips that are held out, each of which is in exactly one share."""
        assert self.trainer is not None
        share = range(self.trainer.global_rank, len(self._held_out), self.trainer.world_size)
        return DataLoader(self._held_out, EVALUATION_BATCH, sampler=[(0, clip) for clip in share])


def _songs_of(data: PreparedData) -> Split:
    return data.split(UNLABELLED if UNLABELLED in data.splits else "train")


def _clips(
    data: PreparedData, embeddings: Sequence[ClipEmbeddings], pseudo_labels: PseudoLabels | None
) -> tuple[TrainingSource, NDArray[np.str_]]:
    """The clips of one folder, and the group of each."""
    songs = _songs_of(data)
    # Songs with fewer windows repeat theirs.
    windows, first = np.unique(songs.windows, return_index=True)
    groups = np.array(songs.groups)[first // songs.windows.shape[1]]
    windows = windows[:, None]
    labels = np.full((len(windows), 1, 2), np.nan, dtype=np.float32)
    fingerprint = f"{data.sheet.fingerprint} {songs.name} clips"
    if pseudo_labels is not None:
        labels = pseudo_labels.of(data, windows)
        fingerprint += f" {pseudo_labels.digest}"
    source = TrainingSource(log_mels=data.store, windows=windows, labels=labels, fingerprint=fingerprint)
    return with_embeddings(source, data, embeddings), groups


def _groups_apart(groups: NDArray[np.str_], share: float, seed: int) -> NDArray[np.str_]:
    """Groups in random order, as many as have about `share` of the clips; `groups` has the group of each clip."""
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    wanted = max(MIN_HELD_OUT, share * len(groups))
    count = 1 + int(np.searchsorted(np.cumsum(sizes[order]), wanted))
    if count >= len(names):
        raise TrainingError(
            f"{len(names)} groups of songs with {len(groups)} clips are too few to hold {share:.0%} out; add music"
        )
    return names[order[:count]]


def _parts(sources: Sequence[TrainingSource], masks: Sequence[NDArray[np.bool_]]) -> tuple[TrainingSource, ...]:
    """The clips of each source that its mask chooses; sources that have none are left out."""
    parts = []
    for source, mask in zip(sources, masks, strict=True):
        embeddings = source.embeddings
        if embeddings is not None:
            embeddings = replace(embeddings, rows=embeddings.rows[mask])
        part = replace(source, windows=source.windows[mask], labels=source.labels[mask], embeddings=embeddings)
        if len(part):
            parts.append(part)
    return tuple(parts)
