"""Sizes, shapes, and that what is folded for export says the same as what was trained."""

import copy

import pytest
import torch
from torchvision.models import vit_b_16

from sentio_mobile.models.blocks import PatchDropout, fold_norms
from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.models.vit import ViT
from sentio_mobile.spec import AudioSpec


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_student_has_five_to_eight_million_parameters_and_a_14_by_14_grid() -> None:
    model = MobileViT(MobileViTSettings())
    assert 5e6 < parameters(model) < 8e6
    assert model.position.shape == (1, 1 + 14 * 14, 384)
    assert model(torch.rand(2, 3, 224, 224)).shape == (2, 2)


def test_the_default_teacher_is_torchvisions_vit_b_16() -> None:
    with torch.device("meta"):
        ours, theirs = ViT(ViTSettings()), vit_b_16()
    wanted = {name: weight.shape for name, weight in theirs.state_dict().items() if not name.startswith("heads.")}
    assert {name: weight.shape for name, weight in ours.backbone.state_dict().items()} == wanted
    assert 85e6 < parameters(ours) < 88e6


def test_the_teacher_adds_what_torchvision_adds() -> None:
    settings = ViTSettings(layers=2, heads=2, width=32, mlp_width=64)
    model = ViT(settings).eval()
    image = torch.rand(2, 3, 224, 224)
    wanted = model.head(model.backbone(image))
    torch.testing.assert_close(model(image), wanted)


def test_folding_leaves_the_answers_and_no_norm() -> None:
    torch.manual_seed(0)
    model = MobileViT(MobileViTSettings(layers=2, heads=2, head_width=16, width=64, mlp_width=128))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(8, 3, 224, 224))
    model.eval()
    folded = copy.deepcopy(model)
    fold_norms(folded)
    assert not any("BatchNorm" in type(module).__name__ for module in folded.modules())
    image = torch.rand(4, 3, 224, 224)
    with torch.no_grad():
        assert model(image).std() > 1e-3
        torch.testing.assert_close(folded(image), model(image), atol=1e-5, rtol=0)


def test_patch_dropout_keeps_the_class_token_and_only_in_training() -> None:
    dropout = PatchDropout(keep=5)
    tokens = torch.arange(20.0).reshape(1, 20, 1).expand(3, -1, 4)
    kept = dropout(tokens)
    assert kept.shape == (3, 6, 4)
    assert (kept[:, 0] == 0).all()
    assert all(len(set(row.tolist())) == 6 for row in kept[:, :, 0])
    assert dropout.eval()(tokens) is tokens


@pytest.mark.parametrize("settings", [MobileViTSettings(), ViTSettings(layers=1, heads=1, width=16, mlp_width=16)])
def test_a_spec_builds_the_same_network_after_a_trip_through_json(settings: MobileViTSettings | ViTSettings) -> None:
    import json

    from sentio_mobile.spec import ModelSpec

    spec = spec_of(settings, AudioSpec())
    again = ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert {n: w.shape for n, w in build(again).state_dict().items()} == {
        n: w.shape for n, w in build(spec).state_dict().items()
    }
