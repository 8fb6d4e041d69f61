"""What a network learns from besides the labelled training songs: unlabelled music, weak labels, and GAN samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, require_rater_noise
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.ceiling import noise_weights
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings


class LogMels(Protocol):
    """Normalized log-mels on disk."""

    @property
    def mels(self) -> NDArray[np.float16]:
        """Normalized log-mels [rows, n_mels, n_frames], memory-mapped."""
        ...


@dataclass(frozen=True, kw_only=True)
class WindowEmbeddings:
    """An encoder's embeddings of the windows of songs.

    Attributes:
        clips: Embeddings and tags, from one file.
        rows: The row in `clips` of each window [songs, windows]; -1 for a window without embeddings.
    """

    clips: ClipEmbeddings
    rows: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TrainingSource:
    """Songs that training draws clips from.

    Attributes:
        log_mels: The songs' normalized log-mels.
        windows: Rows of each song's windows in `log_mels` [songs, windows].
        labels: Valence and arousal of each window [songs, windows, 2] in [-1, 1]; NaN where there is no label.
        fingerprint: Identifies these songs and labels.
        weak_labels: For valence and arousal of each song, -1 if low, 1 if high and 0 if unknown [songs, 2]; None if no
            song has weak labels.
        embeddings: An encoder's embeddings of each window; None if there are none.
        weights: How much each song's label counts in the loss [songs, 2], 1 in the mean; None if all count alike.
    """

    log_mels: LogMels
    windows: NDArray[np.int64]
    labels: NDArray[np.float32]
    fingerprint: str
    weak_labels: NDArray[np.float32] | None = None
    embeddings: WindowEmbeddings | None = None
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.windows)


def labelled_source(data: PreparedData, split: str) -> TrainingSource:
    """The songs of one split.

    Raises:
        DataError: There is no such split.
    """
    songs = data.split(split)
    return TrainingSource(
        log_mels=data.store,
        windows=songs.windows,
        labels=songs.window_labels,
        fingerprint=f"{data.sheet.fingerprint} {split}",
    )


def with_rater_weights(source: TrainingSource, data: PreparedData, split: str) -> TrainingSource:
    """Weigh the labels of a source by the disagreement of their raters, as `noise_weights` says.

    Args:
        source: A source of the songs of one split of `data`.
        data: The prepared folder.
        split: Name of the split.

    Raises:
        DataError: How much raters disagree is not known of any song.
    """
    songs = data.split(split)
    require_rater_noise(data, songs.errors)
    return replace(source, weights=noise_weights(songs.labels, songs.errors))


@dataclass(frozen=True, kw_only=True)
class ExtraData:
    """Data that a caller adds to the labelled training songs.

    Attributes:
        unlabelled: Prepared folders of music without labels.
        gan_samples: GAN samples. The labels that they were generated for are not used.
        pseudo_labels: Another model's predictions, used as labels of the unlabelled music.
        weak_labels: Prepared folders of music without labels, each with weak labels for its songs.
        embeddings: An encoder's embeddings of the clips of all music here and of the labelled training songs.
    """

    unlabelled: tuple[PreparedData, ...] = ()
    gan_samples: tuple[GanSamples, ...] = ()
    pseudo_labels: PseudoLabels | None = None
    weak_labels: tuple[tuple[PreparedData, WeakLabels], ...] = ()
    embeddings: tuple[ClipEmbeddings, ...] = ()

    def sources(self, data: PreparedData) -> tuple[TrainingSource, ...]:
        """Check the extra data against prepared songs, and make training sources of it.

        Args:
            data: The labelled songs that the extra data is added to.

        Raises:
            DataError: Some extra data was prepared for another front end, has labels of its own, or contains a
                validation or test song of `data`; or pseudo-labels, weak labels or embeddings do not match their songs.
        """
        sources = []
        for music in self.unlabelled:
            source = with_embeddings(_unlabelled_source(data, music), music, self.embeddings)
            if self.pseudo_labels is not None:
                source = replace(
                    source,
                    labels=self.pseudo_labels.of(music, source.windows),
                    fingerprint=f"{source.fingerprint} {self.pseudo_labels.digest}",
                )
            sources.append(source)
        sources += [_gan_source(data, samples) for samples in self.gan_samples]
        for music, weak_labels in self.weak_labels:
            source = with_embeddings(_unlabelled_source(data, music), music, self.embeddings)
            sources.append(
                replace(
                    source,
                    weak_labels=weak_labels.of(music),
                    fingerprint=f"{source.fingerprint} {weak_labels.digest}",
                )
            )
        return tuple(sources)


NO_EXTRA_DATA = ExtraData()


@dataclass(frozen=True, kw_only=True)
class GanMixture:
    """GAN samples that replace training songs: each draw with probability `share`, in the first `epochs` epochs."""

    samples: GanSamples
    share: float
    epochs: int

    @property
    def signature(self) -> str:
        """Identifies this mixture."""
        return f"{self.samples.fingerprint} {self.share} {self.epochs}"


@dataclass(frozen=True, kw_only=True)
class TrainingSources:
    """Everything that training draws clips from besides the labelled training songs.

    Attributes:
        extra: Songs that are drawn in addition to the training songs.
        gan_mixture: GAN samples that replace some of the training songs.
        embeddings: An encoder's embeddings of the labelled training songs; empty if there are none.
        views: Number of augmented versions of each clip, used in turn by epoch; 0 for a new version in each epoch.
        pseudo_labels: Predictions of a teacher that was read from a file, for each window of the training songs and
            then of each extra source [songs, windows, 2], NaN where there are none; empty without such a teacher.
        teacher_outputs: Gives the teacher's outputs for a view of a song, by name; None if they are not cached.
    """

    extra: tuple[TrainingSource, ...] = ()
    gan_mixture: GanMixture | None = None
    embeddings: tuple[ClipEmbeddings, ...] = ()
    views: int = 0
    pseudo_labels: tuple[NDArray[np.float32], ...] = ()
    teacher_outputs: Callable[[int, int], Mapping[str, torch.Tensor]] | None = None

    @property
    def has_weak_labels(self) -> bool:
        """Whether some songs have weak labels."""
        return any(source.weak_labels is not None for source in self.extra)

    @property
    def signature(self) -> list[str]:
        """Identifies these sources. Outputs and pseudo-labels are left out: the objective says who the teacher is."""
        return [
            *([] if self.gan_mixture is None else [self.gan_mixture.signature]),
            *(source.fingerprint for source in self.extra),
            *(f"embeddings {clips.digest}" for clips in self.embeddings),
            *([f"views {self.views}"] if self.views else []),
        ]


NO_EXTRA_SOURCES = TrainingSources()


def with_embeddings(source: TrainingSource, data: PreparedData, files: Sequence[ClipEmbeddings]) -> TrainingSource:
    """Add the embeddings of its windows to a source.

    Args:
        source: A source of songs of `data`.
        data: The prepared folder, which knows the clips' checksums.
        files: Files of embeddings; the first that has all of the source's clips is used. Without a file the source
            stays as it is.

    Raises:
        DataError: No file has embeddings of all clips.
    """
    checksums = data.store.checksums[source.windows]
    for number, clips in enumerate(files):
        try:
            rows = clips.rows_of(checksums, data.folder)
        except DataError:
            if number == len(files) - 1:
                raise
            continue
        found = WindowEmbeddings(clips=clips, rows=rows)
        return replace(source, embeddings=found, fingerprint=f"{source.fingerprint} {clips.digest}")
    return source


def _unlabelled_source(data: PreparedData, music: PreparedData) -> TrainingSource:
    if music.audio.log_mel != data.audio.log_mel:
        raise _other_front_end(data, music)
    if UNLABELLED not in music.splits:
        raise DataError(
            f"{music.folder}: has labels, and splits of its own; prepare a folder of audio as music without labels"
        )
    songs = music.split(UNLABELLED)
    held_out = np.concatenate([data.split(name).windows.ravel() for name in ("val", "test")])
    leaked = np.isin(music.store.checksums[songs.windows], data.store.checksums[held_out]).any(axis=1)
    if leaked.any():
        first = songs.song_ids[int(np.argmax(leaked))]
        raise DataError(
            f"{music.folder}: {int(leaked.sum())} of its songs, such as {first!r}, are validation or test songs of "
            f"{data.folder}; leave them out"
        )
    return labelled_source(music, UNLABELLED)


def _gan_source(data: PreparedData, samples: GanSamples) -> TrainingSource:
    if samples.audio.log_mel != data.audio.log_mel:
        raise _other_front_end(data, samples)
    rows = np.arange(len(samples))[:, None]
    return TrainingSource(
        log_mels=samples,
        windows=rows,
        labels=np.full((len(rows), 1, 2), np.nan, dtype=np.float32),
        fingerprint=samples.fingerprint,
    )


def _other_front_end(data: PreparedData, extra: PreparedData | GanSamples) -> DataError:
    return DataError(
        f"{extra.folder}: has another front end than {data.folder} was prepared with; prepare both for the same one"
    )
