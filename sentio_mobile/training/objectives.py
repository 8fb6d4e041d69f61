"""What a training step minimizes. An objective knows nothing of the loop, and the loop nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import mse_loss

from sentio_mobile.training.dataset import Batch


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
    """Mean squared error and 1 - CCC of the batch, mixed.

    The mean squared error alone pulls predictions to the mean; the concordance pays for spreading them out.

    Args:
        predicted: [batch, 2].
        target: [batch, 2].
        ccc_share: share of 1 - CCC, from 0 to 1.
    """
    predicted, target = of_all_processes(predicted), of_all_processes(target)
    squared = mse_loss(predicted, target)
    if ccc_share == 0:
        return squared
    p, t = predicted - predicted.mean(dim=0), target - target.mean(dim=0)
    scale = (p**2).mean(dim=0) + (t**2).mean(dim=0) + (predicted.mean(dim=0) - target.mean(dim=0)) ** 2
    concordance = 2 * (p * t).mean(dim=0) / scale.clamp_min(1e-8)
    return (1 - ccc_share) * squared + ccc_share * (1 - concordance).mean()


class Supervised:
    """Learn from people's labels alone.

    Args:
        ccc_share: share of 1 - CCC in the loss.
        first_weights: tells the weights that training starts from.
    """

    def __init__(self, ccc_share: float, first_weights: str) -> None:
        self.ccc_share = ccc_share
        self.shares: Mapping[str, float] = {}
        self.signature = f"supervised {ccc_share}, first weights {first_weights}"

    def __call__(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Images [batch, 3, height, width], labels in [-1, 1]."""
        return {"loss": regression_loss(model(images), batch.labels, self.ccc_share)}
