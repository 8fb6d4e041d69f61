"""What distillation needs of a teacher, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.layer_mapping import LayerMapping
from sentio_mobile.distill.teacher_outputs import TeacherOutputs
from sentio_mobile.metrics.evaluation import TeacherEvaluation
from sentio_mobile.training.sources import ExtraData, TrainingSources


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a student is taught with.

    Attributes:
        sources: What training draws from, with the teacher's outputs or pseudo-labels for it.
        outputs: Gives the teacher's outputs for a batch.
    """

    sources: TrainingSources
    outputs: TeacherOutputs


@dataclass(frozen=True, kw_only=True)
class OnTestSongs:
    """A teacher on the test songs that its student is judged by.

    Attributes:
        predictions: Its predictions [songs, 2].
        evaluation: What a student's checkpoint says of it.
    """

    predictions: NDArray[np.float32]
    evaluation: TeacherEvaluation


class Followed(Protocol):
    """A student's teacher."""

    @property
    def name(self) -> str:
        """What messages and records call it."""
        ...

    @property
    def signature(self) -> str:
        """Identifies what it teaches: a run is resumed only with the teacher that it was started with."""
        ...

    @property
    def token_width(self) -> int:
        """Width of its tokens; 0 if it has none."""
        ...

    def check(self, data: PreparedData, extra: ExtraData) -> None:
        """Check that it can teach with this music.

        Raises:
            InputError: It cannot.
        """
        ...

    def map_layers(self, student: nn.Module, recipe: DistillRecipe) -> LayerMapping:
        """Pair its blocks with the student's; see `map_layers` for the faults."""
        ...

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
        """Prepare the training.

        Args:
            data: The labelled songs.
            sources: What training draws from besides its songs.
            recipe: How the student is distilled.
            mapping: The pairs of blocks.
            cache: Folder for outputs that are computed before training.
            progress: Receives each batch.
        """
        ...

    def on_test_songs(self, data: PreparedData, seed: int) -> OnTestSongs | str:
        """What it is worth on the test songs, or why that is not known.

        Args:
            data: The labelled songs.
            seed: Random seed for the bootstrap.
        """
        ...
