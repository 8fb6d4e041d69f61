"""Quantization-aware finetuning: what is rounded, that it helps, and what it refuses."""

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
def test_finetuning_brings_rounded_answers_back(
    student: Checkpoint, data: PreparedData, recipe: QatRecipe, tmp_path: Path
) -> None:
    was = copy.deepcopy(student.model).eval()
    made = finetune(student, data, recipe=recipe, out=tmp_path / "out")
    assert made.evaluation.quantization_error is not None
    before, after = made.evaluation.quantization_error.before, made.evaluation.quantization_error.after
    assert after < 0.8 * before
    again = Checkpoint.load(tmp_path / "out")
    np.testing.assert_allclose(
        predict(again.model, again.spec, data, "val"), predict(made.model, made.spec, data, "val"), atol=1e-6
    )
    moved = predict(again.model, again.spec, data, "val") - predict(was, again.spec, data, "val")
    assert 1e-4 < float(np.sqrt(np.mean(moved**2))) < before
    assert made.history[-1]["train_int8"] < made.history[0]["train_rounded"]
    assert made.evaluation.fake_quantized.songs == made.evaluation.test.songs
    assert made.evaluation.fake_quantized.predicted != made.evaluation.test.predicted
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
