"""What a student minimizes that learns to answer in 8 bits as it did in 32, and not to forget how it did in 32."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.functional import mse_loss

from sentio_mobile.distill.config import QatRecipe
from sentio_mobile.models.checkpoint import weights_digest
from sentio_mobile.training.datamodule import Batch


class SelfDistillation:
    """Squared distance to what the student was, of its answers in 8 bits (`rounded`) and in 32 (`whole`).

    Without the second term the weights would only be right when they are rounded, and other precisions would pay.

    Args:
        plain: the network without rounding; it has the weights of the one that is trained.
        was: the student as it was, in evaluation mode; it stays so.
        recipe: the share of the second term.
    """

    def __init__(self, plain: nn.Module, was: nn.Module, recipe: QatRecipe) -> None:
        self._plain, self._was = plain, was
        shares = {"rounded": 1.0, "whole": recipe.whole}
        self.shares: Mapping[str, float] = {name: share for name, share in shares.items() if share > 0}
        self.signature = f"imitation {self.shares} of {weights_digest(was)}"

    def __call__(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Images [batch, 3, height, width]; labels are not looked at."""
        with torch.no_grad():
            target = self._was.to(images.device)(images)
        terms = {"rounded": mse_loss(model(images), target)}
        if "whole" in self.shares:
            terms["whole"] = mse_loss(self._plain(images), target)
        return {"loss": torch.stack([share * terms[name] for name, share in self.shares.items()]).sum(), **terms}
