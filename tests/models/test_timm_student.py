"""Students of timm: built by name, saved and loaded, folded into their deployed form, and exported like ours."""

import copy
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from quick_export import quick_golden
from torch import nn
from torch.nn.functional import interpolate

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import InputError, MissingExtraError
from sentio_mobile.export.gates import run_gates
from sentio_mobile.formats.base import write_artifact
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.capture import Capturable, HasFeatureMap
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import TimmSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.models.timm_fold import fold_backbone
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import head_weights
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec, ModelSpec, Precision

SIZE = (64, 96)
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def spec_for(name: str, **settings: float) -> ModelSpec:
    return spec_of(TimmSettings(name=name, output_width=16, **settings), AudioSpec(image_size=SIZE))


def trained(name: str, images: torch.Tensor | None = None) -> nn.Module:
    """A network whose norms, and spread of outputs, are far from those of a new one, as training leaves them."""
    torch.manual_seed(0)
    model = build(spec_for(name))
    images = torch.randn(16, 3, *SIZE) if images is None else images
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = None  # the mean over all batches
            norm.weight.normal_(1, 0.2)
            norm.bias.normal_(0, 0.1)
            norm.reset_running_stats()
        model.train()(images)
        logits = torch.atanh(model.eval()(images))
        model.output.weight.mul_(0.5 / logits.std(dim=0, keepdim=True).T)
        model.output.bias.sub_(torch.atanh(model(images)).mean(dim=0))
    return model


@pytest.mark.parametrize("name", ["test_efficientnet", "test_byobnet", "test_vit"])
def test_timm_student_has_feature_map_and_pooled_vector(name: str) -> None:
    model = build(spec_for(name)).eval()
    image = torch.randn(2, 3, *SIZE)
    assert isinstance(model, HasFeatureMap)
    assert not isinstance(model, Capturable)
    captured = model.capture_map(image)
    torch.testing.assert_close(captured.output, model(image))
    assert captured.features.shape[:2] == (2, model.map_width)
    rows, columns = captured.features.shape[2:]
    assert rows / columns == SIZE[0] / SIZE[1]
    assert captured.pooled.shape == (2, model.pooled_width)
    assert captured.output.abs().max() < 1


def test_timm_student_comes_back_from_checkpoint(tmp_path: Path) -> None:
    model = trained("test_efficientnet")
    Checkpoint(model=model, spec=spec_for("test_efficientnet")).save(tmp_path / "ckpt")
    loaded = Checkpoint.load(tmp_path / "ckpt")
    image = torch.randn(1, 3, *SIZE)
    assert torch.equal(loaded.model(image), model(image))
    assert loaded.spec.settings == {"name": "test_efficientnet", "output_width": 16, "drop_path": 0.0}


# Branches of a convolution, fusions that timm wrote, norms with an activation inside, and norms after linear maps.
@pytest.mark.parametrize("name", ["mobileone_s0", "repvit_m0_9", "test_efficientnet", "levit_128s"])
def test_fold_norms_deploys_timm_student(name: str) -> None:
    model, image = trained(name), torch.randn(4, 3, *SIZE)
    folded = copy.deepcopy(model)
    fold_norms(folded)
    assert not [module for module in folded.modules() if isinstance(module, NORMS)]
    assert sum(weight.numel() for weight in folded.parameters()) < sum(weight.numel() for weight in model.parameters())
    with torch.no_grad():
        assert (model(image) - folded(image)).abs().max() < 1e-4


