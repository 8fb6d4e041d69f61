"""The losses of both networks, on logits and clips whose losses are known."""

import math

import pytest
import torch

from sentio_mobile.teacher.gan.config import GanTraining
from sentio_mobile.teacher.gan.losses import BinaryCrossEntropy, Hinge, adversarial_loss, diversity_loss


def test_binary_cross_entropy_is_least_at_the_smoothed_target() -> None:
    loss = BinaryCrossEntropy(0.9)
    certain = torch.full((4,), -50.0)
    losses = {p: float(loss.discriminator(torch.full((4,), math.log(p / (1 - p))), certain)) for p in (0.8, 0.9, 0.99)}
    assert min(losses, key=lambda p: losses[p]) == 0.9
    assert losses[0.9] == pytest.approx(-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)) / 2, abs=1e-5)
    assert float(loss.generator(torch.zeros(3))) == pytest.approx(math.log(2))


def test_hinge_is_zero_beyond_one() -> None:
    loss = Hinge()
    assert float(loss.discriminator(torch.tensor([1.0, 7.0]), torch.tensor([-1.0, -9.0]))) == 0
    assert float(loss.discriminator(torch.tensor([0.0]), torch.tensor([0.5]))) == pytest.approx((1 + 1.5) / 2)
    assert float(loss.generator(torch.tensor([2.0, 4.0]))) == -3
    assert isinstance(adversarial_loss(GanTraining(epochs=1, steps=1, loss="hinge")), Hinge)
    assert isinstance(adversarial_loss(GanTraining(epochs=1, steps=1)), BinaryCrossEntropy)


def test_diversity_loss_separates_samples_up_to_real_distances() -> None:
    torch.manual_seed(0)
    real = torch.rand(4, 16, 20)
    same = real[:1].repeat(4, 1, 1) + 0.01 * torch.rand(4, 16, 20)
    same.requires_grad_(True)
    assert float(diversity_loss(real, real)) == pytest.approx(0, abs=1e-6)
    assert float(diversity_loss(real * 3, real)) == 0
    loss = diversity_loss(same, real)
    assert loss.item() > 0.9
    loss.backward()
    assert same.grad is not None
    assert float(diversity_loss((same - 5 * same.grad).detach(), real)) < loss.item() - 0.01
