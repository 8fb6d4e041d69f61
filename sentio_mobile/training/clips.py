"""Clips of training and evaluated songs, read one by one from the memory-mapped store.

All random numbers depend on the seed, the epoch and the song alone. A resumed run, or a run over several processes,
therefore sees the same clips as an uninterrupted run in one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sentio_mobile.data.prepared import PreparedData, Split
from sentio_mobile.errors import TrainingError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.augment import augment
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.sources import (
    NO_EXTRA_SOURCES,
    TrainingSource,
    TrainingSources,
    WindowEmbeddings,
    labelled_source,
    with_embeddings,
    with_rater_weights,
)

LabelledClips = tuple[torch.Tensor, torch.Tensor]
"""Normalized log-mels of a song's clips, and its label."""
SampleIndex = tuple[int, int]
"""An epoch, and the number of a song."""

_NO_WEAK_LABELS = np.zeros(2, dtype=np.float32)
_NO_WEIGHTS = np.ones(2, dtype=np.float32)
_NO_PSEUDO_LABEL = np.full(2, np.nan, dtype=np.float32)
_NOTHING = torch.empty(0, 0)
"""Embeddings or tags where no source has any."""


class _Clip(NamedTuple):
    """A normalized log-mel before augmentation, and what is known of it."""

    log_mel: NDArray[np.float16]
    label: NDArray[np.float32]
    weak_labels: NDArray[np.float32]
    pseudo_label: NDArray[np.float32]
    embeddings: torch.Tensor
    tags: torch.Tensor
    weights: NDArray[np.float32] = _NO_WEIGHTS


class Batch(NamedTuple):
    """A training batch.

    Attributes:
        log_mel: Augmented normalized log-mels [clips, n_mels, n_frames].
        labels: Valence and arousal [clips, 2] in [-1, 1]; NaN where there is no label.
        weak_labels: Weak labels [clips, 2] from -1 (surely low) to 1 (surely high); 0 where unknown.
        pseudo_labels: Predictions of a teacher that was read from a file [clips, 2]; NaN where there are none.
        teacher_outputs: Cached outputs of the teacher, by name; empty if there is no cache.
        embeddings: An encoder's embeddings of the clips before augmentation [clips, time, size]; NaN for clips that
            have none, and no value at all if no clip of any source has some.
        tags: The encoder's tags, probabilities [clips, time, n_tags]; missing ones as for `embeddings`.
        shift: Share of the clip by which augmentation rotated it in time [clips]; see `Augmented`.
        weights: How much each label counts in the loss [clips, 2]; 1 where all count alike.
    """

    log_mel: torch.Tensor
    labels: torch.Tensor
    weak_labels: torch.Tensor
    pseudo_labels: torch.Tensor
    teacher_outputs: Mapping[str, torch.Tensor]
    embeddings: torch.Tensor = _NOTHING
    tags: torch.Tensor = _NOTHING
    shift: torch.Tensor = torch.zeros(())
    weights: torch.Tensor = torch.ones(2)


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


