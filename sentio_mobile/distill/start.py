"""What a student's first weights are: shipped ones where they fit, random ones, or those of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta
from torch import nn

from sentio_mobile._internal.records import Record, Sha256, Text, replace
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.first_weights import (
    FirstWeights,
    differences,
    first_weights_for,
    load_first_weights,
    weights_of_checkpoint,
)
from sentio_mobile.models.registry import spec_of
from sentio_mobile.spec import AudioSpec, ModelSpec

Start = Literal["default", "random"] | FirstWeights
"""`default` takes shipped weights where they fit, and random ones otherwise."""


class StartRecord(Record, frozen=True, kw_only=True):
    """What training started from: a part of a student's recipe in its checkpoint."""

    first_weights: Text  # "random", the name of shipped weights, or the checkpoint
    first_weights_sha256: Sha256 | None  # identifies the weights; None for random ones
    # weights that were interpolated to the student's grid of tokens
    interpolated: Annotated[tuple[Text, ...], Meta(max_length=1000)]

    @property
    def signature(self) -> str:
        """Identifies the first weights."""
        return f"first weights {self.first_weights_sha256 or 'random'}"

    def __str__(self) -> str:
        """One line for people."""
        if self.first_weights_sha256 is None:
            return "first weights: random"
        changed = f", {', '.join(self.interpolated)} interpolated to its image size" if self.interpolated else ""
        return f"first weights: {self.first_weights} ({self.first_weights_sha256[:12]}){changed}"


def student_spec(recipe: DistillRecipe, audio: AudioSpec) -> ModelSpec:
    """The spec of a recipe's student behind the front end that songs were prepared with."""
    return spec_of(recipe.model, replace(audio, image_size=recipe.image_size or audio.image_size))


def read_start(name: str) -> Start:
    """Read what a person gives as a student's first weights.

    Args:
        name: `default`, `random`, or the path of a student's checkpoint.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    if name == "default":
        return "default"
    if name == "random":
        return "random"
    return weights_of_checkpoint(name, Checkpoint.load(Path(name)))


def chosen_weights(start: Start, spec: ModelSpec) -> FirstWeights | None:
    """The weights that a student starts from; None for random ones.

    Args:
        start: Which weights.
        spec: The student's spec, which shipped weights may fit.

    Raises:
        CheckpointError: A shipped file is damaged.
    """
    if isinstance(start, FirstWeights):
        return start
    return first_weights_for(spec) if start == "default" else None


def give_first_weights(model: nn.Module, spec: ModelSpec, start: Start) -> StartRecord:
    """Set a student's first weights.

    Args:
        model: The student, freshly initialized; changed in place.
        spec: Its spec.
        start: Which weights.

    Raises:
        CheckpointError: The weights are of another network, or a shipped file is damaged.
    """
    weights = chosen_weights(start, spec)
    if weights is None:
        return StartRecord(first_weights="random", first_weights_sha256=None, interpolated=())
    if differing := differences(weights.spec, spec):
        raise CheckpointError(
            f"{weights.name}: cannot be the student's first weights, because it has {'; '.join(differing)}; choose the "
            "recipe that it was trained with, or start from random weights"
        )
    loaded = load_first_weights(model, weights)
    return StartRecord(
        first_weights=Path(weights.name).name, first_weights_sha256=weights.digest, interpolated=loaded.interpolated
    )
