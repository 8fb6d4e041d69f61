"""Training objectives: the loss of one batch. They do not depend on the training loop, nor the loop on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import mse_loss, softplus

from sentio_mobile.training.clip_features import clip_features
from sentio_mobile.training.clips import Batch
from sentio_mobile.training.config import WeakLabelSettings
from sentio_mobile.training.embedding_loss import EmbeddingLoss


class Objective(Protocol):
    """Computes the named terms of a loss for one batch; the term `loss` is the one that is minimized.

    Attributes:
        signature: Identifies the objective. A run is resumed only with the objective that it was started with.
        weights: Weights in the loss of the terms that must contribute to training; empty if there is only one term.
    """

    signature: str
    weights: Mapping[str, float]

    def __call__(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Compute the terms.

        Args:
            model: The network.
            images: The batch's clips as network input [batch, 3, height, width].
            batch: The batch.
        """


def gather_batch(share: torch.Tensor) -> torch.Tensor:
    """Concatenate the shares [clips, ...] that the processes have of a batch, with gradients to each of them.

    The CCC of a batch is not a mean over its parts, so every process computes the loss of the whole batch. The
    gradients that n processes send to a share add up to n times its gradient, and distributed training averages over
    the processes: the result equals the gradient of a single process.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return share
    return torch.cat(list(all_gather(share)))


def regression_loss(
    predicted: torch.Tensor, target: torch.Tensor, ccc_share: float, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Weighted sum of the mean squared error and 1 - CCC, over the clips of a batch that have labels.

    The mean squared error alone draws predictions towards the mean; the CCC counteracts that.

    Args:
        predicted: Predictions [batch, 2].
        target: Labels [batch, 2]; NaN where there is no label.
        ccc_share: Weight of 1 - CCC, from 0 to 1; the rest is the weight of the mean squared error.
        weights: How much each label counts [batch, 2], 1 in the mean over all training songs; None if all count alike.
            The CCC is then that of weighted moments.

    Returns:
        A scalar. It is 0, but part of the graph, if no clip has a label.
    """
    share, predicted, target = predicted, gather_batch(predicted), gather_batch(target)
    known = ~target.isnan().any(dim=1)
    if not known.any():
        return 0 * predicted.sum()
    predicted, target = predicted[known], target[known]
    if weights is None:
        squared_error = mse_loss(predicted, target)
    else:
        weights = gather_batch(weights.expand(len(share), 2))[known]
        squared_error = (weights * (predicted - target) ** 2).mean()
    if ccc_share == 0:
        return squared_error

    def mean(values: torch.Tensor) -> torch.Tensor:
        return values.mean(dim=0) if weights is None else (weights * values).sum(dim=0) / weights.sum(dim=0)

    p_mean, t_mean = mean(predicted), mean(target)
    p, t = predicted - p_mean, target - t_mean
    scale = mean(p**2) + mean(t**2) + (p_mean - t_mean) ** 2
    ccc = 2 * mean(p * t) / scale.clamp_min(1e-8)
    return (1 - ccc_share) * squared_error + ccc_share * (1 - ccc).mean()


def weak_label_loss(predicted: torch.Tensor, weak_labels: torch.Tensor, sharpness: float) -> torch.Tensor:
    """Logistic loss for predictions that should be on a known side of neutral.

    A prediction a is read as the probability 1 / (1 + exp(-sharpness * a)) that people call the song high. A weak
    label of size below 1, as mixup makes them, has a proportionally smaller weight.

    Args:
        predicted: Predictions [batch, 2] in [-1, 1].
        weak_labels: Weak labels [batch, 2] from -1 (surely low) to 1 (surely high); 0 where unknown.
        sharpness: Slope of the logistic curve at 0.

    Returns:
        A scalar. It is 0, but part of the graph, if there are no weak labels.
    """
    predicted, weak_labels = gather_batch(predicted), gather_batch(weak_labels)
    weights = weak_labels.abs()
    losses = softplus(-sharpness * weak_labels.sign() * predicted)
    return (weights * losses).sum() / weights.sum().clamp_min(1e-8)


class Supervised(nn.Module):
    """Learn from labels, from weak labels where there are no others, and from an encoder's embeddings.

    Args:
        ccc_share: Weight of 1 - CCC in the loss, from 0 to 1.
        first_weights: Identifies the weights that training starts from.
        weak_labels: Settings for weak labels; None if there are none.
        embeddings: The terms of an encoder's embeddings; None if no clip has some.
        weighed: Whether labels count by the weights of the batch.
    """

    def __init__(
        self,
        ccc_share: float,
        first_weights: str,
        weak_labels: WeakLabelSettings | None = None,
        *,
        embeddings: EmbeddingLoss | None = None,
        weighed: bool = False,
    ) -> None:
        super().__init__()
        self.ccc_share, self._weak_labels, self._embeddings = ccc_share, weak_labels, embeddings
        self._weighed = weighed
        self.weights: Mapping[str, float] = {}
        self.signature = f"supervised {ccc_share}, first weights {first_weights}"
        if weighed:
            self.signature += ", weighed by raters"
        if weak_labels is not None:
            self.weights = {"labels": 1.0, "weak_labels": weak_labels.weight}
            self.signature += f", {weak_labels}"
        if embeddings is not None:
            self.weights = {"labels": 1.0, **self.weights, **embeddings.weights}
            self.signature += f", {embeddings.signature}"

    def forward(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Compute the terms for images [batch, 3, height, width]."""
        terms: dict[str, torch.Tensor] = {}
        if self._embeddings is None:
            predicted = model(images)
        else:
            features = clip_features(model, images)
            predicted, terms = features.output, self._embeddings(features, batch)
        labels = regression_loss(predicted, batch.labels, self.ccc_share, batch.weights if self._weighed else None)
        if not self.weights:
            return {"loss": labels}
        terms["labels"] = labels
        if self._weak_labels is not None:
            terms["weak_labels"] = weak_label_loss(predicted, batch.weak_labels, self._weak_labels.sharpness)
        return {"loss": torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum(), **terms}
