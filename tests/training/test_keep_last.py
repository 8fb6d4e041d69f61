"""A fixed schedule: the last weights are kept, and no validation song is needed."""

from pathlib import Path

import pytest
import torch

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.splits import SplitList
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import TrainingError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher


@pytest.fixture(scope="module")
def all_train(deam: Path, data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Songs that are all training songs."""
    out = tmp_path_factory.mktemp("all") / "data"
    ids = [song for split in data.splits.values() for song in split.song_ids][:16]
    splits = SplitList(out, dict.fromkeys(ids, "train"))
    prepare(deam, out, recipe=DataRecipe(), audio=AudioSpec(), store=data.store.folder.parent, splits=splits)
    return open_data(out)


def kept_last(recipe: TeacherRecipe, ema: float = 0.0) -> TeacherRecipe:
    return replace(recipe, training=replace(recipe.training, keep="last", ema=ema, patience=1))


def test_fit_without_validation_songs_trains_all_epochs(
    all_train: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    checkpoint = train_teacher(all_train, kept_last(tiny_teacher, ema=0.5), out=tmp_path / "ckpt")
    assert [row["epoch"] for row in checkpoint.history] == [0, 1, 2]
    assert (checkpoint.evaluation.val, checkpoint.evaluation.test) == (None, None)
    assert checkpoint.spec.uncertainty is None
    assert Checkpoint.load(tmp_path / "ckpt").history == checkpoint.history


def test_fit_with_best_needs_validation_songs(
    all_train: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="has 0 validation songs"):
        train_teacher(all_train, tiny_teacher, out=tmp_path / "ckpt")


def test_fit_last_keeps_the_last_epoch_and_best_the_best(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    last = train_teacher(data, kept_last(tiny_teacher), out=tmp_path / "last")
    assert last.evaluation.val is not None
    final = last.history[-1]["val_ccc"]
    assert last.evaluation.val.ccc["mean"].value == pytest.approx(final, abs=1e-4)


def test_fit_last_resumed_equals_uninterrupted(
    all_train: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    class Stop(NoProgress):
        left = 5

        def advance(self, n: int = 1, note: str = "") -> None:
            self.left -= n
            if self.left == 0:
                raise InterruptedError

    recipe = kept_last(tiny_teacher, ema=0.9)
    whole = train_teacher(all_train, recipe, out=tmp_path / "whole")
    with pytest.raises(InterruptedError):
        train_teacher(all_train, recipe, out=tmp_path / "parts", progress=Stop())
    resumed = train_teacher(all_train, recipe, out=tmp_path / "parts")
    for name, weight in whole.model.state_dict().items():
        torch.testing.assert_close(weight, resumed.model.state_dict()[name])


def test_distill_without_validation_or_test_songs_still_guards_its_terms(
    all_train: PreparedData, tiny_teacher: TeacherRecipe, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    teacher = train_teacher(all_train, kept_last(tiny_teacher), out=tmp_path / "teacher")
    recipe = replace(tiny_student, training=replace(tiny_student.training, keep="last"))
    student = distill(teacher, all_train, recipe=recipe, out=tmp_path / "student")
    assert student.evaluation.test is None
    assert {"gradient_hard", "gradient_soft", "train_soft"} <= student.history[-1].keys()
    assert all(student.history[-1][f"gradient_{name}"] for name in ("hard", "soft"))
