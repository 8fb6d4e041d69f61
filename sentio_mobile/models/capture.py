"""Hidden states and attention weights of chosen transformer blocks, for distillation and explanations.

Nothing is hooked or switched: `capture` runs the parts of a network one after another, as the network's own forward
does, and computes attention weights only for the blocks that they are requested for. A network that supports this is
`Capturable`; its forward is

    self.readout(self.blocks(self.patch_dropout(self.tokens(image))))

or the same function at less cost: `readout` reads the tokens before the patches, and the last block need not compute
others.
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
class Capturable(Protocol):
    """A transformer over a class token and image patches whose hidden states and attention can be captured.

    There may be further tokens beside the class token: `patch_dropout.first` of them stand before the patches.
    """

    patch_dropout: PatchDropout

    @property
    def blocks(self) -> nn.Sequential:
        """The transformer blocks, first to last, each [batch, tokens, width] -> the same shape."""
        ...

    @property
    def grid(self) -> tuple[int, int]:
        """Number of patches along the height and the width of the image.

        Patches follow each other row by row: number row * grid width + column is in that row and column.
        """
        ...

    @property
    def width(self) -> int:
        """Width of a token."""
        ...

    def tokens(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> [batch, first + patches, width], positions added."""
        ...

    def attend(self, block: nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run a block; return its output tokens and attention weights [batch, heads, tokens, tokens]."""
        ...

    def readout(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens of the last block [batch, tokens, width] -> valence and arousal [batch, 2].

        It reads `patch_dropout.first` of them; the others may be missing.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Captured:
    """The captured tensors, by the number of the block, counted from 0.

    Attributes:
        output: Valence and arousal [batch, 2], the same as from the network's own forward.
        hidden: Output tokens of a block [batch, 1 + patches, width], before the last norm. The first is the class
            token; where there are others beside it, their mean.
        attention: Attention weights of a block [batch, heads, 1 + patches, 1 + patches]; each row sums to 1. Tokens
            beside the class token count as one with it.
        token_indices: Indices of the tokens that a training step kept [batch, tokens]; None if it kept all.
    """

    output: torch.Tensor
    hidden: dict[int, torch.Tensor]
    attention: dict[int, torch.Tensor]
    token_indices: torch.Tensor | None = None


def capture(
    model: nn.Module, image: torch.Tensor, *, hidden: Collection[int] = (), attention: Collection[int] = ()
) -> Captured:
    """Run a network and capture hidden states and attention weights. Gradients flow through all of them.

    Args:
        model: A `Capturable` network.
        image: Network input [batch, 3, height, width].
        hidden: Blocks whose hidden states are captured, counted from 0.
        attention: Blocks whose attention weights are captured, counted from 0.

    Raises:
        InputError: The network is not capturable, or has no such block.
    """
    network = require_capturable(model)
    check_blocks(len(network.blocks), hidden)
    check_blocks(len(network.blocks), attention)
    states: dict[int, torch.Tensor] = {}
    weights: dict[int, torch.Tensor] = {}
    first = network.patch_dropout.first
    tokens, indices = network.patch_dropout.sample(network.tokens(image))
    for number, block in enumerate(network.blocks):
        if number in attention:
            tokens, attended = network.attend(block, tokens)
            weights[number] = _one_class_row(_one_class_column(attended, first), first)
        else:
            tokens = block(tokens)
        if number in hidden:
            states[number] = _one_class_row(tokens, first)
    return Captured(output=network.readout(tokens), hidden=states, attention=weights, token_indices=indices)


def _one_class_row(values: torch.Tensor, first: int) -> torch.Tensor:
    """[..., first + patches, n] -> [..., 1 + patches, n]: what stands before the patches becomes its mean."""
    if first == 1:
        return values
    return torch.cat([values[..., :first, :].mean(dim=-2, keepdim=True), values[..., first:, :]], dim=-2)


def _one_class_column(weights: torch.Tensor, first: int) -> torch.Tensor:
    """[..., first + patches] -> [..., 1 + patches]: attention to what stands before the patches is added up."""
    if first == 1:
        return weights
    return torch.cat([weights[..., :first].sum(dim=-1, keepdim=True), weights[..., first:]], dim=-1)


def require_capturable(model: nn.Module) -> Capturable:
    """Return the network as a `Capturable`.

    Raises:
        InputError: It is not one, because it has no attention blocks.
    """
    if not isinstance(model, Capturable):
        raise InputError(
            f"a {type(model).__name__} has no attention to capture; use a transformer: vit, ast or mobilevit"
        )
    return model


def check_blocks(count: int, blocks: Collection[int]) -> None:
    """Check block numbers against the number of blocks.

    Raises:
        InputError: A number is below 0, or not below `count`.
    """
    for number in blocks:
        if not 0 <= number < count:
            raise InputError(f"there is no block {number}; the model has {count}, from 0 to {count - 1}")


@runtime_checkable
class HasFeatureMap(Protocol):
    """A convolutional network whose last feature map can be captured: what it has in place of tokens.

    The map's columns are equal parts of the image's width, which is the clip's time; its rows those of the mel bands.
    """

    @property
    def map_width(self) -> int:
        """Channels of the map."""
        ...

    @property
    def pooled_width(self) -> int:
        """Numbers of the vector that the head reads, which need not be those of the map."""
        ...

    def capture_map(self, image: torch.Tensor) -> CapturedMap:
        """[batch, 3, height, width] -> the predictions, and what they were made from. Gradients flow through all."""
        ...


@dataclass(frozen=True, kw_only=True)
class CapturedMap:
    """What a network with a feature map computes for a batch.

    Attributes:
        output: Valence and arousal [batch, 2], the same as from the network's own forward.
        features: The last feature map [batch, channels, rows, columns].
        pooled: The vector that the head reads [batch, width]: one for the whole clip.
    """

    output: torch.Tensor
    features: torch.Tensor
    pooled: torch.Tensor


@runtime_checkable
class HasLinearHead(HasFeatureMap, Protocol):
    """A network whose output is tanh of one linear layer on the pooled vector, so that the layer can be solved for."""

    @property
    def linear_head(self) -> nn.Linear:
        """The layer [pooled width -> 2]."""
        ...
