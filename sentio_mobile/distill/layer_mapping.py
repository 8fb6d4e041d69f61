"""Which block of the student learns from which block of the teacher, and which terms a teacher leaves on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from sentio_mobile.distill.config import AttentionSettings, FeatureSettings
from sentio_mobile.distill.losses import standardized
from sentio_mobile.distill.token_grid import Grid, attention_on, features_on
from sentio_mobile.errors import RecipeError
from sentio_mobile.models.capture import Capturable, capture
from sentio_mobile.training.datamodule import Batch

ANSWERS = "answers"
Source = Callable[[Batch], Mapping[str, torch.Tensor]]
"""What a teacher says of a batch, by the names of `Plan.signals`."""


@dataclass(frozen=True)
class LayerPair:
    """A block of the student and the one of the teacher that it learns from, both from 0."""

    student: int
    teacher: int


@dataclass(frozen=True)
class LayerMapping:
    """What of a teacher is learnt.

    Attributes:
        features: pairs for feature distillation; none where the term is off.
        attention: pairs for attention distillation; none where the term is off.
        grid: the student's; what the teacher gives is brought to it. None where no pairs are.
        off: terms that the recipe asks for, and the teacher cannot give.
    """

    features: tuple[LayerPair, ...]
    attention: tuple[LayerPair, ...]
    grid: Grid | None
    off: tuple[str, ...]

    @property
    def signals(self) -> tuple[str, ...]:
        """The names of what the teacher gives."""
        features = (features_name(pair.teacher) for pair in self.features)
        attention = (attention_name(pair.teacher) for pair in self.attention)
        return tuple(dict.fromkeys((ANSWERS, *features, *attention)))


def features_name(block: int) -> str:
    """The signal that holds a teacher block's tokens."""
    return f"features-{block}"


def attention_name(block: int) -> str:
    """The signal that holds a teacher block's attention."""
    return f"attention-{block}"


def map_layers(
    teacher: nn.Module, student: nn.Module, features: FeatureSettings, attention: AttentionSettings
) -> LayerMapping:
    """Pair the blocks of a student and a teacher as the recipe says.

    Raises:
        RecipeError: the recipe names a block that one of them does not have.
    """
    asked = [name for name, chosen in (("features", features), ("attention", attention)) if chosen.weight > 0]
    if not asked:
        return LayerMapping((), (), None, ())
    if not isinstance(teacher, Capturable) or not isinstance(student, Capturable):
        return LayerMapping((), (), None, tuple(asked))
    counts = len(student.blocks), len(teacher.blocks)
    return LayerMapping(
        _pairs("features", features, *counts) if "features" in asked else (),
        _pairs("attention", attention, *counts) if "attention" in asked else (),
        student.grid,
        (),
    )


def teacher_outputs_of(
    teacher: nn.Module, images: torch.Tensor, names: tuple[str, ...], grid: Grid | None
) -> dict[str, torch.Tensor]:
    """What a teacher gives for a batch, brought to the student's grid.

    Args:
        teacher: a network in evaluation mode, `Capturable` where more than its answers is asked for.
        images: its input [batch, 3, height, width].
        names: of the signals; see `Plan.signals`.
        grid: the student's.

    Returns:
        `answers` [batch, 2]; `features-B` standardized [batch, tokens, width]; `attention-B` [batch, tokens, tokens],
        in the mean over heads.
    """
    blocks = {name: int(name.split("-")[1]) for name in names if name != ANSWERS}
    with torch.no_grad():
        if not blocks:
            return {ANSWERS: teacher(images)}
        assert isinstance(teacher, Capturable)
        assert grid is not None
        captured = capture(
            teacher,
            images,
            hidden={block for name, block in blocks.items() if name == features_name(block)},
            attention={block for name, block in blocks.items() if name == attention_name(block)},
        )
        given = {ANSWERS: captured.output}
        for name, block in blocks.items():
            if name == features_name(block):
                given[name] = standardized(features_on(grid, captured.hidden[block], teacher.grid))
            else:
                given[name] = attention_on(grid, captured.attention[block].mean(dim=1), teacher.grid)
        return {name: given[name] for name in names}


def _pairs(
    term: str, chosen: FeatureSettings | AttentionSettings, students: int, teachers: int
) -> tuple[LayerPair, ...]:
    blocks = chosen.blocks or tuple(sorted({(students - 1) // 2, students - 1}))
    theirs = chosen.teacher_blocks or tuple(-(-(block + 1) * teachers // students) - 1 for block in blocks)
    for whose, count, numbers in (("student", students, blocks), ("teacher", teachers, theirs)):
        for number in numbers:
            if not 0 <= number < count:
                raise RecipeError(f"{term}: the {whose} has no block {number}; it has {count}, from 0 to {count - 1}")
    return tuple(LayerPair(*pair) for pair in zip(blocks, theirs, strict=True))
