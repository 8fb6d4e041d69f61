"""What can be chosen about what a student learns. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sentio_mobile.errors import RecipeError


@dataclass(frozen=True)
class ResponseSettings:
    """Response distillation: people's labels (`hard`) and the teacher's answers (`soft`), by their shares.

    `temperature` is that at which the teacher's answers are followed, see `sentio_mobile.distill.losses.tempered`; 1
    follows them as they are. `weight` is that of the whole in the loss.
    """

    weight: float = 0.3
    hard: float = 0.3
    soft: float = 0.7
    temperature: float = 6.0

    def __post_init__(self) -> None:
        _check_weights("response", weight=self.weight, hard=self.hard, soft=self.soft)
        if not self.temperature >= 1:
            raise RecipeError(f"response.temperature must be 1 or more, not {self.temperature!r}")
        if self.weight * (self.hard + self.soft) == 0:
            raise RecipeError("response: weight, and hard or soft, must be above 0, or no answer is learnt at all")


@dataclass(frozen=True)
class FeatureSettings:
    """Feature distillation: what the teacher's tokens hold, through a linear projection to its width.

    Each of the student's `blocks`, counted from 0, learns from the one of `teacher_blocks` that stands at its place.
    Without `blocks` they are the middle and the last one; without `teacher_blocks` those at the same relative depth.
    """

    weight: float = 0.4
    blocks: tuple[int, ...] = ()
    teacher_blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_weights("features", weight=self.weight)
        _check_pairs("features", self.blocks, self.teacher_blocks)


@dataclass(frozen=True)
class AttentionSettings:
    """Attention distillation: where the teacher looks, in the mean over heads. Blocks are as in `FeatureSettings`.

    `loss` compares the two distributions of each token: `kl` by the Kullback-Leibler divergence, `mse` by squares.
    """

    weight: float = 0.3
    blocks: tuple[int, ...] = ()
    teacher_blocks: tuple[int, ...] = ()
    loss: Literal["kl", "mse"] = "kl"

    def __post_init__(self) -> None:
        _check_weights("attention", weight=self.weight)
        _check_pairs("attention", self.blocks, self.teacher_blocks)


def _check_weights(where: str, **weights: float) -> None:
    for name, value in weights.items():
        if not value >= 0:
            raise RecipeError(f"{where}.{name} must be 0 or more, not {value!r}")


def _check_pairs(where: str, blocks: tuple[int, ...], teacher_blocks: tuple[int, ...]) -> None:
    if len(set(blocks)) < len(blocks):
        raise RecipeError(f"{where}.blocks names a block twice: {list(blocks)}")
    if teacher_blocks and len(teacher_blocks) != len(blocks):
        raise RecipeError(f"{where}.teacher_blocks must be as many as {where}.blocks, which are {len(blocks)}")
