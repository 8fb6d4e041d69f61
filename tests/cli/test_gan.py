"""`teacher gan` and `teacher ablate` from the outside: the whole way on small networks, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentio_mobile.data.prepared import PreparedData

RECIPE = """
[model]
noise = 8
condition_widths = [8]
seed_width = 2
widths = [8, 8, 8, 8]
[training]
epochs = 2
steps = 2
batch_size = 4
"""
TEACHER = """
[model]
layers = 2
heads = 2
width = 32
mlp_width = 64
head_widths = [16]
head_dropout = [0.0, 0.0]
[training]
epochs = 1
batch_size = 8
learning_rate = 2e-3
"""


def sentio(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "sentio_mobile", "teacher", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)


def refused(run: subprocess.CompletedProcess[str], fault: str) -> None:
    """One line, exit status 2, no traceback."""
    assert run.returncode == 2, run.stderr
    assert fault in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.slow
@pytest.mark.exhaustive
def test_from_songs_to_samples_and_whether_they_help(data: PreparedData, tmp_path: Path) -> None:
    recipe, teacher = tmp_path / "gan.toml", tmp_path / "teacher.toml"
    recipe.write_text(RECIPE)
    teacher.write_text(TEACHER)
    gan, made, wav = tmp_path / "gan", tmp_path / "made", tmp_path / "song.wav"
    run = sentio("gan", "train", "--data", data.folder, "--recipe", recipe, "--out", gan)
    assert run.returncode == 0, run.stderr
    assert "Final accuracy of the discriminator" in run.stdout
    run = sentio("gan", "sample", gan, "-n", 12, "--filter", 0, "--out", made)
    assert run.returncode == 0, run.stderr
    assert "12 samples in" in run.stdout
    for evaluated in (gan, made):
        run = sentio("gan", "evaluate", evaluated, "--data", data.folder, "--n", 10, "--json")
        if run.returncode:
            # Eight validation songs are too few for an emotion model of their own.
            refused(run, "too few to fit a model")
        else:
            assert 0 <= json.loads(run.stdout)["score"]["total"] <= 100
    run = sentio("gan", "render", gan, "--valence", 0.8, "--arousal", 0.7, "--out", wav, "--seconds", 2)
    assert run.returncode == 0, run.stderr
    assert wav.stat().st_size > 2 * 22050
    run = sentio(
        "ablate",
        "--data",
        data.folder,
        "--gan-samples",
        made,
        "--recipe",
        teacher,
        "--seeds",
        "0",
        "--out",
        tmp_path / "ab",
    )
    assert run.returncode == 0, run.stderr
    assert "real songs only" in run.stdout
    record = json.loads((tmp_path / "ab" / "ablation.json").read_text())
    assert [result["arm"] for result in record["arms"]][2:] == ["+ GAN", "+ both"]
    assert (tmp_path / "ab" / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert record["gan_samples"]["n"] == 12


def test_what_is_no_gan_and_no_recipe_is_refused(data: PreparedData, tmp_path: Path) -> None:
    refused(sentio("gan", "sample", tmp_path, "--out", tmp_path / "made"), "is no GAN's checkpoint")
    train = ("gan", "train", "--data", data.folder, "--out", tmp_path / "gan", "--recipe")
    refused(sentio(*train, "cgan_smal"), "known: cgan, cgan_classes, cgan_small")
    recipe = tmp_path / "bad.toml"
    recipe.write_text(RECIPE.replace("batch_size = 4", "batch_size = 400"))
    refused(sentio(*train, recipe), "do not fill a batch of 400")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml"]


def test_class_folders_with_a_single_sound_are_refused(tmp_path: Path) -> None:
    for name in ("bell", "drum"):
        (tmp_path / "sounds" / name).mkdir(parents=True)
    (tmp_path / "sounds" / "bell" / "1.wav").write_bytes(b"RIFF")
    run = sentio("gan", "train", "--labels", "classes", "--data", tmp_path / "sounds", "--out", tmp_path / "gan")
    refused(run, "a class needs at least 2")
