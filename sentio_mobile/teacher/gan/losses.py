"""The losses of generator and discriminator."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, pdist, relu

from sentio_mobile.teacher.gan.config import GanTraining


class AdversarialLoss(Protocol):
    """A pair of losses over the discriminator's logits [batch], which are high for clips taken for real."""

    def discriminator(self, real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """The discriminator's loss: low if it tells real from generated clips."""
        ...

    def generator(self, generated: torch.Tensor) -> torch.Tensor:
        """The generator's loss: low if generated clips are taken for real."""
        ...


class BinaryCrossEntropy:
    """The non-saturating losses of Goodfellow et al. (2014, section 3).

    Args:
        real_target: Target probability for real clips.
    """

    def __init__(self, real_target: float) -> None:
        self.real_target = real_target

    def discriminator(self, real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """The mean of both cross entropies."""
        real_loss = binary_cross_entropy_with_logits(real, torch.full_like(real, self.real_target))
        return (real_loss + binary_cross_entropy_with_logits(generated, torch.zeros_like(generated))) / 2

    def generator(self, generated: torch.Tensor) -> torch.Tensor:
        """Cross entropy to 1: the generator's own target is not smoothed."""
        return binary_cross_entropy_with_logits(generated, torch.ones_like(generated))


class Hinge:
    """The hinge losses of Miyato et al. (2018, equations 16 and 17)."""

    def discriminator(self, real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """Zero for logits beyond 1 on the correct side."""
        return (relu(1 - real).mean() + relu(1 + generated).mean()) / 2

    def generator(self, generated: torch.Tensor) -> torch.Tensor:
        """The negative mean logit."""
        return -generated.mean()


def diversity_loss(generated: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """How much less generated clips differ than real clips: 0 if as much or more, 1 if not at all.

    A discriminator sees single clips and cannot notice that all are the same. Mode-seeking regularization raises the
    distances between samples (Mao et al. 2019, section 3); this loss raises them no further than those between real
    clips.

    Args:
        generated: Generated clips [batch, bands, frames], two or more.
        real: Real clips of the same shape and range.
    """
    return relu(1 - mean_distance(generated) / mean_distance(real).clamp_min(1e-6))


def mean_distance(clips: torch.Tensor) -> torch.Tensor:
    """Mean root-mean-square distance over all pairs of clips [n, bands, frames]."""
    flat = clips.float().flatten(1)
    return pdist(flat).mean() / flat.shape[1] ** 0.5


def adversarial_loss(settings: GanTraining) -> AdversarialLoss:
    """The losses that a recipe chooses."""
    return Hinge() if settings.loss == "hinge" else BinaryCrossEntropy(settings.real_target)