class Shared(nn.Module):
    """A convolution whose output is used beside the norm after it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.norm.running_mean = torch.randn(4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.conv(image)
        return self.norm(features) + features


def test_bias_of_attention_is_looked_up_once() -> None:
    torch.manual_seed(0)
    model = build(spec_of(TimmSettings(name="levit_128s"), AudioSpec(image_size=(128, 224)))).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("attention_biases"):
                weight.normal_()
    image = torch.randn(1, 3, 128, 224)
    expected = model(image)
    fold_norms(model)
    torch.testing.assert_close(model(image), expected, atol=1e-4, rtol=0)
    called = {str(node.target) for node in torch.export.export(model, (image,)).graph.nodes}
    assert "aten.index.Tensor" not in called


def test_norm_of_shared_features_is_not_folded() -> None:
    model, image = Shared().eval(), torch.randn(1, 3, 8, 8)
    expected = model(image)
    folded = fold_backbone(model, image)
    assert isinstance(folded.norm, nn.BatchNorm2d)
    torch.testing.assert_close(folded(image), expected)


def test_unknown_timm_name_suggests_similar_ones() -> None:
    with pytest.raises(InputError, match="timm has no network 'mobilenetv4_conv_smal'; similar names are mobilenetv4"):
        build(spec_for("mobilenetv4_conv_smal"))
    with pytest.raises(InputError, match="timm has no network 'hf-hub:timm/x'"):
        build(spec_for("hf-hub:timm/x"))


def test_timm_network_refuses_in_one_line() -> None:
    with pytest.raises(InputError, match="has no drop_path: leave it out"):
        build(spec_for("repvit_m0_9", drop_path=0.1))
    with pytest.raises(InputError, match="cannot be built for images of 8 x 8: ") as caught:
        build(spec_of(TimmSettings(name="test_vit"), AudioSpec(image_size=(8, 8))))
    assert "\n" not in str(caught.value)


def test_enormous_timm_network_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(InputError, match=r"vit_7b_patch16_dinov3 has 6,71[0-9],[0-9]{3},[0-9]{3} weights, more than 2"):
        build(spec_of(TimmSettings(name="vit_7b_patch16_dinov3"), AudioSpec()))


def test_missing_timm_names_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("sentio_mobile.models.registry.find_spec", lambda name: None if name == "timm" else find(name))
    with pytest.raises(MissingExtraError, match=r"pip install 'sentio-mobile\[timm\]'"):
        build(spec_for("test_vit"))


def test_recipe_describes_timm_student(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(
        '[model]\narchitecture = "timm"\nname = "test_vit"\ndrop_path = 0.05\n'
        "[training]\nepochs = 1\nbatch_size = 8\nlearning_rate = 1e-3\n"
    )
    recipe = load_recipe(DistillRecipe, str(tmp_path / "x.toml"), "distill")
    assert recipe.model == TimmSettings(name="test_vit", drop_path=0.05)
    assert build(spec_of(recipe.model, AudioSpec(image_size=SIZE))).backbone.num_features == 64


def learned(name: str, songs: torch.Tensor) -> nn.Module:
    """A network that has learned something smooth, so that rounding does not change its outputs much."""
    torch.manual_seed(0)
    model = build(spec_for(name)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(30):
        level = torch.rand(16, 1, 2, 3) * 2 - 1
        image = interpolate(level, size=SIZE, mode="bilinear") + 0.3 * torch.randn(16, 1, *SIZE)
        target = torch.stack([level.mean(dim=(1, 2, 3)), (level[:, 0, 0] - level[:, 0, 1]).mean(dim=1) / 2], dim=1)
        loss = (model(2 * image.expand(-1, 3, -1, -1)) - 0.8 * torch.tanh(2 * target)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        model(songs)
    return model.eval()


@pytest.mark.slow
def test_timm_student_passes_gates_whole_and_in_int8(tmp_path: Path) -> None:
    spec = spec_for("test_efficientnet")
    golden = quick_golden(build(spec).eval(), spec)
    model = learned("test_efficientnet", torch.from_numpy(np.concatenate(golden.inputs(spec))))
    golden = quick_golden(model, spec)
    fold_norms(model)
    options, format_ = (
        QuantizationOptions(Calibration(golden.images(spec.audio)), head=head_weights(model)),
        get_format("onnx"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted = format_.convert(model, spec)
        artifacts = [
            write_artifact(format_, converted, spec=spec, folder=tmp_path, precision=precision, options=options)
            for precision in PRECISIONS
        ]
    loaded = Checkpoint(model=model, spec=spec)
    results = run_gates(artifacts, loaded, golden=golden, data=None, progress=NoProgress())
    assert [result.refusal for result in results] == ["", ""]
    assert [result.parity.verdict for result in results] == ["pass", "pass"]
    assert results[0].parity.max_diff < 1e-4
