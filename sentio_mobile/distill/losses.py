"""The terms of the distillation loss, each for one batch, each 0 where student and teacher agree."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import kl_div, layer_norm, mse_loss

_MOST = 1 - 1e-5
"""Answers are kept inside this before their tanh is undone; float32 has no finite inverse of 1."""


def tempered(answers: torch.Tensor, temperature: float) -> torch.Tensor:
    """Answers as they would be at another temperature: T tanh(z / T), z being what the last tanh was given.

    Hinton, Vinyals & Dean (2015) divide logits by T before their softmax. Dividing a regression's answers by T would
    change nothing: with the factor T^2 of their section 2, T falls out of a squared error. What corresponds is to
    divide what goes into the tanh. At T = 1 these are the answers. As T grows they become z itself, as in their
    section 2.1 distillation becomes the matching of logits: differences between strong emotions, which the tanh presses
    together and whose gradients it takes away, count like those between mild ones. The factor T keeps the slope at 0,
    and takes the place of their T^2.

    Args:
        answers: in [-1, 1], of any shape.
        temperature: 1 or more.
    """
    if temperature == 1:
        return answers
    return temperature * torch.tanh(torch.atanh(answers.clamp(-_MOST, _MOST)) / temperature)


def feature_loss(projected: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Mean squared error to the teacher's tokens, each standardized over its width.

    Without standardization a few large channels of a transformer are all that counts (Wei et al. 2022, section 3,
    "feature whitening").

    Args:
        projected: the student's tokens in the teacher's width [batch, tokens, width].
        taught: `standardized` tokens of the teacher [batch, tokens, width].
    """
    return mse_loss(projected, taught)


def standardized(features: torch.Tensor) -> torch.Tensor:
    """Each token [..., width] with mean 0 and variance 1 over its width."""
    return layer_norm(features, features.shape[-1:])


def attention_loss(attention: torch.Tensor, taught: torch.Tensor, kind: Literal["kl", "mse"]) -> torch.Tensor:
    """How far each token's distribution over tokens is from the teacher's, in the mean over tokens.

    Squares are summed over the tokens that are looked at, not averaged: their mean is of the order of one over the
    square of the number of tokens, too small to teach anything.

    Args:
        attention: the student's [batch, tokens, tokens]; rows sum to 1.
        taught: the teacher's, between the same tokens.
        kind: `kl`, the divergence of the student's from the teacher's in nats, or `mse`.
    """
    if kind == "mse":
        return (attention - taught).square().sum(dim=-1).mean()
    rows = attention.shape[0] * attention.shape[1]
    return kl_div(attention.clamp_min(1e-8).log(), taught, reduction="sum") / rows


def gather_attention(attention: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
    """Attention [batch, all, all] between the tokens in `places` [batch, tokens] alone; rows sum to 1 again."""
    if places is None:
        return attention
    rows = attention.gather(1, places[:, :, None].expand(-1, -1, attention.shape[2]))
    kept = rows.gather(2, places[:, None, :].expand(-1, places.shape[1], -1))
    return kept / kept.sum(dim=-1, keepdim=True).clamp_min(1e-8)


def gather_tokens(features: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
    """Features [batch, all, width] of the tokens in `places` [batch, tokens]."""
    if places is None:
        return features
    return features.gather(1, places[:, :, None].expand(-1, -1, features.shape[2]))
