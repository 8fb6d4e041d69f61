"""Loss terms of distillation for one batch. Each is 0 where student and teacher agree."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import kl_div, layer_norm, mse_loss

_MAX_PREDICTION = 1 - 1e-5
"""Predictions are clipped to this before the inverse of tanh, which is infinite at 1."""


def tempered(predictions: torch.Tensor, temperature: float) -> torch.Tensor:
    """Predictions at another temperature: T tanh(z / T), where z is the input of the network's last tanh.

    Hinton, Vinyals & Dean (2015) divide logits by T before the softmax. Dividing the predictions of a regression by T
    would change nothing: with the factor T^2 of their section 2, T cancels out of a squared error. The counterpart for
    a regression is to divide the input of the tanh. At T = 1 this gives the predictions. As T grows, it approaches z,
    just as distillation approaches the matching of logits in their section 2.1: differences between strong emotions,
    which the tanh compresses and whose gradients it diminishes, count as much as those between mild ones. The factor T
    keeps the slope at 0, and replaces their T^2.

    Args:
        predictions: Predictions in [-1, 1], of any shape.
        temperature: T, 1 or more.
    """
    if temperature == 1:
        return predictions
    logits = torch.atanh(predictions.clamp(-_MAX_PREDICTION, _MAX_PREDICTION))
    return temperature * torch.tanh(logits / temperature)


def feature_loss(projected: torch.Tensor, teacher_features: torch.Tensor) -> torch.Tensor:
    """Mean squared error to the teacher's standardized tokens.

    Without standardization, a few large channels of a transformer would dominate the loss (Wei et al. 2022, section 3,
    "feature whitening").

    Args:
        projected: The student's tokens, projected to the teacher's width [batch, tokens, width].
        teacher_features: The teacher's tokens, `standardized` [batch, tokens, width].
    """
    return mse_loss(projected, teacher_features)


def standardized(features: torch.Tensor) -> torch.Tensor:
    """Scale each token [..., width] to mean 0 and variance 1 over its width."""
    return layer_norm(features, features.shape[-1:])


def attention_loss(
    attention: torch.Tensor, teacher_attention: torch.Tensor, kind: Literal["kl", "mse"]
) -> torch.Tensor:
    """Distance between the attention distributions of student and teacher, averaged over tokens.

    Squared errors are summed over the attended tokens and not averaged: their mean is of the order of one over the
    squared number of tokens, which is too small to have an effect.

    Args:
        attention: The student's attention [batch, tokens, tokens]; rows sum to 1.
        teacher_attention: The teacher's attention between the same tokens.
        kind: `kl` for the Kullback-Leibler divergence from the student's to the teacher's distribution in nats, or
            `mse` for squared errors.
    """
    if kind == "mse":
        return (attention - teacher_attention).square().sum(dim=-1).mean()
    rows = attention.shape[0] * attention.shape[1]
    return kl_div(attention.clamp_min(1e-8).log(), teacher_attention, reduction="sum") / rows


def gather_attention(attention: torch.Tensor, indices: torch.Tensor | None) -> torch.Tensor:
    """Restrict attention to some tokens, and normalize its rows to a sum of 1 again.

    Args:
        attention: Attention [batch, all tokens, all tokens].
        indices: Indices of the tokens [batch, tokens]; None for all tokens.

    Returns:
        Attention [batch, tokens, tokens].
    """
    if indices is None:
        return attention
    rows = attention.gather(1, indices[:, :, None].expand(-1, -1, attention.shape[2]))
    selected = rows.gather(2, indices[:, None, :].expand(-1, indices.shape[1], -1))
    return selected / selected.sum(dim=-1, keepdim=True).clamp_min(1e-8)


def gather_tokens(features: torch.Tensor, indices: torch.Tensor | None) -> torch.Tensor:
    """Select some tokens.

    Args:
        features: Tokens [batch, all tokens, width].
        indices: Indices of the tokens [batch, tokens]; None for all tokens.

    Returns:
        Tokens [batch, tokens, width].
    """
    if indices is None:
        return features
    return features.gather(1, indices[:, :, None].expand(-1, -1, features.shape[2]))
