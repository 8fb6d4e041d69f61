"""The last block computes what the head reads and nothing else, and the predictions stay the same."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sentio_mobile.models.ast import AST
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.capture import capture
from sentio_mobile.models.config import ASTSettings, MobileViTSettings, ViTSettings
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.models.vit import ViT

SIZE = (64, 64)
STUDENT = MobileViTSettings(
    stem_widths=(8, 16, 32), layers=2, heads=2, head_width=8, width=64, mlp_width=64, output_width=32, patch_keep=9
)
LAYER_NORM = MobileViTSettings(
    stem_widths=(8, 16), layers=1, heads=2, head_width=8, width=32, mlp_width=64, norm="layer", activation="gelu"
)
NETWORKS = {
    "student": lambda: MobileViT(STUDENT, SIZE),
    "one block, layer norm": lambda: MobileViT(LAYER_NORM, SIZE),
    "vit": lambda: ViT(ViTSettings(layers=3, heads=2, width=32, mlp_width=64), SIZE),
    "two tokens": lambda: AST(ASTSettings(layers=2, heads=2, width=32, mlp_width=64, distillation_token=True), SIZE),
}


@pytest.fixture(params=NETWORKS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    """A network whose predictions differ from image to image: before training most of its branches are nearly zero."""
    torch.manual_seed(0)
    network = NETWORKS[request.param]().eval()
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5)
        elif not parameter.any() and name.endswith("weight"):
            nn.init.ones_(parameter)
    return network


def images() -> torch.Tensor:
    noise = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    return noise + torch.arange(4.0).reshape(4, 1, 1, 1)


def operations(model: nn.Module) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images())
    return counter.get_total_flops()


def test_forward_equals_all_tokens_of_the_last_block(model: nn.Module) -> None:
    blocks = len(model.blocks)
    with torch.no_grad():
        captured = capture(model, images(), hidden=(blocks - 1,), attention=(blocks - 1,))
        assert float(captured.output.std(dim=0).min()) > 1e-3
        torch.testing.assert_close(model(images()), captured.output, atol=1e-6, rtol=0)
        fold_norms(model)
        torch.testing.assert_close(model(images()), captured.output, atol=1e-6, rtol=0)


def test_forward_computes_less_than_all_tokens(model: nn.Module) -> None:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        capture(model, images())
    assert operations(model) < 0.97 * counter.get_total_flops()


def test_forward_gradients_are_those_of_all_tokens(model: nn.Module) -> None:
    other = copy.deepcopy(model)
    model(images()).square().sum().backward()
    capture(other, images()).output.square().sum().backward()
    wanted = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.grad is not None or wanted[name].grad is not None:
            torch.testing.assert_close(parameter.grad, wanted[name].grad, atol=1e-5, rtol=1e-4, msg=name)


def test_student_in_training_norms_see_all_tokens() -> None:
    torch.manual_seed(0)
    student = MobileViT(STUDENT, SIZE).train()
    other = copy.deepcopy(student)
    torch.manual_seed(1)
    output = student(images())
    torch.manual_seed(1)
    torch.testing.assert_close(output, capture(other, images()).output, atol=0, rtol=0)
    wanted = dict(other.named_buffers())
    for name, values in student.named_buffers():
        torch.testing.assert_close(values, wanted[name], atol=0, rtol=0, msg=name)
