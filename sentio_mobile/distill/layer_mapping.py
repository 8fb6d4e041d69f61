"""Which block of the student learns from which block of the teacher, and how their token grids are aligned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.distill.config import AttentionSettings, FeatureSettings
from sentio_mobile.errors import RecipeError
from sentio_mobile.models.capture import Capturable

PREDICTIONS = "predictions"
"""The teacher output that holds its predictions."""

Grid = tuple[int, int]
"""Number of patches along the height (mel bands) and the width (time) of an image."""


@dataclass(frozen=True, kw_only=True)
class LayerPair:
    """A block of the student and the block of the teacher that it learns from, counted from 0."""

    student: int
    teacher: int


@dataclass(frozen=True, kw_only=True)
class LayerMapping:
    """The pairs of blocks that distillation uses.

    Attributes:
        features: Pairs for feature distillation; empty if that term is off.
        attention: Pairs for attention distillation; empty if that term is off.
        grid: The student's token grid, to which the teacher's outputs are resampled; None if there are no pairs.
        unavailable: Terms that the recipe asks for and the teacher cannot provide, because it has no attention blocks.
    """

    features: tuple[LayerPair, ...] = ()
    attention: tuple[LayerPair, ...] = ()
    grid: Grid | None = None
    unavailable: tuple[str, ...] = ()

    @property
    def teacher_outputs(self) -> tuple[str, ...]:
        """Names of the teacher outputs that the pairs need."""
        features = (features_name(pair.teacher) for pair in self.features)
        attention = (attention_name(pair.teacher) for pair in self.attention)
        return tuple(dict.fromkeys((PREDICTIONS, *features, *attention)))


def features_name(block: int) -> str:
    """Name of the teacher output that holds a block's tokens."""
    return f"features-{block}"


def attention_name(block: int) -> str:
    """Name of the teacher output that holds a block's attention."""
    return f"attention-{block}"


def map_layers(
    teacher: nn.Module, student: nn.Module, *, features: FeatureSettings, attention: AttentionSettings
) -> LayerMapping:
    """Pair the blocks of a student and a teacher.

    Args:
        teacher: The teacher.
        student: The student.
        features: Settings of feature distillation.
        attention: Settings of attention distillation.

    Raises:
        RecipeError: The settings name a block that the student or the teacher does not have.
    """
    terms = [name for name, settings in (("features", features), ("attention", attention)) if settings.weight > 0]
    if not terms:
        return LayerMapping()
    if not isinstance(teacher, Capturable) or not isinstance(student, Capturable):
        return LayerMapping(unavailable=tuple(terms))
    counts = len(student.blocks), len(teacher.blocks)
    return LayerMapping(
        features=_pairs("features", features, *counts) if "features" in terms else (),
        attention=_pairs("attention", attention, *counts) if "attention" in terms else (),
        grid=student.grid,
    )


def _pairs(
    term: str, settings: FeatureSettings | AttentionSettings, student_count: int, teacher_count: int
) -> tuple[LayerPair, ...]:
    blocks = settings.blocks or tuple(sorted({(student_count - 1) // 2, student_count - 1}))
    # At the same relative depth: the last of the teacher's blocks that lie below the end of the student's block.
    teacher_blocks = settings.teacher_blocks or tuple(
        -(-(block + 1) * teacher_count // student_count) - 1 for block in blocks
    )
    for network, count, numbers in (
        ("student", student_count, blocks),
        ("teacher", teacher_count, teacher_blocks),
    ):
        for number in numbers:
            if not 0 <= number < count:
                raise RecipeError(f"{term}: the {network} has no block {number}; it has {count}, from 0 to {count - 1}")
    return tuple(LayerPair(student=s, teacher=t) for s, t in zip(blocks, teacher_blocks, strict=True))


def resample_features(features: torch.Tensor, source: Grid, target: Grid) -> torch.Tensor:
    """Resample tokens from one grid to another: each token becomes the mean over the area that it covers.

    Args:
        features: Tokens [batch, 1 + patches of `source`, width]. The class token is first, and is not changed.
        source: Grid of the tokens.
        target: Grid of the result.

    Returns:
        Tokens [batch, 1 + patches of `target`, width].
    """
    if target == source:
        return features
    mean, _ = _resampling(source, target)
    return torch.from_numpy(mean).to(features) @ features


def resample_attention(attention: torch.Tensor, source: Grid, target: Grid) -> torch.Tensor:
    """Resample attention from one grid to another. Rows still sum to 1.

    The row of a token becomes the mean over the rows of the area that it covers. Attention paid to a token of `source`
    is divided among the tokens of `target` in proportion to the area of it that they cover.

    Args:
        attention: Attention [batch, 1 + patches of `source`, 1 + patches of `source`], the class token first.
        source: Grid of the attention.
        target: Grid of the result.

    Returns:
        Attention [batch, 1 + patches of `target`, 1 + patches of `target`].
    """
    if target == source:
        return attention
    mean, share = (torch.from_numpy(matrix).to(attention) for matrix in _resampling(source, target))
    return mean @ attention @ share.T


@lru_cache(maxsize=8)
def _resampling(source: Grid, target: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two matrices [tokens of target, tokens of source]: one with rows that sum to 1, one with columns that do."""
    overlap = np.kron(_overlap(source[0], target[0]), _overlap(source[1], target[1]))
    weights = np.zeros((1 + overlap.shape[0], 1 + overlap.shape[1]))
    weights[0, 0], weights[1:, 1:] = 1, overlap
    mean, share = weights / weights.sum(axis=1, keepdims=True), weights / weights.sum(axis=0, keepdims=True)
    return mean.astype(np.float32), share.astype(np.float32)


def _overlap(source: int, target: int) -> NDArray[np.float64]:
    """Length of the overlap of each of `target` and each of `source` equal parts of a unit line [target, source]."""
    a, b = np.arange(target)[:, None] / target, np.arange(source)[None] / source
    return np.clip(np.minimum(a + 1 / target, b + 1 / source) - np.maximum(a, b), 0, None)
