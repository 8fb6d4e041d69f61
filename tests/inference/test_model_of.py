"""What a folder stands for: the best that a run has made, and the best epoch of a training that is not over."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import sentio_mobile
from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import CheckpointError
from sentio_mobile.inference.model_of import finished_model
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.states import WholeFiles, state_after


class Listener(NoProgress):
    """Predicts a song in each epoch, as somebody does who does not want to wait, and stops the third one."""

    def __init__(self, out: Path, song: Path) -> None:
        self.out, self.song, self.epoch = out, song, ""
        self.notes: list[str] = []
        self.valences: list[float] = []
        self.too_early = ""

    def advance(self, n: int = 1, note: str = "") -> None:
        epoch = note.split(",")[0]
        if epoch == self.epoch:
            return
        self.epoch = epoch
        result = CliRunner().invoke(main, ["predict", str(self.out), str(self.song), "--json"])
        if epoch == "epoch 1/3":
            self.too_early = result.stderr
            return
        assert result.exit_code == 0, result.output
        self.valences.append(json.loads(result.stdout)[0]["valence"])
        self.notes.append(result.stderr)
        if epoch == "epoch 3/3":
            raise InterruptedError


def test_predict_takes_the_best_epoch_of_a_training_that_is_not_over(
    data: PreparedData, deam: Path, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    song = next(deam.rglob("*.wav"))
    listener = Listener(tmp_path / "ckpt", song)
    with pytest.raises(InterruptedError):
        train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", progress=listener)
    assert "no epoch of this training is complete yet" in listener.too_early
    assert len(listener.too_early.splitlines()) == 1
    with (tmp_path / "ckpt.training" / "metrics.csv").open(newline="") as file:
        values = [float(row["val_ccc"]) for row in csv.DictReader(file)]
    best = values.index(max(values))
    assert "epoch 1 of 1 so far" in listener.notes[0]
    assert f"epoch {best + 1} of 2 so far, validation CCC {values[best]:.2f}" in listener.notes[1]
    found, _ = finished_model(tmp_path / "ckpt", tmp_path)
    state = torch.load(state_after(tmp_path / "ckpt.training", best), weights_only=True)["state_dict"]
    for name, weight in Checkpoint.load(found).model.state_dict().items():
        torch.testing.assert_close(weight, state[f"model.{name}"])
    heard = sentio_mobile.load(tmp_path / "ckpt").predict(song).valence
    assert heard == pytest.approx(listener.valences[1], abs=1e-5)


def test_run_folder_stands_for_the_best_that_it_has_made(tmp_path: Path) -> None:
    run = tmp_path / "run"
    student = ROOT / "export/golden/student"
    for name in ("teacher", "student"):
        shutil.copytree(student, run / name)
    assert finished_model(run, tmp_path)[0] == run / "student"
    shutil.copytree(ROOT / "models/default", run / "bundle")
    model, note = finished_model(run, tmp_path)
    assert (model, note) == (run / "bundle", f"{run} stands for {run / 'bundle'}")
    pcm = np.random.default_rng(0).normal(size=22050 * 2).astype(np.float32)
    by_run, by_bundle = (sentio_mobile.load(place).predict_pcm(pcm, 22050) for place in (run, run / "bundle"))
    assert (by_run.valence, by_run.arousal) == (by_bundle.valence, by_bundle.arousal)


def test_folder_of_songs_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    assert finished_model(tmp_path / "songs", tmp_path) == (tmp_path / "songs", "")
    assert finished_model(tmp_path / "none", tmp_path) == (tmp_path / "none", "")


def test_states_of_another_network_are_refused(tmp_path: Path) -> None:
    work = tmp_path / "ckpt.training"
    work.mkdir()
    spec = json.loads((ROOT / "export/golden/student/checkpoint.json").read_text())["spec"]
    (work / "spec.json").write_text(json.dumps(spec))
    state = {
        "state_dict": {"model.none": torch.zeros(1)},
        "callbacks": {"EpochStates": {"last": 0, "best": None, "value": 0.0}},
    }
    WholeFiles().save_checkpoint(state, work / "epoch-00000.ckpt")
    with pytest.raises(CheckpointError, match="of another training"):
        finished_model(tmp_path / "ckpt", tmp_path)
    assert not (tmp_path / "checkpoint").exists()
