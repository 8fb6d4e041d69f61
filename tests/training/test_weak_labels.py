"""Weak labels: the loss, the file, and training with them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.nn.functional import binary_cross_entropy_with_logits

from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, open_data
from sentio_mobile.data.weak_labels import read_weak_labels
from sentio_mobile.errors import DataError, LabelError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.training.clips import Batch, TrainingClips
from sentio_mobile.training.config import AugmentSettings, TrainingSettings, WeakLabelSettings
from sentio_mobile.training.objectives import Supervised, regression_loss, weak_label_loss
from sentio_mobile.training.sources import ExtraData, TrainingSources


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Songs without labels."""
    folder = tmp_path_factory.mktemp("music")
    write_deam(folder / "deam", 16, seed=8, audio_format="wav")
    audio = next((folder / "deam").rglob("*.wav")).parent
    prepare(audio, folder / "prepared", recipe=DataRecipe(), audio=AudioSpec())
    return open_data(folder / "prepared")


@pytest.fixture
def csv(music: PreparedData, tmp_path: Path) -> Path:
    """Weak labels of all songs; the last has one for arousal alone."""
    *songs, last = music.split(UNLABELLED).song_ids
    rows = [f"{song},{i % 2},{i // 2 % 2}" for i, song in enumerate(songs)]
    place = tmp_path / "weak.csv"
    place.write_text("song_id,v_high,a_high\n" + "\n".join([*rows, f"{last},,1", "elsewhere,1,1"]) + "\n")
    return place


def test_weak_label_loss_equals_logistic_regression() -> None:
    predicted = torch.tensor([[0.5, -0.2], [-0.8, 0.1], [0.3, 0.3]])
    weak_labels = torch.tensor([[1.0, -1.0], [1.0, 0.0], [0.0, 0.0]])
    known = predicted[weak_labels != 0]
    wanted = binary_cross_entropy_with_logits(4 * known, (weak_labels[weak_labels != 0] > 0).float())
    assert weak_label_loss(predicted, weak_labels, 4.0).item() == pytest.approx(wanted.item())


def test_weak_label_loss_partial_and_missing_labels() -> None:
    predicted = torch.tensor([[0.5, 0.0], [-0.8, 0.0]], requires_grad=True)
    weak_labels = torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    each = [weak_label_loss(predicted[i : i + 1], weak_labels[i : i + 1], 4.0) for i in range(2)]
    assert weak_label_loss(predicted, weak_labels, 4.0).item() == pytest.approx(
        (2 * each[0].item() + each[1].item()) / 3
    )
    nothing = weak_label_loss(predicted, torch.zeros(2, 2), 4.0)
    nothing.backward()
    assert nothing.item() == 0
    assert not predicted.grad.any()


def test_regression_loss_missing_labels() -> None:
    predicted, target = torch.rand(6, 2), torch.rand(6, 2)
    target[4:] = torch.nan
    both = regression_loss(predicted, target, 0.5)
    assert both.item() == pytest.approx(regression_loss(predicted[:4], target[:4], 0.5).item())
    assert regression_loss(predicted, torch.full((6, 2), torch.nan), 0.5).item() == 0


def test_supervised_weak_labels() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2), torch.nn.Tanh())
    labels = torch.tensor([[0.5, 0.1], [-0.3, 0.2], [torch.nan, torch.nan]])
    weak_labels = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, -1.0]])
    images = torch.rand(3, 3, 1, 1)
    objective = Supervised(0.0, "", WeakLabelSettings(weight=0.5, sharpness=2.0))
    terms = objective(model, images, Batch(images, labels, weak_labels, torch.full_like(labels, torch.nan), {}))
    assert terms["loss"].item() == pytest.approx(terms["labels"].item() + 0.5 * terms["weak_labels"].item())
    assert dict(objective.weights) == {"labels": 1.0, "weak_labels": 0.5}
    assert objective.signature != Supervised(0.0, "").signature


