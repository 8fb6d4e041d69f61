"""What a training step minimizes. An objective knows nothing of the loop, and the loop nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import mse_loss, softplus

from sentio_mobile.training.config import WeakLabelSettings
from sentio_mobile.training.datamodule import Batch


class Objective(Protocol):
    """Named terms of a loss for one batch; `loss` is the one that is minimized.

    Attributes:
        signature: tells this objective from any other: a run is resumed only with the one that it was started with.
        shares: weights of the named terms in the loss, of each that must teach; empty where there is only one.
    """

    signature: str
    shares: Mapping[str, float]

    def __call__(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Images [batch, 3, height, width] of the batch's clips, as the model takes them."""


def of_all_processes(mine: torch.Tensor) -> torch.Tensor:
    """A batch [clips, ...] put together from the shares of all processes, with gradients to each.

    The concordance of a batch is no mean over its parts. Each process sends the gradients of the whole loss back to
    all shares; their sum over n processes, averaged by distributed training, is the gradient of one process alone.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return mine
    return torch.cat(list(all_gather(mine)))  # type: ignore[no-untyped-call]


def regression_loss(predicted: torch.Tensor, target: torch.Tensor, ccc_share: float) -> torch.Tensor:
    """Mean squared error and 1 - CCC of the batch, mixed, over the clips that have labels.

    The mean squared error alone pulls predictions to the mean; the concordance pays for spreading them out.

    Args:
        predicted: [batch, 2].
        target: [batch, 2]; NaN where nobody has said.
        ccc_share: share of 1 - CCC, from 0 to 1.

    Returns:
        A scalar; 0, still a part of the graph, where no clip has a label.
    """
    predicted, target = of_all_processes(predicted), of_all_processes(target)
    known = ~target.isnan().any(dim=1)
    if not known.any():
        return 0 * predicted.sum()
    predicted, target = predicted[known], target[known]
    squared = mse_loss(predicted, target)
    if ccc_share == 0:
        return squared
    p, t = predicted - predicted.mean(dim=0), target - target.mean(dim=0)
    scale = (p**2).mean(dim=0) + (t**2).mean(dim=0) + (predicted.mean(dim=0) - target.mean(dim=0)) ** 2
    concordance = 2 * (p * t).mean(dim=0) / scale.clamp_min(1e-8)
    return (1 - ccc_share) * squared + ccc_share * (1 - concordance).mean()


def weak_label_loss(predicted: torch.Tensor, sides: torch.Tensor, sharpness: float) -> torch.Tensor:
    """Logistic loss of answers that should be on a given side of neutral, over what is known.

    An answer a is read as a probability 1 / (1 + exp(-sharpness a)) that people would call the song high. A side that
    is half known, as mixup makes them, counts half.

    Args:
        predicted: [batch, 2] in [-1, 1].
        sides: from -1, surely low, to 1, surely high [batch, 2]; 0 is not known.
        sharpness: how soon an answer that leaves the middle is sure.

    Returns:
        A scalar; 0, still a part of the graph, where nothing is known.
    """
    predicted, sides = of_all_processes(predicted), of_all_processes(sides)
    weights = sides.abs()
    losses = softplus(-sharpness * sides.sign() * predicted)
    return (weights * losses).sum() / weights.sum().clamp_min(1e-8)


class Supervised:
    """Learn from what people said: labels, and where there are none but a side of neutral is known, from that.

    Args:
        ccc_share: share of 1 - CCC in the loss.
        first_weights: tells the weights that training starts from.
        sides: how sides are learnt from; None where there are none.
    """

    def __init__(self, ccc_share: float, first_weights: str, sides: WeakLabelSettings | None = None) -> None:
        self.ccc_share, self._sides = ccc_share, sides
        self.shares: Mapping[str, float] = {} if sides is None else {"labels": 1.0, "sides": sides.weight}
        self.signature = f"supervised {ccc_share}, first weights {first_weights}{'' if sides is None else f', {sides}'}"

    def __call__(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Images [batch, 3, height, width], labels in [-1, 1]."""
        answers = model(images)
        labels = regression_loss(answers, batch.labels, self.ccc_share)
        if self._sides is None:
            return {"loss": labels}
        sides = weak_label_loss(answers, batch.sides, self._sides.sharpness)
        return {"loss": labels + self._sides.weight * sides, "labels": labels, "sides": sides}
