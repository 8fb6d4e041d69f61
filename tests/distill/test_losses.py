"""Loss terms are 0 where student and teacher agree, and the temperature does what its docstring states."""

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


def test_tempered_limits() -> None:
    logits = torch.linspace(-3, 3, 13)
    predictions = torch.tanh(logits)
    assert tempered(predictions, 1) is predictions
    torch.testing.assert_close(tempered(predictions, 1000.0), logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(tempered(predictions, 6.0), 6 * torch.tanh(logits / 6), atol=1e-4, rtol=1e-4)
    assert tempered(torch.tensor([-1.0, 1.0]), 6.0).isfinite().all()


def test_tempered_gradient_of_strong_emotions() -> None:
    def pull(logits: float, temperature: float) -> float:
        z = torch.tensor([logits], requires_grad=True)
        expected = torch.tanh(torch.tensor([logits + 0.5]))
        (tempered(torch.tanh(z), temperature) - tempered(expected, temperature)).square().sum().backward()
        assert z.grad is not None
        return abs(float(z.grad))

    assert pull(2.0, 1.0) < 0.05 * pull(0.0, 1.0)
    assert pull(2.0, 6.0) > 0.6 * pull(0.0, 6.0)


@pytest.mark.parametrize("kind", ["kl", "mse"])
def test_attention_loss_equal_and_uniform(kind: Literal["kl", "mse"]) -> None:
    torch.manual_seed(0)
    teacher = torch.softmax(2 * torch.randn(2, 197, 197), dim=-1)
    assert attention_loss(teacher, teacher, kind).item() == pytest.approx(0, abs=1e-5)
    even = torch.full_like(teacher, 1 / 197)
    assert attention_loss(even, teacher, kind) > (0.5 if kind == "kl" else 0.05)
    logits = torch.zeros(2, 197, 197, requires_grad=True)
    attention_loss(torch.softmax(logits, dim=-1), teacher, kind).backward()
    assert logits.grad is not None
    assert logits.grad.norm() > 1e-4


def test_attention_loss_kl_value() -> None:
    p, q = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]), torch.tensor([[[0.25, 0.75], [0.9, 0.1]]])
    expected = (0.5 * torch.log(torch.tensor(2.0)) + 0.5 * torch.log(torch.tensor(2 / 3))) / 2
    torch.testing.assert_close(attention_loss(q, p, "kl"), expected)


def test_standardized_large_channel() -> None:
    features = torch.randn(4, 9, 16)
    scaled = features * torch.tensor([1000.0] + [1.0] * 15)
    assert standardized(features).std(dim=-1, correction=0) == pytest.approx(1, abs=1e-3)
    assert feature_loss(standardized(scaled), standardized(scaled)) == 0


def test_gather_gathered_tokens() -> None:
    attention = torch.softmax(torch.randn(2, 9, 9), dim=-1)
    indices = torch.tensor([[0, 3, 8], [0, 1, 2]])
    gathered = gather_attention(attention, indices)
    torch.testing.assert_close(gathered.sum(dim=-1), torch.ones(2, 3))
    expected = attention[0][[0, 3, 8]][:, [0, 3, 8]]
    torch.testing.assert_close(gathered[0], expected / expected.sum(dim=-1, keepdim=True))
    features = torch.randn(2, 9, 5)
    assert torch.equal(gather_tokens(features, indices)[0], features[0][[0, 3, 8]])
    assert gather_attention(attention, None) is attention
    assert gather_tokens(features, None) is features
