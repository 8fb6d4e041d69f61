"""What generator and discriminator minimize."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, pdist, relu

from sentio_mobile.teacher.gan.config import GanTraining


class Adversarial(Protocol):
    """A pair of losses over logits [batch], high for clips that are taken for real."""

    def discriminator(self, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """To tell real clips from made-up ones."""
        ...

    def generator(self, made: torch.Tensor) -> torch.Tensor:
        """To be taken for real."""
        ...


class BinaryCrossEntropy:
    """The non-saturating pair (Goodfellow et al. 2014, section 3); `real_target` is what real clips count as."""

    def __init__(self, real_target: float) -> None:
        self.real_target = real_target

    def discriminator(self, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """Half the sum of both cross entropies."""
        wanted = torch.full_like(real, self.real_target)
        told = binary_cross_entropy_with_logits(real, wanted)
        return (told + binary_cross_entropy_with_logits(made, torch.zeros_like(made))) / 2

    def generator(self, made: torch.Tensor) -> torch.Tensor:
        """Cross entropy to 1: the generator's own target is not smoothed."""
        return binary_cross_entropy_with_logits(made, torch.ones_like(made))


class Hinge:
    """The hinge pair (Miyato et al. 2018, equations 16 and 17)."""

    def discriminator(self, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """Nothing is paid for logits beyond 1 on the right side."""
        return (relu(1 - real).mean() + relu(1 + made).mean()) / 2

    def generator(self, made: torch.Tensor) -> torch.Tensor:
        """The logits themselves."""
        return -made.mean()


def sameness(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """How much less a batch of samples differ than a batch of real clips: 0 for as much or more, 1 for not at all.

    A discriminator sees clip by clip and cannot tell that all are alike. Distances between samples are what
    mode-seeking regularization raises (Mao et al. 2019, section 3); here no further than those between real clips.

    Args:
        made: [batch, bands, frames], two or more.
        real: the same shape, in the same range.
    """
    return relu(1 - spread(made) / spread(real).clamp_min(1e-6))


def spread(clips: torch.Tensor) -> torch.Tensor:
    """Mean root-mean-square distance between clips [n, bands, frames], over all pairs."""
    flat = clips.float().flatten(1)
    return pdist(flat).mean() / flat.shape[1] ** 0.5


def loss_of(settings: GanTraining) -> Adversarial:
    """The pair that a recipe asks for."""
    return Hinge() if settings.loss == "hinge" else BinaryCrossEntropy(settings.real_target)
