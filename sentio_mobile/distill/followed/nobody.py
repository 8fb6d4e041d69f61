"""No teacher: a student that learns from labels, weak labels and embeddings alone."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.followed.base import Lesson
from sentio_mobile.distill.followed.predictions import pseudo_labels_of
from sentio_mobile.distill.layer_mapping import LayerMapping
from sentio_mobile.errors import InputError
from sentio_mobile.training.sources import ExtraData, TrainingSources


class FollowedNobody:
    """No teacher. Pseudo-labels of music without labels may still be its labels."""

    name = "nobody"
    signature = "nobody"
    token_width = 0

    def check(self, data: PreparedData, extra: ExtraData) -> None:
        """Check that each clip that is added can be learned from.

        Raises:
            InputError: Clips have neither labels nor pseudo-labels nor embeddings.
        """
        silent = extra.unlabelled and extra.pseudo_labels is None and not extra.embeddings
        if silent or extra.gan_samples:
            what = "GAN samples teach" if extra.gan_samples else "music without labels teaches"
            raise InputError(
                f"{what} nothing, because the recipe follows no teacher: leave it out, or set response.soft above 0"
            )

    def map_layers(self, student: nn.Module, recipe: DistillRecipe) -> LayerMapping:
        """No pairs."""
        return LayerMapping()

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
        """Nothing to prepare: a batch without pseudo-labels has missing ones."""
        return Lesson(sources=sources, outputs=pseudo_labels_of)

    def on_test_songs(self, data: PreparedData, seed: int) -> str:
        """Why nothing is known: there is nobody."""
        return "the recipe follows no teacher"
