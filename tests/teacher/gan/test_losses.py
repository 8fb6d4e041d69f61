"""What the two networks minimize, on logits and clips whose losses are known."""

import math

import pytest
import torch

from sentio_mobile.teacher.gan.config import GanTraining
from sentio_mobile.teacher.gan.losses import BinaryCrossEntropy, Hinge, loss_of, sameness


def test_cross_entropy_is_least_where_real_clips_have_the_smoothed_target() -> None:
    loss = BinaryCrossEntropy(0.9)
    sure = torch.full((4,), -50.0)
    at = {p: float(loss.discriminator(torch.full((4,), math.log(p / (1 - p))), sure)) for p in (0.8, 0.9, 0.99)}
    assert min(at, key=lambda p: at[p]) == 0.9
    assert at[0.9] == pytest.approx(-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)) / 2, abs=1e-5)
    assert float(loss.generator(torch.zeros(3))) == pytest.approx(math.log(2))


def test_the_hinge_pays_nothing_beyond_one() -> None:
    loss = Hinge()
    assert float(loss.discriminator(torch.tensor([1.0, 7.0]), torch.tensor([-1.0, -9.0]))) == 0
    assert float(loss.discriminator(torch.tensor([0.0]), torch.tensor([0.5]))) == pytest.approx((1 + 1.5) / 2)
    assert float(loss.generator(torch.tensor([2.0, 4.0]))) == -3
    assert isinstance(loss_of(GanTraining(epochs=1, steps=1, loss="hinge")), Hinge)
    assert isinstance(loss_of(GanTraining(epochs=1, steps=1)), BinaryCrossEntropy)


def test_samples_that_are_alike_are_pushed_apart_and_no_further_than_real_ones() -> None:
    torch.manual_seed(0)
    real = torch.rand(4, 16, 20)
    same = real[:1].repeat(4, 1, 1) + 0.01 * torch.rand(4, 16, 20)
    same.requires_grad_(True)
    assert float(sameness(real, real)) == pytest.approx(0, abs=1e-6)
    assert float(sameness(real * 3, real)) == 0
    loss = sameness(same, real)
    assert loss.item() > 0.9
    loss.backward()
    assert same.grad is not None
    assert float(sameness((same - 5 * same.grad).detach(), real)) < loss.item() - 0.01