class SourceClips(Dataset[Batch]):
    """One window of each song per epoch, drawn at random, augmented, and mixed with another song if mixup is on.

    Songs are numbered consecutively, source by source.

    Args:
        songs: Where clips are drawn from.
        audio: Front end of all of them.
        settings: Training settings.
        sources: The GAN mixture, the views and the teacher outputs; its own songs are not used.

    Raises:
        TrainingError: Mixup is on and songs have embeddings, or sources have embeddings of different encoders.
    """

    def __init__(
        self,
        songs: Sequence[TrainingSource],
        audio: AudioSpec,
        settings: TrainingSettings,
        sources: TrainingSources = NO_EXTRA_SOURCES,
    ) -> None:
        self.settings, self.sources = settings, sources
        self._audio = audio
        self._songs = tuple(songs)
        self._ends = np.cumsum([len(source) for source in self._songs])
        self._no_embeddings, self._no_tags = _missing(self._songs)
        if settings.augment.mixup > 0 and self._no_embeddings.numel():
            raise TrainingError(
                "training.augment.mixup: a mixture of two songs has no embeddings; set it to 0, or leave the "
                "embeddings out"
            )

    @property
    def fingerprints(self) -> list[str]:
        """Identify the songs, source by source."""
        return [source.fingerprint for source in self._songs]

    @property
    def embeddings(self) -> list[WindowEmbeddings]:
        """The embeddings of the sources that have some."""
        return [source.embeddings for source in self._songs if source.embeddings is not None]

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
            log_mel, labels, weak_labels, pseudo_labels, weights = (
                share * a + (1 - share) * b
                for a, b in zip((*clip[:4], clip.weights), (*other[:4], other.weights), strict=True)
            )
            clip = Batch(log_mel, labels, weak_labels, pseudo_labels, {}, shift=clip.shift, weights=weights)
        cached = self.sources.teacher_outputs
        return clip if cached is None else clip._replace(teacher_outputs=cached(view, song))

    def _augmented(self, view: int, song: int) -> Batch:
        random = np.random.default_rng((self.settings.seed, view, song))
        clip = self._gan_sample(view, random) or self._window(song, random)
        log_mel = torch.from_numpy(np.array(clip.log_mel)).float()[None]
        augmented = augment(log_mel, self._audio, self.settings.augment, random)
        return Batch(
            augmented.log_mel[0],
            torch.from_numpy(clip.label),
            torch.from_numpy(clip.weak_labels),
            torch.from_numpy(clip.pseudo_label),
            {},
            clip.embeddings,
            clip.tags,
            augmented.shift[0],
            torch.from_numpy(clip.weights),
        )

    def _window(self, song: int, random: np.random.Generator) -> _Clip:
        number = int(np.searchsorted(self._ends, song, side="right"))
        source: TrainingSource = self._songs[number]
        row = song - int(self._ends[number]) + len(source)
        window = int(random.integers(source.windows.shape[1]))
        embeddings, tags = self._no_embeddings, self._no_tags
        if source.embeddings is not None and (at := source.embeddings.rows[row, window]) >= 0:
            clips = source.embeddings.clips
            embeddings = torch.from_numpy(clips.embeddings[at].astype(np.float32))
            if clips.tags is not None:
                tags = torch.from_numpy(clips.tags[at].astype(np.float32))
        return _Clip(
            source.log_mels.mels[source.windows[row, window]],
            source.labels[row, window],
            _NO_WEAK_LABELS if source.weak_labels is None else source.weak_labels[row],
            self.sources.pseudo_labels[number][row, window] if self.sources.pseudo_labels else _NO_PSEUDO_LABEL,
            embeddings,
            tags,
            _NO_WEIGHTS if source.weights is None else source.weights[row],
        )

    def _gan_sample(self, epoch: int, random: np.random.Generator) -> _Clip | None:
        mixture = self.sources.gan_mixture
        if mixture is None or epoch >= mixture.epochs or random.random() >= mixture.share:
            return None
        sample = int(random.integers(len(mixture.samples)))
        log_mel, label = mixture.samples.mels[sample], mixture.samples.labels[sample]
        return _Clip(log_mel, label, _NO_WEAK_LABELS, _NO_PSEUDO_LABEL, self._no_embeddings, self._no_tags)


class TrainingClips(SourceClips):
    """The labelled training songs first, then the songs of each extra source.

    Args:
        data: Prepared songs.
        settings: Training settings.
        sources: What training draws from besides the training songs.

    Raises:
        DataError: The embeddings of the training songs are not complete, or labels are to be weighed by their raters'
            disagreement, and it is not known.
        TrainingError: Mixup is on and songs have embeddings, or sources have embeddings of different encoders.
    """

    def __init__(
        self, data: PreparedData, settings: TrainingSettings, sources: TrainingSources = NO_EXTRA_SOURCES
    ) -> None:
        labelled = with_embeddings(labelled_source(data, "train"), data, sources.embeddings)
        if settings.weigh_by_raters:
            labelled = with_rater_weights(labelled, data, "train")
        super().__init__((labelled, *sources.extra), data.audio, settings, sources)


def _missing(songs: Sequence[TrainingSource]) -> tuple[torch.Tensor, torch.Tensor]:
    """What a clip without embeddings and tags has in their place: NaN of the shape that the other clips' have."""
    found = [source.embeddings.clips for source in songs if source.embeddings is not None]
    if not found:
        return _NOTHING, _NOTHING
    first = found[0]
    for clips in found[1:]:
        if (clips.info, clips.embeddings.shape[1:], clips.tag_names) != (
            first.info,
            first.embeddings.shape[1:],
            first.tag_names,
        ):
            raise TrainingError(
                f"{clips.path}: its embeddings are of another encoder or length than those of {first.path}; embed all "
                "music with one encoder"
            )
    missing = torch.full(first.embeddings.shape[1:], torch.nan)
    return missing, _NOTHING if first.tags is None else torch.full(first.tags.shape[1:], torch.nan)
