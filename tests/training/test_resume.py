"""Resumed runs and runs of several processes end with the same weights as one process: real processes and signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.models.checkpoint import Checkpoint

RECIPE = """
[model]
layers = 2
heads = 2
width = 32
mlp_width = 64
head_widths = [16]
head_dropout = [{dropout}, {dropout}]
patch_keep = {keep}

[training]
epochs = {epochs}
batch_size = 8
learning_rate = 2e-3
ccc_share = 0.5
"""


def command(data: PreparedData, recipe: Path, out: Path, *more: str) -> list[str]:
    args = ["teacher", "train", "--data", str(data.folder), "--recipe", str(recipe), "--out", str(out)]
    return [sys.executable, "-m", "sentio_mobile", *args, "--accelerator", "cpu", *more]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_resume_after_kill_in_mid_epoch(data: PreparedData, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(dropout=0.2, keep=64, epochs=8))
    complete, killed = tmp_path / "complete", tmp_path / "killed"
    subprocess.run(command(data, recipe, complete), check=True, capture_output=True, env=environment())
    process = subprocess.Popen(command(data, recipe, killed), env=environment(), stdout=subprocess.DEVNULL)
    last = killed.with_name("killed.training") / "epoch-00000.ckpt"
    while not last.is_file():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not killed.exists()
    subprocess.run(command(data, recipe, killed), check=True, capture_output=True, env=environment())
    first, second = weights(complete), weights(killed)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_two_processes_equal_one(data: PreparedData, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(dropout=0.0, keep=0, epochs=3))
    subprocess.run(command(data, recipe, tmp_path / "one"), check=True, capture_output=True, env=environment())
    run = subprocess.run(
        command(data, recipe, tmp_path / "two", "--devices", "2"), capture_output=True, env=environment(), text=True
    )
    assert run.returncode == 0, run.stderr
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, weight in one.items():
        difference = (weight - two[name]).abs()
        if name.endswith("in_proj_bias"):
            # The bias of the keys cancels in the softmax. Its gradient is rounding error, which Adam scales up.
            difference = torch.cat([difference.chunk(3)[0], difference.chunk(3)[2]])
        assert difference.max() < 1e-4, name
    first, second = (Checkpoint.load(tmp_path / name) for name in ("one", "two"))
    for row, other in zip(first.history, second.history, strict=True):
        names = [name for name in row if name != "seconds"]
        assert [row[name] for name in names] == pytest.approx([other[name] for name in names], abs=1e-4)
    clips = torch.from_numpy(data.mels[data.split("test").rows].astype("float32"))
    images = to_input_batch(clips, first.spec)
    with torch.inference_mode():
        predictions = first.model(images)
        torch.testing.assert_close(predictions, second.model(images), atol=1e-4, rtol=0)
    assert predictions.std(dim=0).min() > 1e-3


@pytest.mark.exhaustive
def test_two_processes_odd_batch(data: PreparedData, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(dropout=0.0, keep=0, epochs=1).replace("batch_size = 8", "batch_size = 7"))
    run = subprocess.run(
        command(data, recipe, tmp_path / "out", "--devices", "2"), capture_output=True, env=environment(), text=True
    )
    assert run.returncode == 2
    assert "a batch of 7 cannot be shared by 2 processes" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()
