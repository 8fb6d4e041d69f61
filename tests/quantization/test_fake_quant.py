"""What is rounded to 8 bits, how, and that gradients pass."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.models.blocks import unfold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MAX_LOGIT
from sentio_mobile.quantization.activation_ranges import Range
from sentio_mobile.quantization.fake_quant import (
    FakeQuant,
    FakeQuantWeight,
    fake_quantize,
    fake_quantize_activation,
    fake_quantize_weight,
    observing_ranges,
)


@pytest.fixture
def student() -> nn.Module:
    return Checkpoint.load(ROOT / "export" / "golden" / "student").model


def images(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(5))


def test_fake_quantize_weight_zero_and_largest() -> None:
    weight = torch.tensor([[0.0, -2.0, 1.0, 0.004], [0.0, 0.0, 0.0, 0.0]])
    rounded = fake_quantize_weight(weight)
    assert rounded[0, :2].tolist() == [0.0, -2.0]
    assert rounded[1].tolist() == [0.0] * 4
    assert len(set(rounded[0].tolist())) == 3, "0.004 is under half a step of 2 / 127"


@pytest.mark.parametrize(("low", "high"), [(-2.0, 1.0), (0.5, 1.0)])
def test_fake_quantize_activation_zero_and_clipping(low: float, high: float) -> None:
    values = fake_quantize_activation(torch.tensor([-2.0, 0.0, 1.0, 9.0]), torch.tensor(low), torch.tensor(high))
    assert values[1] == 0
    np.testing.assert_allclose(values, [min(low, 0), 0, 1, 1], atol=3 / 255)


def test_fake_quantize_all_activations_have_8_bits(student: nn.Module) -> None:
    network, _ = fake_quantize(student)
    outputs: dict[str, torch.Tensor] = {}
    parts = {name: part for name, part in network.named_modules() if isinstance(part, FakeQuant)}
    for name, part in parts.items():
        part.register_forward_hook(lambda _, __, y, name=name: outputs.__setitem__(name, y.detach()))
    with torch.inference_mode(), observing_ranges(network.eval()):
        unrounded = network(images())
    with torch.inference_mode():
        rounded = network(images())
    assert len(parts) > 16 * student.settings.layers
    assert set(outputs) == set(parts)
    for name, values in outputs.items():
        part = parts[name]
        step = (part.high - part.low) / 255
        assert len(values.unique()) <= 256, name
        assert float(((values / step).round() - values / step).abs().max()) < 1e-3, name
    assert 1e-4 < float((rounded - unrounded).abs().max()) < 0.3


def test_fake_quantize_residual_path_is_not_rounded(student: nn.Module) -> None:
    network, _ = fake_quantize(student)

    def sources(name: str) -> set[str]:
        """What a value is made from, up to the next sum, layer or rounding."""
        (node,) = (one for one in network.graph.nodes if one.name == name)
        found = set()
        for before in node.all_input_nodes:
            found |= {before.name} if not before.name.startswith("getitem") else sources(before.name)
        return found

    sums = [node.name for node in network.graph.nodes if node.name.startswith("add") and "fake" not in node.name]
    assert len(sums) == 1 + 2 * student.settings.layers
    for before, after in pairwise(sums):
        assert before in sources(after), f"{after} takes a rounded {before}"


def test_fake_quant_weight_one_scale_per_channel() -> None:
    layer = nn.Linear(50, 2, bias=False)
    with torch.no_grad():
        layer.weight[1] *= 1e-3
    rounded = FakeQuantWeight(layer)(torch.eye(50)).T.detach()
    for row, weight in zip(rounded, layer.weight.detach(), strict=True):
        step = weight.abs().max() / 127
        assert float((row - weight).abs().max()) <= float(step) / 2 * 1.001
        assert len((row / step).round().unique()) > 20


def test_fake_quant_range_before_tanh_and_in_training(student: nn.Module) -> None:
    network, _ = fake_quantize(student)
    (logits,) = (part for part in network.modules() if isinstance(part, FakeQuant) and part.min_limit)
    with torch.inference_mode(), observing_ranges(network.eval()):
        network(images())
    assert float(logits.low) <= -MAX_LOGIT < MAX_LOGIT <= float(logits.high)
    part = FakeQuant().train()
    for _ in range(400):
        part(torch.tensor([-1.0, 3.0]))
    assert (float(part.low), float(part.high)) == pytest.approx((-1, 3), abs=0.01)
    assert part.eval()(torch.tensor([7.0])).item() == pytest.approx(3, abs=0.03)


def test_fake_quant_gradient_within_range_only() -> None:
    part = FakeQuant(Range(-1.0, 1.0))
    x = torch.tensor([-2.0, 0.3, 2.0], requires_grad=True)
    part(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_fake_quantize_shares_weights_with_folded_network(student: nn.Module) -> None:
    network, folded = fake_quantize(student)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    unfolded = copy.deepcopy(student).eval()
    unfold_norms(unfolded, folded)
    with torch.inference_mode():
        trained, before = folded(images()), student.eval()(images())
        np.testing.assert_allclose(unfolded(images()), trained, atol=1e-5)
        assert float((trained - before).abs().max()) > 0.01
