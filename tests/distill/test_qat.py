"""Quantization-aware training: it reduces the rounding error, and refuses unsuitable checkpoints."""

import copy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe, QatRecipe
from sentio_mobile.distill.qat import finetune
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.models.registry import build, spec_of
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


@pytest.mark.slow
def test_finetune_reduces_quantization_error(
    student: Checkpoint, data: PreparedData, recipe: QatRecipe, tmp_path: Path
) -> None:
    original = copy.deepcopy(student.model).eval()
    finetuned = finetune(student, data, recipe=recipe, out=tmp_path / "out")
    assert finetuned.evaluation.quantization_error is not None
    before, after = finetuned.evaluation.quantization_error.before, finetuned.evaluation.quantization_error.after
    assert after < 0.8 * before
    loaded = Checkpoint.load(tmp_path / "out")
    np.testing.assert_allclose(
        predict(loaded.model, loaded.spec, data, "val"),
        predict(finetuned.model, finetuned.spec, data, "val"),
        atol=1e-6,
    )
    change = predict(loaded.model, loaded.spec, data, "val") - predict(original, loaded.spec, data, "val")
    assert 1e-4 < float(np.sqrt(np.mean(change**2))) < before
    assert finetuned.history[-1]["train_int8"] < finetuned.history[0]["train_int8"]
    assert finetuned.evaluation.fake_quantized.songs == finetuned.evaluation.test.songs
    assert finetuned.evaluation.fake_quantized.predicted != finetuned.evaluation.test.predicted
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
def test_distill_qat_refused_options(options: list[str], words: str, data: PreparedData, tmp_path: Path) -> None:
    command = [
        "distill",
        "--qat",
        "--teacher",
        str(STUDENT),
        "--data",
        str(data.folder),
        "--out",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(main, [*command, *options])
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "out").exists()


def test_distill_qat_refused_students(data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path) -> None:
    vit = ViTSettings(layers=1, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))
    layer_norm = replace(tiny_student.model, norm="layer", activation="gelu")
    for settings, words in ((vit, "is a vit"), (layer_norm, "layer normalization and gelu")):
        teacher = save(settings, data, tmp_path / settings.__class__.__name__)
        command = [
            "distill",
            "--qat",
            "--teacher",
            str(teacher),
            "--data",
            str(data.folder),
            "--out",
            str(tmp_path / "x"),
        ]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2
        assert words in " ".join(result.output.split())
