"""A student of another package: one file and one entry point, through every step from the recipe to the bundle."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sentio_mobile
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import InputError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import CustomSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe

MODULE = """
from torch import nn

ONNX = {"AveragePool"}


def build(options, image_size):
    width = int(options.get("width", 8))
    pool = [nn.AdaptiveAvgPool2d(4), nn.Flatten()]
    return nn.Sequential(*pool, nn.Linear(48, width), nn.ReLU(), nn.Linear(width, 2), nn.Tanh())
"""
RECIPE = """
[model]
architecture = "custom"
name = "toy"
options = { width = 16 }
[training]
epochs = 2
batch_size = 8
learning_rate = 1e-3
"""


@pytest.fixture
def toy_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package as pip would install it, with one entry point."""
    folder = tmp_path / "site"
    info = folder / "toy_student-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "toy_student.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-student\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sentio_mobile.students]\ntoy = toy_student:build\n[sentio_mobile.operators]\nonnx = toy_student:ONNX\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    # Conversions run in processes of their own, which have to find the package, too.
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("toy_package")
def test_custom_student_goes_from_recipe_to_bundle(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    (tmp_path / "toy.toml").write_text(RECIPE)
    recipe = load_recipe(DistillRecipe, str(tmp_path / "toy.toml"), "distill")
    assert recipe.model == CustomSettings(name="toy", options={"width": 16})
    teacher = sentio_mobile.train_teacher(data=data, out=tmp_path / "teacher", recipe=tiny_teacher)
    sentio_mobile.distill(teacher=teacher, data=data, out=tmp_path / "student", recipe=recipe)
    student = Checkpoint.load(tmp_path / "student")
    assert student.spec.architecture == "custom"
    assert sum(weights.numel() for weights in student.model.parameters()) == 48 * 16 + 16 + 16 * 2 + 2
    bundle = sentio_mobile.export(
        tmp_path / "student", out=tmp_path / "bundle", formats=["onnx"], forms=["spectrogram"]
    )
    assert bundle.spec.settings == {"name": "toy", "width": 16}
    assert bundle.artifacts[0].label == "onnx spectrogram fp32"


def test_missing_custom_student_names_the_known_ones(toy_package: Path) -> None:
    spec = spec_of(CustomSettings(name="other"), AudioSpec())
    with pytest.raises(InputError, match="no installed package adds a student 'other'; known: toy"):
        build(spec)


@pytest.mark.usefixtures("toy_package")
def test_wrong_options_are_one_line() -> None:
    spec = spec_of(CustomSettings(name="toy", options={"width": "wide"}), AudioSpec())
    with pytest.raises(InputError, match="the student 'toy' cannot be built: invalid literal for int"):
        build(spec)
