"""Attention rollout: how much of each patch reaches the class token through all blocks (Abnar and Zuidema 2020).

It follows attention alone: what the values and the perceptrons do with a patch does not show. It says where a model
looks, not why it answers as it does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


def rollout(attention: Sequence[torch.Tensor]) -> torch.Tensor:
    """The product over blocks of (A + I) / 2, A being a block's attention in the mean over its heads.

    Section 3 of Abnar and Zuidema, Quantifying Attention Flow in Transformers, 2020; half of each matrix stands for the
    residual path.

    Args:
        attention: weights [batch, heads, tokens, tokens] of one block or more, from the first to the last.

    Returns:
        Shares [batch, tokens, tokens]: how much of token j, before the first block, is in token i behind the last. Each
        row sums to 1.
    """
    shares = torch.eye(attention[0].shape[-1], device=attention[0].device).expand(attention[0].shape[0], -1, -1)
    for weights in attention:
        mixed = (weights.mean(dim=1) + torch.eye(weights.shape[-1], device=weights.device)) / 2
        shares = mixed @ shares
    return shares


def patches_to_class(shares: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """The class token's row of `rollout` as pictures [batch, rows, columns]; its share of itself is left out."""
    return shares[:, 0, 1:].reshape(-1, *grid)
