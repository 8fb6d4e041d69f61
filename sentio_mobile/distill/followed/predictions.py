"""Predictions in a file as a teacher, which need not be a network: an ensemble's, or a probe's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.data.store import Store
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.followed.base import Lesson, OnTestSongs
from sentio_mobile.distill.layer_mapping import PREDICTIONS, LayerMapping
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.metrics.evaluation import TeacherEvaluation, evaluate
from sentio_mobile.training.clips import Batch
from sentio_mobile.training.sources import ExtraData, TrainingSource, TrainingSources, labelled_source


@dataclass(frozen=True)
class FollowedPredictions:
    """Pseudo-labels as a teacher: of music without labels, and of labelled training songs as far as they have some.

    Attributes:
        labels: The pseudo-labels.
    """

    labels: PseudoLabels

    @property
    def name(self) -> str:
        """The file."""
        return str(self.labels.path)

    @property
    def signature(self) -> str:
        """The hash of the file."""
        return f"pseudo-labels {self.labels.digest}"

    @property
    def token_width(self) -> int:
        """It has no tokens."""
        return 0

    def check(self, data: PreparedData, extra: ExtraData) -> None:
        """Check that each clip that is added can be learned from.

        Raises:
            InputError: There are GAN samples.
        """
        if extra.gan_samples:
            raise InputError("GAN samples have no pseudo-labels: give a network as the teacher, or leave them out")

    def map_layers(self, student: nn.Module, recipe: DistillRecipe) -> LayerMapping:
        """No pairs: there are only predictions."""
        terms = (("features", recipe.features.weight), ("attention", recipe.attention.weight))
        return LayerMapping(unavailable=tuple(name for name, weight in terms if weight > 0))

    def teach(
        self,
        data: PreparedData,
        sources: TrainingSources,
        *,
        recipe: DistillRecipe,
        mapping: LayerMapping,
        cache: Path,
        progress: Progress,
    ) -> Lesson:
        """Look up the pseudo-labels of all clips. Clips are augmented anew in each epoch, whatever the recipe's views.

        Raises:
            DataError: No clip has a pseudo-label.
        """
        found = tuple(self._of(source) for source in (labelled_source(data, "train"), *sources.extra))
        if all(np.isnan(labels).all() for labels in found):
            raise DataError(
                f"{self.name}: has no pseudo-label for any clip that is trained on: neither for training songs of "
                f"{data.folder} nor for music without labels; write them for this music"
            )
        return Lesson(sources=replace(sources, pseudo_labels=found), outputs=pseudo_labels_of)

    def on_test_songs(self, data: PreparedData, seed: int) -> OnTestSongs | str:
        """Its pseudo-labels of the test songs, if all have one."""
        songs = data.split("test")
        found = self.labels.where_known(data, songs.rows)
        known = int((~np.isnan(found).any(axis=1)).sum())
        if known < len(found):
            return f"{self.labels.path.name} covers {known} of {len(found)} test songs"
        test = evaluate(songs.song_ids, songs.labels, found, seed)
        return OnTestSongs(predictions=found, evaluation=TeacherEvaluation(test=test, kind=self.labels.path.name))

    def _of(self, source: TrainingSource) -> NDArray[np.float32]:
        if not isinstance(source.log_mels, Store):
            return np.full((*source.windows.shape, 2), np.nan, dtype=np.float32)
        return self.labels.lookup(source.log_mels.checksums[source.windows])


def pseudo_labels_of(batch: Batch) -> Mapping[str, torch.Tensor]:
    """Take a teacher's predictions from the batch, into which they were read from a file."""
    return {PREDICTIONS: batch.pseudo_labels}
