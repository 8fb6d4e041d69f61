"""Two runs of one recipe on one machine make the same bundle, byte by byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from quick_export import export_quickly
from support import TINY_STUDENT, tree

from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec

RECIPE = (
    """
source = "generated"
student_start = "random"

[generated]
songs = 32
seed = 3

[teacher.model]
layers = 2
heads = 2
width = 32
mlp_width = 64
head_widths = [16]
head_dropout = [0.1, 0.1]

[teacher.training]
epochs = 2
batch_size = 8
learning_rate = 2e-3

[distill.model]
"""
    + TINY_STUDENT
    + """
[distill.training]
epochs = 2
batch_size = 8
learning_rate = 2e-3

[export]
formats = ["torchscript", "onnx"]
forms = ["spectrogram"]
precisions = ["fp32"]
"""
)


@pytest.mark.slow
def test_bundles_of_trainings_that_took_other_times_are_equal(tiny_student: DistillRecipe, tmp_path: Path) -> None:
    spec = spec_of(tiny_student.model, AudioSpec())
    torch.manual_seed(0)
    model, recipe = build(spec).eval(), ExportRecipe(formats=("onnx",), forms=("spectrogram",))
    files = []
    for name, seconds in (("one", 1.0), ("another", 2.0)):
        history = ({"epoch": 0.0, "val_ccc": 0.5, "seconds": seconds},)
        Checkpoint(model=model, spec=spec, history=history).save(tmp_path / name)
        export_quickly(tmp_path / name, tmp_path / f"bundle of {name}", recipe)
        files.append(tree(tmp_path / f"bundle of {name}"))
    assert files[0] == files[1]


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_two_runs_of_a_recipe_have_equal_manifests(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    manifests = []
    for name in ("one", "another"):
        command = [sys.executable, "-m", "sentio_mobile", "run", str(recipe), "--out", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        # 1: a figure of a network this small is below its budget.
        assert done.returncode in (0, 1), done.stderr
        manifests.append((tmp_path / name / "bundle" / MANIFEST).read_bytes())
    assert manifests[0] == manifests[1]
