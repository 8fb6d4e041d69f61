"""A stem with a time stride: as many tokens as of a narrow image, and filters that see every frame."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec

SETTINGS = MobileViTSettings(
    stem_widths=(8, 16, 32), layers=1, heads=2, head_width=8, width=32, mlp_width=32, output_width=8, time_stride=6
)


def student(width: int, settings: MobileViTSettings = SETTINGS) -> MobileViT:
    torch.manual_seed(0)
    return MobileViT(settings, (32, width)).eval()


@pytest.mark.parametrize(("width", "columns"), [(1344, 14), (1292, 14), (1249, 14), (1248, 13), (97, 2), (96, 1)])
def test_tokens_are_as_many_as_of_an_image_of_a_sixth_of_the_width(width: int, columns: int) -> None:
    model = student(width)
    assert model.grid == (2, columns)
    with torch.inference_mode():
        assert model.stem(torch.rand(1, 3, 32, width)).shape == (1, 2 * columns, 32)
        assert model(torch.rand(3, 3, 32, width)).shape == (3, 2)


def test_every_column_counts() -> None:
    model = student(1292)
    image = torch.rand(1, 3, 32, 1292, requires_grad=True)
    (model.stem(image) * torch.randn(1, 28, 32)).sum().backward()
    assert image.grad is not None
    assert (image.grad[0, 0].abs().amax(dim=0) > 0).all()
    assert not image.grad[0, 1:].any()  # the three channels are equal: one is read


def test_zeros_are_as_many_at_both_ends() -> None:
    model = student(1292)
    first = model.stem.layers[0]
    assert isinstance(first, nn.Sequential)
    conv = first[0]
    assert isinstance(conv, nn.Conv2d)
    image = torch.rand(1, 3, 32, 1292)
    filled = nn.functional.pad(image[:, :1], (29, 29, 1, 1))
    with torch.inference_mode():
        torch.testing.assert_close(conv(image[:, :1]), conv2d(filled, conv.weight, stride=(2, 12)))
    assert filled.shape[3] == (112 - 1) * 12 + 18


def test_without_a_stride_the_stem_is_the_one_before() -> None:
    model = student(64, MobileViTSettings(stem_widths=(8,), layers=1, width=32, mlp_width=32))
    first = model.stem.layers[0]
    assert isinstance(first, nn.Sequential)
    assert first[0].weight.shape == (8, 3, 3, 3)
    assert model.grid == (8, 16)


def test_spec_keeps_the_stride() -> None:
    spec = spec_of(SETTINGS, AudioSpec(image_size=(128, 1292)))
    assert spec.settings["time_stride"] == 6
    model = build(spec)
    assert isinstance(model, MobileViT)
    assert model.grid == (8, 14)
