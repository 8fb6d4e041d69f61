"""The clips that are compared, real or generated, without reading all of them into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.gan_samples import OLD_SHEET, SHEET, open_gan_samples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError, InputError

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Log-mels with their labels, or with the labels that they were generated for.

    Attributes:
        name: What pages and messages call the set.
        mels: Normalized log-mels [rows, bands, frames] in [0, 1], in memory or on disk.
        rows: Row of each clip in `mels` [n].
        labels: Valence and arousal of each clip [n, 2] in [-1, 1].
        clip_names: Name of each clip.
        groups: Group of each clip. Clips of one group are alike; each generated clip is a group of its own.
    """

    name: str
    mels: NDArray[np.floating]
    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    clip_names: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> NDArray[np.float32]:
        """The normalized log-mel of one clip [bands, frames]."""
        return np.asarray(self.mels[self.rows[i]], dtype=np.float32)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[i] for i in range(len(self)))

    def subset(self, indices: NDArray[np.int64]) -> Clips:
        """Some of the clips, by index."""
        clip_names, groups = (tuple(values[i] for i in indices) for values in (self.clip_names, self.groups))
        return replace(self, rows=self.rows[indices], labels=self.labels[indices], clip_names=clip_names, groups=groups)


def real_clips(data: PreparedData, split: str) -> Clips:
    """The songs of a split, each by the window that evaluations use.

    Raises:
        DataError: There is no such split.
    """
    songs = data.split(split)
    return Clips(
        name=f"{split} songs",
        mels=data.mels,
        rows=songs.rows,
        labels=songs.labels,
        clip_names=songs.song_ids,
        groups=songs.groups,
    )


def real_windows(data: PreparedData, split: str) -> Clips:
    """Every window of the songs of a split: all clips that a network trained on it has seen.

    Raises:
        DataError: There is no such split.
    """
    songs = data.split(split)
    rows, first = np.unique(songs.windows, return_index=True)
    song_of_row = first // songs.windows.shape[1]
    return Clips(
        name=f"windows of {split} songs",
        mels=data.mels,
        rows=rows,
        labels=songs.window_labels.reshape(-1, 2)[first],
        clip_names=tuple(songs.song_ids[i] for i in song_of_row),
        groups=tuple(songs.groups[i] for i in song_of_row),
    )


def generated_clips(name: str, mels: NDArray[np.floating], labels: NDArray[np.float32]) -> Clips:
    """Generated clips with the labels that they were generated for.

    Args:
        name: What pages and messages call the set.
        mels: Normalized log-mels [n, bands, frames] in [0, 1].
        labels: Valence and arousal of each clip [n, 2] in [-1, 1].

    Raises:
        DataError: There are more or fewer labels than clips, or a label is outside of [-1, 1].
    """
    if labels.shape != (len(mels), 2) or not (np.abs(labels) <= 1).all():
        raise DataError(
            f"{name}: {len(mels)} clips need as many labels of valence and arousal in [-1, 1]; make the samples again"
        )
    clip_names = tuple(f"sample {i}" for i in range(len(mels)))
    return Clips(
        name=name,
        mels=mels,
        rows=np.arange(len(mels)),
        labels=np.asarray(labels, dtype=np.float32),
        clip_names=clip_names,
        groups=clip_names,
    )


def open_samples(path: Path, data: PreparedData, *, n: int, seed: int, progress: Progress) -> Clips:
    """Get the GAN samples to evaluate: from a folder of samples, or freshly generated from a checkpoint.

    A checkpoint generates for labels of training songs, drawn with replacement: samples for other labels would differ
    from songs for that reason alone. From a folder, `n` samples are drawn.

    Args:
        path: A folder that `teacher gan sample` wrote, or a GAN's checkpoint.
        data: The songs that the samples will be compared with.
        n: Largest number of samples.
        seed: Random seed for the draw and for the generator's noise.
        progress: Progress of the generation.

    Raises:
        InputError: The folder is neither, or is damaged; or the GAN was trained on classes, or follows another front
            end than the songs.
    """
    rng = np.random.default_rng(seed)
    if is_file(path / SHEET) or is_file(path / OLD_SHEET):
        stored = open_gan_samples(path)
        _require_same_front_end(path, stored.audio.log_mel == data.audio.log_mel, data)
        chosen = np.sort(rng.permutation(len(stored.mels))[:n])
        return generated_clips(path.name, stored.mels, stored.labels).subset(chosen)
    from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint

    gan = GanCheckpoint.load(path)
    if gan.classes:
        raise InputError(
            f"{path}: was trained on classes, and can only be evaluated by ear: `sentio-mobile teacher gan render`; "
            "this evaluation needs valence and arousal"
        )
    _require_same_front_end(path, gan.audio.log_mel == data.audio.log_mel, data)
    train_labels = data.split("train").labels
    labels = train_labels[rng.integers(0, len(train_labels), n)]
    mels = np.empty((n, data.audio.n_mels, data.audio.n_frames), dtype=np.float16)
    progress.start("generating samples", n)
    for start in range(0, n, _BATCH):
        batch = labels[start : start + _BATCH]
        mels[start : start + len(batch)] = gan.sample(batch, seed + start, batch=_BATCH)
        progress.advance(len(batch))
    progress.finish()
    return generated_clips(path.name, mels, labels)


def _require_same_front_end(path: Path, is_same: bool, data: PreparedData) -> None:
    if not is_same:
        raise InputError(
            f"{path}: follows another front end than {data.folder} was prepared with; evaluate it with the songs that "
            "it was trained on"
        )
