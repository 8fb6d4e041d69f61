"""Each term is 0 where student and teacher agree, and what it says of a temperature is true."""

from typing import Literal

import pytest
import torch

from sentio_mobile.distill.losses import (
    attention_loss,
    feature_loss,
    gather_attention,
    gather_tokens,
    standardized,
    tempered,
)


def test_a_temperature_of_one_leaves_answers_and_a_high_one_gives_what_the_tanh_was_given() -> None:
    inner = torch.linspace(-3, 3, 13)
    answers = torch.tanh(inner)
    assert tempered(answers, 1) is answers
    torch.testing.assert_close(tempered(answers, 1000.0), inner, atol=1e-3, rtol=0)
    torch.testing.assert_close(tempered(answers, 6.0), 6 * torch.tanh(inner / 6), atol=1e-4, rtol=1e-4)
    assert tempered(torch.tensor([-1.0, 1.0]), 6.0).isfinite().all()


def test_a_temperature_brings_back_the_gradient_that_strong_answers_lose() -> None:
    def pull(inner: float, temperature: float) -> float:
        z = torch.tensor([inner], requires_grad=True)
        wanted = torch.tanh(torch.tensor([inner + 0.5]))
        (tempered(torch.tanh(z), temperature) - tempered(wanted, temperature)).square().sum().backward()
        assert z.grad is not None
        return abs(float(z.grad))

    assert pull(2.0, 1.0) < 0.05 * pull(0.0, 1.0)
    assert pull(2.0, 6.0) > 0.6 * pull(0.0, 6.0)


@pytest.mark.parametrize("kind", ["kl", "mse"])
def test_attention_that_agrees_costs_nothing_and_any_other_something_worth_learning(kind: Literal["kl", "mse"]) -> None:
    torch.manual_seed(0)
    taught = torch.softmax(2 * torch.randn(2, 197, 197), dim=-1)
    assert attention_loss(taught, taught, kind).item() == pytest.approx(0, abs=1e-5)
    even = torch.full_like(taught, 1 / 197)
    assert attention_loss(even, taught, kind) > (0.5 if kind == "kl" else 0.05)
    inner = torch.zeros(2, 197, 197, requires_grad=True)
    attention_loss(torch.softmax(inner, dim=-1), taught, kind).backward()
    assert inner.grad is not None
    assert inner.grad.norm() > 1e-4


def test_divergence_is_that_of_the_textbook() -> None:
    p, q = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]), torch.tensor([[[0.25, 0.75], [0.9, 0.1]]])
    wanted = (0.5 * torch.log(torch.tensor(2.0)) + 0.5 * torch.log(torch.tensor(2 / 3))) / 2
    torch.testing.assert_close(attention_loss(q, p, "kl"), wanted)


def test_large_channels_do_not_drown_the_others() -> None:
    features = torch.randn(4, 9, 16)
    loud = features * torch.tensor([1000.0] + [1.0] * 15)
    assert standardized(features).std(dim=-1, correction=0) == pytest.approx(1, abs=1e-3)
    assert feature_loss(standardized(loud), standardized(loud)) == 0


def test_of_the_kept_tokens_rows_sum_to_one_again() -> None:
    attention = torch.softmax(torch.randn(2, 9, 9), dim=-1)
    places = torch.tensor([[0, 3, 8], [0, 1, 2]])
    kept = gather_attention(attention, places)
    torch.testing.assert_close(kept.sum(dim=-1), torch.ones(2, 3))
    wanted = attention[0][[0, 3, 8]][:, [0, 3, 8]]
    torch.testing.assert_close(kept[0], wanted / wanted.sum(dim=-1, keepdim=True))
    features = torch.randn(2, 9, 5)
    assert torch.equal(gather_tokens(features, places)[0], features[0][[0, 3, 8]])
    assert gather_attention(attention, None) is attention
    assert gather_tokens(features, None) is features
