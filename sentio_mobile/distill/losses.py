"""The terms of the distillation loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from sentio_mobile.recipes import ResponseSettings
from sentio_mobile.training.checkpoint import weights_digest
from sentio_mobile.training.objectives import regression_loss


class ResponseDistillation:
    """Learn from people's labels and from the teacher's answers to the very same augmented clip.

    Hinton, Vinyals & Dean (2015), section 2, with regression in place of classes: a weighted sum of a loss on the hard
    targets and one on the soft targets. That teacher and student see the same augmentation is what makes a student
    follow its teacher as a function (Beyer et al. 2022, "A good teacher is patient and consistent").

    Args:
        teacher: a frozen network that takes what the student takes.
        response: the two shares.
        ccc_share: share of 1 - CCC in both losses.
    """

    def __init__(self, teacher: nn.Module, response: ResponseSettings, ccc_share: float) -> None:
        self.teacher = teacher.eval().requires_grad_(False)
        self.response, self.ccc_share = response, ccc_share
        self.signature = f"response {response} {ccc_share} {weights_digest(teacher)}"

    def __call__(self, model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Images [batch, 3, size, size], labels [batch, 2] in [-1, 1]."""
        self.teacher.to(images.device)
        with torch.no_grad():
            taught = self.teacher(images)
        answers = model(images)
        hard = regression_loss(answers, labels, self.ccc_share)
        soft = regression_loss(answers, taught, self.ccc_share)
        return {"loss": self.response.hard * hard + self.response.soft * soft, "hard": hard, "soft": soft}
