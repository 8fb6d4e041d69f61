"""Quantization-aware finetuning: what is rounded, that it helps, and what it refuses."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe, QatRecipe
from sentio_mobile.distill.qat import finetune
from sentio_mobile.models.blocks import unfold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MAX_LOGIT, MobileViTSettings, ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.quantization.fake_quant import FakeQuant, FakeQuantWeight, fake_quantize, observing_ranges
from sentio_mobile.recipes import load_recipe
from sentio_mobile.training.fit import predict

STUDENT = ROOT / "export" / "golden" / "student"


@pytest.fixture
def student() -> Checkpoint:
    return Checkpoint.load(STUDENT)


@pytest.fixture
def recipe() -> QatRecipe:
    recipe = load_recipe(QatRecipe, "finetune", "distill/qat")
    return replace(recipe, training=replace(recipe.training, epochs=16, batch_size=8, learning_rate=5e-4))


def pictures(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(5))


def test_eight_bits_are_eight_bits(student: Checkpoint) -> None:
    network, _ = fake_quantize(student.model)
    given: dict[str, torch.Tensor] = {}
    parts = {name: part for name, part in network.named_modules() if isinstance(part, FakeQuant)}
    for name, part in parts.items():
        part.register_forward_hook(lambda _, __, y, name=name: given.__setitem__(name, y.detach()))
    with torch.inference_mode(), observing_ranges(network.eval()):
        whole = network(pictures())
    with torch.inference_mode():
        answers = network(pictures())
    assert len(parts) > 10 * student.model.settings.layers
    assert set(given) == set(parts)
    for name, values in given.items():
        part = parts[name]
        step = (part.high - part.low) / 255
        assert len(values.unique()) <= 256, name
        assert float(((values / step).round() - values / step).abs().max()) < 1e-3, name
    assert 1e-4 < float((answers - whole).abs().max()) < 0.3


def test_weights_have_a_scale_for_each_channel() -> None:
    layer = nn.Linear(50, 2, bias=False)
    with torch.no_grad():
        layer.weight[1] *= 1e-3
    given = FakeQuantWeight(layer)(torch.eye(50)).T.detach()
    for row, whole in zip(given, layer.weight.detach(), strict=True):
        step = whole.abs().max() / 127
        assert float((row - whole).abs().max()) <= float(step) / 2 * 1.001
        assert len((row / step).round().unique()) > 20


def test_ranges_leave_room_for_stronger_emotions_and_follow_training(student: Checkpoint) -> None:
    network, _ = fake_quantize(student.model)
    (wide,) = (part for part in network.modules() if isinstance(part, FakeQuant) and part.widest)
    with torch.inference_mode(), observing_ranges(network.eval()):
        network(pictures())
    assert float(wide.low) <= -MAX_LOGIT < MAX_LOGIT <= float(wide.high)
    part = FakeQuant().train()
    for _ in range(400):
        part(torch.tensor([-1.0, 3.0]))
    assert (float(part.low), float(part.high)) == pytest.approx((-1, 3), abs=0.01)
    assert part.eval()(torch.tensor([7.0])).item() == pytest.approx(3, abs=0.03)


def test_gradients_pass_within_the_range_alone() -> None:
    part = FakeQuant((-1.0, 1.0))
    x = torch.tensor([-2.0, 0.3, 2.0], requires_grad=True)
    part(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_a_student_and_its_folded_double_share_weights_and_come_back(student: Checkpoint) -> None:
    network, plain = fake_quantize(student.model)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    back = copy.deepcopy(student.model).eval()
    unfold_norms(back, plain)
    with torch.inference_mode():
        learnt, before = plain(pictures()), student.model.eval()(pictures())
        np.testing.assert_allclose(back(pictures()), learnt, atol=1e-5)
        assert float((learnt - before).abs().max()) > 0.01


@pytest.mark.slow
def test_finetuning_brings_rounded_answers_back(
    student: Checkpoint, data: PreparedData, recipe: QatRecipe, tmp_path: Path
) -> None:
    was = copy.deepcopy(student.model).eval()
    made = finetune(student, data, recipe=recipe, out=tmp_path / "out")
    before, after = (made.evaluation["rounding"][when] for when in ("before", "after"))
    assert after < 0.8 * before
    again = Checkpoint.load(tmp_path / "out")
    np.testing.assert_allclose(
        predict(again.model, again.spec, data, "val"), predict(made.model, made.spec, data, "val"), atol=1e-6
    )
    moved = predict(again.model, again.spec, data, "val") - predict(was, again.spec, data, "val")
    assert 1e-4 < float(np.sqrt(np.mean(moved**2))) < before
    assert made.history[-1]["train_rounded"] < made.history[0]["train_rounded"]
    assert made.evaluation["rounded"]["test"]["songs"] == made.evaluation["test"]["songs"]
    assert made.evaluation["rounded"]["test"]["predicted"] != made.evaluation["test"]["predicted"]
    assert not (tmp_path / "out.training").exists()


def save(settings: ViTSettings | MobileViTSettings, data: PreparedData, place: Path) -> Path:
    spec = spec_of(settings, data.audio)
    Checkpoint(model=build(spec), spec=spec).save(place)
    return place


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--convert"], "--convert has no effect with --qat"),
        (["--cache", "kept"], "--cache has no effect with --qat"),
        (["--recipe", "mobilevit"], "no recipe 'mobilevit' in distill/qat/recipes"),
    ],
)
def test_options_of_another_kind_are_refused(
    options: list[str], words: str, data: PreparedData, tmp_path: Path
) -> None:
    given = ["distill", "--qat", "--teacher", str(STUDENT), "--data", str(data.folder), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*given, *options])
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "out").exists()


def test_only_students_that_integer_kernels_compute_are_taken(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    vit = ViTSettings(layers=1, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))
    layered = replace(tiny_student.model, norm="layer", activation="gelu")
    for settings, words in ((vit, "is a vit"), (layered, "layer normalization and gelu")):
        teacher = save(settings, data, tmp_path / settings.__class__.__name__)
        given = [
            "distill",
            "--qat",
            "--teacher",
            str(teacher),
            "--data",
            str(data.folder),
            "--out",
            str(tmp_path / "x"),
        ]
        result = CliRunner().invoke(main, given)
        assert result.exit_code == 2
        assert words in " ".join(result.output.split())
