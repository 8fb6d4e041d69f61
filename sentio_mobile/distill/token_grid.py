"""The same spectrogram on two grids of patches: from the teacher's to the student's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

Grid = tuple[int, int]
"""Patches along the height (bands) and the width (time) of a picture."""


def features_on(grid: Grid, features: torch.Tensor, source: Grid) -> torch.Tensor:
    """What the tokens on `grid` hold: the mean over the part of `source` that each of them covers.

    Args:
        grid: of the result.
        features: [batch, 1 + patches of `source`, width], the class token first; it stays as it is.
        source: of the features.
    """
    if grid == source:
        return features
    mean, _ = _matrices(grid, source)
    return torch.from_numpy(mean).to(features) @ features


def attention_on(grid: Grid, attention: torch.Tensor, source: Grid) -> torch.Tensor:
    """The same attention between the tokens of `grid`; rows still sum to 1.

    A token looks as the tokens of `source` in its place do in the mean; what they give to a token of `source` goes to
    the tokens of `grid` by the parts of it that they cover.

    Args:
        grid: of the result.
        attention: [batch, tokens of `source`, tokens of `source`], the class token first.
        source: of the attention.
    """
    if grid == source:
        return attention
    mean, share = (torch.from_numpy(matrix).to(attention) for matrix in _matrices(grid, source))
    return mean @ attention @ share.T


@lru_cache(maxsize=8)
def _matrices(grid: Grid, source: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[tokens of grid, tokens of source]: one whose rows sum to 1, and one whose columns do."""
    overlap = np.kron(_overlap(grid[0], source[0]), _overlap(grid[1], source[1]))
    whole = np.zeros((1 + overlap.shape[0], 1 + overlap.shape[1]))
    whole[0, 0], whole[1:, 1:] = 1, overlap
    mean, share = whole / whole.sum(axis=1, keepdims=True), whole / whole.sum(axis=0, keepdims=True)
    return mean.astype(np.float32), share.astype(np.float32)


def _overlap(ours: int, theirs: int) -> NDArray[np.float64]:
    """How much of one line's cells lies under those of another [ours, theirs], both lines being 1 long."""
    a, b = np.arange(ours)[:, None] / ours, np.arange(theirs)[None] / theirs
    return np.clip(np.minimum(a + 1 / ours, b + 1 / theirs) - np.maximum(a, b), 0, None)
