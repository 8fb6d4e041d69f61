"""A network as a teacher: its predictions, features and attention, computed in each step or cached before training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.followed.base import Lesson, OnTestSongs
from sentio_mobile.distill.layer_mapping import LayerMapping, map_layers
from sentio_mobile.distill.teacher_outputs import cached_outputs, fill_cache, online_teacher
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.evaluation import TeacherEvaluation, evaluate
from sentio_mobile.models.capture import Capturable
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.times import without_times
from sentio_mobile.training.clips import TrainingClips
from sentio_mobile.training.fit import predict
from sentio_mobile.training.sources import ExtraData, TrainingSources


@dataclass(frozen=True)
class FollowedNetwork:
    """A checkpoint as a teacher.

    Attributes:
        checkpoint: The teacher.
        convert: Whether it may use its own normalization and image size.
    """

    checkpoint: Checkpoint
    convert: bool = False

    @property
    def name(self) -> str:
        """The architecture."""
        return self.checkpoint.spec.architecture

    @cached_property
    def signature(self) -> str:
        """The hash of its weights."""
        return weights_digest(self.checkpoint.model)

    @property
    def token_width(self) -> int:
        """Width of its tokens; 0 if it has none."""
        return self.checkpoint.model.width if isinstance(self.checkpoint.model, Capturable) else 0

    def check(self, data: PreparedData, extra: ExtraData) -> None:
        """Check that songs were prepared for its front end.

        Raises:
            DataError: They were not.
        """
        prepared, own = data.audio.to_dict(), self.checkpoint.spec.audio.to_dict()
        differing = [name for name in prepared if prepared[name] != own[name]]
        if not differing:
            return
        differences = "; ".join(f"{name} {own[name]} and not {prepared[name]}" for name in differing)
        message = f"{data.folder}: was prepared for another front end than the teacher's, which has {differences}"
        if self.checkpoint.spec.audio.log_mel != data.audio.log_mel:
            raise DataError(message)
        if not self.convert:
            raise DataError(f"{message}; --convert gives the teacher its own, and the student that of the data")

    def map_layers(self, student: nn.Module, recipe: DistillRecipe) -> LayerMapping:
        """Pair its blocks with the student's."""
        return map_layers(self.checkpoint.model, student, features=recipe.features, attention=recipe.attention)

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
        """Fill the cache, unless the teacher is to run in each step."""
        self.checkpoint.model.eval()
        if not recipe.views:
            return Lesson(sources=sources, outputs=online_teacher(self.checkpoint, mapping))
        sources = replace(sources, views=recipe.views)
        clips = TrainingClips(data, recipe.training, sources)
        filled = fill_cache(self.checkpoint, clips, mapping=mapping, folder=cache, progress=progress)
        return Lesson(sources=replace(sources, teacher_outputs=filled), outputs=cached_outputs)

    def on_test_songs(self, data: PreparedData, seed: int) -> OnTestSongs:
        """Predict the test songs."""
        checkpoint, songs = self.checkpoint, data.split("test")
        predictions = predict(checkpoint.model.cpu().eval(), checkpoint.spec, data, "test")
        return OnTestSongs(
            predictions=predictions,
            evaluation=TeacherEvaluation(
                test=evaluate(songs.song_ids, songs.labels, predictions, seed),
                spec=checkpoint.spec,
                parameters=sum(p.numel() for p in checkpoint.model.parameters()),
                history=without_times(checkpoint.history),
                data=checkpoint.data,
            ),
        )
