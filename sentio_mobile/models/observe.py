"""What goes on inside a transformer: hidden states and attention of chosen blocks, at no cost when nobody asks.

A model that can be observed is an `Observable`: a network around torchvision's `Encoder`, whose forward is

    self.answer(self.encoder.layers(self.encoder.dropout(self.tokens(image))))

`tokens` makes the tokens, class token first, with their positions; `answer` is the last norm and the head; `grid` says
how the patches lie in the picture. Nothing is hooked or switched: `observe` walks through the same parts in the same
order, and beside a block whose attention is asked for it works the weights out once more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torchvision.models.vision_transformer import Encoder, EncoderBlock

from sentio_mobile.errors import InputError


@runtime_checkable
class Observable(Protocol):
    """A network whose tokens go through torchvision's `Encoder`."""

    @property
    def encoder(self) -> Encoder:
        """Its blocks are `encoder.layers`; its own forward, and its adding of positions, are not used."""
        ...

    @property
    def grid(self) -> tuple[int, int]:
        """Patches along the height and the width of the picture; token 1 + row * width + column is the patch there."""
        ...

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, 1 + patches, tokens' width], the class token first, positions added."""
        ...

    def answer(self, tokens: torch.Tensor) -> torch.Tensor:
        """The last block's tokens -> the last norm, the head -> valence and arousal [batch, 2]."""
        ...


@dataclass(frozen=True)
class Observation:
    """What was asked for, by the number of the block, the first being 0.

    Attributes:
        output: the answer [batch, 2], the same as an ordinary forward's.
        hidden: tokens [batch, tokens, width] as a block leaves them, before the last norm.
        attention: weights [batch, heads, tokens, tokens]; the row of a token sums to 1 over those that it attends to.
    """

    output: torch.Tensor
    hidden: dict[int, torch.Tensor]
    attention: dict[int, torch.Tensor]


def observe(
    model: nn.Module, image: torch.Tensor, hidden: Collection[int] = (), attention: Collection[int] = ()
) -> Observation:
    """A forward that keeps what it meets. Gradients flow through all that it gives.

    Args:
        model: an `Observable`.
        image: the model's input [batch, 3, height, width].
        hidden: blocks whose hidden states are wanted, from 0.
        attention: blocks whose attention is wanted, from 0; each costs about half an attention more.

    Raises:
        InputError: the model is not observable, or has no such block.
    """
    watched = require_observable(model)
    layers = watched.encoder.layers
    check_blocks(len(layers), hidden)
    check_blocks(len(layers), attention)
    states: dict[int, torch.Tensor] = {}
    weights: dict[int, torch.Tensor] = {}
    tokens = watched.encoder.dropout(watched.tokens(image))
    for number, block in enumerate(layers):
        if number in attention:
            weights[number] = attention_of(block, tokens)
        tokens = block(tokens)
        if number in hidden:
            states[number] = tokens
    return Observation(watched.answer(tokens), states, weights)


def attention_of(block: EncoderBlock, tokens: torch.Tensor) -> torch.Tensor:
    """The weights [batch, heads, tokens, tokens] with which `block` mixes `tokens` [batch, tokens, width]."""
    normed = block.ln_1(tokens)
    _, weights = block.self_attention(normed, normed, normed, need_weights=True, average_attn_weights=False)
    return weights


def require_observable(model: nn.Module) -> Observable:
    """The model, known to be observable.

    Raises:
        InputError: it is not: it has no transformer encoder of torchvision's.
    """
    if not isinstance(model, Observable):
        raise InputError(f"a {type(model).__name__} cannot be observed; give a model of the architecture vit or ast")
    return model


def check_blocks(count: int, blocks: Collection[int]) -> None:
    """Refuse numbers that are none of a model's blocks.

    Raises:
        InputError: a number is below 0, or not below `count`.
    """
    for number in blocks:
        if not 0 <= number < count:
            raise InputError(f"there is no block {number}; the model has {count}, from 0 to {count - 1}")
