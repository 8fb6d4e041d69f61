"""Songs of which only the side of neutral is known: the loss, the file, and what a network learns from them."""

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
from sentio_mobile.training.config import AugmentSettings, TrainingSettings, WeakLabelSettings
from sentio_mobile.training.datamodule import Batch, TrainingClips
from sentio_mobile.training.extra_data import weakly_labelled_sources
from sentio_mobile.training.objectives import Supervised, regression_loss, weak_label_loss
from sentio_mobile.training.sources import ExtraData


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
    """Sides of all songs but the last, whose arousal alone is known."""
    *songs, last = music.split(UNLABELLED).song_ids
    rows = [f"{song},{i % 2},{i // 2 % 2}" for i, song in enumerate(songs)]
    place = tmp_path / "sides.csv"
    place.write_text("song_id,v_high,a_high\n" + "\n".join([*rows, f"{last},,1", "elsewhere,1,1"]) + "\n")
    return place


def test_the_loss_is_that_of_logistic_regression_over_what_is_known() -> None:
    answers = torch.tensor([[0.5, -0.2], [-0.8, 0.1], [0.3, 0.3]])
    sides = torch.tensor([[1.0, -1.0], [1.0, 0.0], [0.0, 0.0]])
    known = answers[sides != 0]
    wanted = binary_cross_entropy_with_logits(4 * known, (sides[sides != 0] > 0).float())
    assert weak_label_loss(answers, sides, 4.0).item() == pytest.approx(wanted.item())


def test_what_is_half_known_counts_half_and_nothing_known_is_nothing() -> None:
    answers = torch.tensor([[0.5, 0.0], [-0.8, 0.0]], requires_grad=True)
    sides = torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    each = [weak_label_loss(answers[i : i + 1], sides[i : i + 1], 4.0) for i in range(2)]
    assert weak_label_loss(answers, sides, 4.0).item() == pytest.approx((2 * each[0].item() + each[1].item()) / 3)
    nothing = weak_label_loss(answers, torch.zeros(2, 2), 4.0)
    nothing.backward()
    assert nothing.item() == 0
    assert not answers.grad.any()


def test_clips_without_labels_are_left_out_of_the_regression() -> None:
    predicted, target = torch.rand(6, 2), torch.rand(6, 2)
    target[4:] = torch.nan
    both = regression_loss(predicted, target, 0.5)
    assert both.item() == pytest.approx(regression_loss(predicted[:4], target[:4], 0.5).item())
    assert regression_loss(predicted, torch.full((6, 2), torch.nan), 0.5).item() == 0


def test_both_terms_are_minimized_and_named() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2), torch.nn.Tanh())
    labels = torch.tensor([[0.5, 0.1], [-0.3, 0.2], [torch.nan, torch.nan]])
    sides = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, -1.0]])
    images = torch.rand(3, 3, 1, 1)
    objective = Supervised(0.0, "", WeakLabelSettings(weight=0.5, sharpness=2.0))
    terms = objective(model, images, Batch(images, labels, sides, {}))
    assert terms["loss"].item() == pytest.approx(terms["labels"].item() + 0.5 * terms["sides"].item())
    assert dict(objective.shares) == {"labels": 1.0, "sides": 0.5}
    assert objective.signature != Supervised(0.0, "").signature


def test_sides_are_found_by_the_songs_ids(data: PreparedData, music: PreparedData, csv: Path) -> None:
    found = read_weak_labels(csv).of(music)
    assert found[:4].tolist() == [[-1, -1], [1, -1], [-1, 1], [1, 1]]
    assert found[-1].tolist() == [0, 1]
    (songs,) = weakly_labelled_sources(data, [(music, read_weak_labels(csv))])
    clips = TrainingClips(
        data, TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3), ExtraData(material=(songs,))
    )
    first = clips[0, len(data.split("train"))]
    assert first.sides.tolist() == [-1, -1]
    assert first.labels.isnan().all()
    assert clips[0, 0].sides.tolist() == [0, 0]


def test_mixup_makes_sides_less_sure(data: PreparedData, music: PreparedData, csv: Path) -> None:
    (songs,) = weakly_labelled_sources(data, [(music, read_weak_labels(csv))])
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, augment=AugmentSettings(mixup=0.5))
    clips = TrainingClips(data, settings, ExtraData(material=(songs,)))
    sides = torch.stack([clips[0, song].sides for song in range(len(clips))])
    assert sides.abs().max() <= 1
    assert ((sides.abs() > 0) & (sides.abs() < 1)).any()


@pytest.mark.parametrize(
    ("rows", "said"), [("a,2,0", "v_high: '2' is no weak label"), ("a,1,0\na,0,0", "stands in the file twice")]
)
def test_a_wrong_file_names_its_row(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "sides.csv").write_text(f"song_id,v_high,a_high\n{rows}\n")
    with pytest.raises(LabelError, match=said):
        read_weak_labels(tmp_path / "sides.csv")


def test_a_file_of_other_songs_and_songs_with_labels_are_refused(
    data: PreparedData, music: PreparedData, csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("song_id,v_high,a_high\nz,1,1\n")
    with pytest.raises(DataError, match="lists no song of"):
        weakly_labelled_sources(data, [(music, read_weak_labels(tmp_path / "other.csv"))])
    with pytest.raises(DataError, match="has labels, and splits of its own"):
        weakly_labelled_sources(data, [(data, read_weak_labels(csv))])


def test_a_network_learns_sides_and_a_student_too(
    data: PreparedData, music: PreparedData, csv: Path, tmp_path: Path
) -> None:
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
    sides = [row["train_sides"] for row in teacher.history]
    assert min(sides) < sides[0]
    assert all(row["gradient_sides"] > 0 for row in teacher.history)
    assert teacher.recipe["sides"][0]["songs"] == 16


def test_a_student_has_the_term_too(
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
    assert np.isfinite([row["train_sides"] for row in student.history]).all()
    assert all(row["gradient_sides"] > 0 for row in student.history)
