"""What goes on inside a transformer: hidden states and attention of chosen blocks, at no cost when nobody asks.

A model that can be observed is an `Observable`: a network whose forward is

    self.answer(self.blocks(self.patch_dropout(self.tokens(image))))

Nothing is hooked or switched: `observe` walks through the same parts in the same order, and has a block whose attention
is asked for give its weights too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from sentio_mobile.errors import InputError
from sentio_mobile.models.blocks import PatchDropout


@runtime_checkable
class Observable(Protocol):
    """A network of blocks that mix a class token and patches of a picture by attention."""

    patch_dropout: PatchDropout

    @property
    def blocks(self) -> nn.Sequential:
        """Its blocks, first to last, each from tokens [batch, tokens, width] to the same."""
        ...

    @property
    def grid(self) -> tuple[int, int]:
        """Patches along the height and the width of the picture; token 1 + row * width + column is the patch there."""
        ...

    @property
    def width(self) -> int:
        """Of each token."""
        ...

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, 1 + patches, tokens' width], the class token first, positions added."""
        ...

    def attend(self, block: nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What a block makes of tokens, and the weights with which it mixed them [batch, heads, tokens, tokens]."""
        ...

    def answer(self, tokens: torch.Tensor) -> torch.Tensor:
        """The last block's tokens -> the head -> valence and arousal [batch, 2]."""
        ...


@dataclass(frozen=True)
class Observation:
    """What was asked for, by the number of the block, the first being 0.

    Attributes:
        output: the answer [batch, 2], the same as an ordinary forward's.
        hidden: tokens [batch, tokens, width] as a block leaves them, before the last norm.
        attention: weights [batch, heads, tokens, tokens]; the row of a token sums to 1 over those that it attends to.
        places: which of all tokens those are that a training step kept [batch, tokens]; None where it kept all.
    """

    output: torch.Tensor
    hidden: dict[int, torch.Tensor]
    attention: dict[int, torch.Tensor]
    places: torch.Tensor | None = None


def observe(
    model: nn.Module, image: torch.Tensor, hidden: Collection[int] = (), attention: Collection[int] = ()
) -> Observation:
    """A forward that keeps what it meets. Gradients flow through all that it gives.

    Args:
        model: an `Observable`.
        image: the model's input [batch, 3, height, width].
        hidden: blocks whose hidden states are wanted, from 0.
        attention: blocks whose attention is wanted, from 0.

    Raises:
        InputError: the model is not observable, or has no such block.
    """
    watched = require_observable(model)
    check_blocks(len(watched.blocks), hidden)
    check_blocks(len(watched.blocks), attention)
    states: dict[int, torch.Tensor] = {}
    weights: dict[int, torch.Tensor] = {}
    tokens, places = watched.patch_dropout.draw(watched.tokens(image))
    for number, block in enumerate(watched.blocks):
        if number in attention:
            tokens, weights[number] = watched.attend(block, tokens)
        else:
            tokens = block(tokens)
        if number in hidden:
            states[number] = tokens
    return Observation(watched.answer(tokens), states, weights, places)


def require_observable(model: nn.Module) -> Observable:
    """The model, known to be observable.

    Raises:
        InputError: it is not: it has no blocks that attend.
    """
    if not isinstance(model, Observable):
        raise InputError(f"a {type(model).__name__} cannot be observed; give a transformer: vit, ast or mobilevit")
    return model


def check_blocks(count: int, blocks: Collection[int]) -> None:
    """Refuse numbers that are none of a model's blocks.

    Raises:
        InputError: a number is below 0, or not below `count`.
    """
    for number in blocks:
        if not 0 <= number < count:
            raise InputError(f"there is no block {number}; the model has {count}, from 0 to {count - 1}")
