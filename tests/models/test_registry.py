"""Networks that the registry builds: their sizes, their shapes, and that a spec is all that is needed."""

import json

import pytest
import torch
from torchvision.models import vit_b_16

from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.models.vit import ViT
from sentio_mobile.spec import AudioSpec, ModelSpec


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_mobilevit_default_size_and_grid() -> None:
    model = MobileViT(MobileViTSettings())
    assert 5e6 < parameters(model) < 8e6
    assert model.position.shape == (1, 1 + 14 * 14, 384)
    assert model(torch.rand(2, 3, 224, 224)).shape == (2, 2)


def test_vit_default_is_torchvision_vit_b_16() -> None:
    with torch.device("meta"):
        model, reference = ViT(ViTSettings()), vit_b_16()
    expected = {name: w.shape for name, w in reference.state_dict().items() if not name.startswith("heads.")}
    assert {name: weight.shape for name, weight in model.backbone.state_dict().items()} == expected
    assert 85e6 < parameters(model) < 88e6


def test_vit_output_equals_torchvision_backbone_and_head() -> None:
    model = ViT(ViTSettings(layers=2, heads=2, width=32, mlp_width=64)).eval()
    image = torch.rand(2, 3, 224, 224)
    torch.testing.assert_close(model(image), model.head(model.backbone(image)))


@pytest.mark.parametrize("settings", [MobileViTSettings(), ViTSettings(layers=1, heads=1, width=16, mlp_width=16)])
def test_build_from_spec_read_from_json(settings: MobileViTSettings | ViTSettings) -> None:
    spec = spec_of(settings, AudioSpec())
    reread = ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert {n: w.shape for n, w in build(reread).state_dict().items()} == {
        n: w.shape for n, w in build(spec).state_dict().items()
    }