def test_weak_labels_of_prepared_music(data: PreparedData, music: PreparedData, csv: Path) -> None:
    found = read_weak_labels(csv).of(music)
    assert found[:4].tolist() == [[-1, -1], [1, -1], [-1, 1], [1, 1]]
    assert found[-1].tolist() == [0, 1]
    sources = TrainingSources(extra=ExtraData(weak_labels=((music, read_weak_labels(csv)),)).sources(data))
    clips = TrainingClips(data, TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3), sources)
    first = clips[0, len(data.split("train"))]
    assert first.weak_labels.tolist() == [-1, -1]
    assert first.labels.isnan().all()
    assert clips[0, 0].weak_labels.tolist() == [0, 0]


def test_weak_labels_mixup(data: PreparedData, music: PreparedData, csv: Path) -> None:
    sources = TrainingSources(extra=ExtraData(weak_labels=((music, read_weak_labels(csv)),)).sources(data))
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, augment=AugmentSettings(mixup=0.5))
    clips = TrainingClips(data, settings, sources)
    weak_labels = torch.stack([clips[0, song].weak_labels for song in range(len(clips))])
    assert weak_labels.abs().max() <= 1
    assert ((weak_labels.abs() > 0) & (weak_labels.abs() < 1)).any()


@pytest.mark.parametrize(
    ("rows", "said"), [("a,2,0", "v_high: '2' is no weak label"), ("a,1,0\na,0,0", "stands in the file twice")]
)
def test_read_weak_labels_wrong_row(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "weak.csv").write_text(f"song_id,v_high,a_high\n{rows}\n")
    with pytest.raises(LabelError, match=said):
        read_weak_labels(tmp_path / "weak.csv")


def test_weak_labels_of_other_songs(data: PreparedData, music: PreparedData, csv: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("song_id,v_high,a_high\nz,1,1\n")
    with pytest.raises(DataError, match="lists no song of"):
        ExtraData(weak_labels=((music, read_weak_labels(tmp_path / "other.csv")),)).sources(data)
    with pytest.raises(DataError, match="has labels, and splits of its own"):
        ExtraData(weak_labels=((data, read_weak_labels(csv)),)).sources(data)


def test_teacher_train_weak_labels(data: PreparedData, music: PreparedData, csv: Path, tmp_path: Path) -> None:
    model = (
        "[model]\nlayers = 2\nheads = 2\nwidth = 32\nmlp_width = 64\nhead_widths = [16]\nhead_dropout = [0.0, 0.0]\n"
    )
    training = "[training]\nepochs = 6\nbatch_size = 8\nlearning_rate = 3e-3\n[training.weak_labels]\nweight = 1.0\n"
    (tmp_path / "recipe.toml").write_text(model + training)
    command = ["teacher", "train", "--data", data.folder, "--recipe", tmp_path / "recipe.toml"]
    command += ["--weak-labels", music.folder, csv, "--out", tmp_path / "teacher"]
    result = CliRunner().invoke(main, [str(word) for word in command])
    assert result.exit_code == 0, result.output
    from sentio_mobile.models.checkpoint import Checkpoint

    teacher = Checkpoint.load(tmp_path / "teacher")
    weak_labels = [row["train_weak_labels"] for row in teacher.history]
    assert min(weak_labels) < weak_labels[0]
    assert all(row["gradient_weak_labels"] > 0 for row in teacher.history)
    assert teacher.recipe["weak_label_sources"][0]["n"] == 16


def test_distill_weak_labels(
    data: PreparedData, music: PreparedData, csv: Path, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.train import train_teacher

    train_teacher(data, tiny_teacher, out=tmp_path / "teacher")
    model = "[model]\nstem_widths = [8, 16, 32]\nlayers = 2\nheads = 2\nhead_width = 16\nwidth = 64\nmlp_width = 128\n"
    training = "output_width = 32\n[training]\nepochs = 2\nbatch_size = 8\nlearning_rate = 2e-3\n"
    (tmp_path / "recipe.toml").write_text(model + training)
    command = ["distill", "--teacher", tmp_path / "teacher", "--data", data.folder, "--weak-labels", music.folder, csv]
    command += ["--recipe", tmp_path / "recipe.toml", "--out", tmp_path / "student"]
    result = CliRunner().invoke(main, [str(word) for word in command])
    assert result.exit_code == 0, result.output
    student = Checkpoint.load(tmp_path / "student")
    assert np.isfinite([row["train_weak_labels"] for row in student.history]).all()
    assert all(row["gradient_weak_labels"] > 0 for row in student.history)
