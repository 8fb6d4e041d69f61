"""Training a small teacher and distilling a small student."""

import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill.config import AttentionSettings, DistillRecipe, FeatureSettings
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import CheckpointError, DataError, LossError, RecordError, TrainingError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.pretrained import pretrained_backbone
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.callbacks import GradualUnfreezing
from sentio_mobile.training.config import Unfreeze
from sentio_mobile.training.fit import predict
from sentio_mobile.training.trainer import Hardware


class Stop(NoProgress):
    """Interrupts the run after some steps, as a user would."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, n: int = 1, note: str = "") -> None:
        self.left -= n
        if self.left == 0:
            raise InterruptedError


class Count(NoProgress):
    """Counts the steps that are announced and those that are done."""

    total = done = 0

    def start(self, what: str, total: int) -> None:
        self.total = total

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n


@pytest.fixture(scope="module")
def teacher(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("teacher") / "ckpt"
    train_teacher(data, tiny_teacher, out=out)
    return out


def test_train_teacher_saved_checkpoint(teacher: Path, data: PreparedData) -> None:
    checkpoint = Checkpoint.load(teacher)
    assert [row["epoch"] for row in checkpoint.history] == [0, 1, 2]
    assert all(
        {"train_loss", "val_ccc", "val_ccc_valence", "val_ccc_arousal"} <= row.keys() for row in checkpoint.history
    )
    test = checkpoint.evaluation.test
    assert test is not None
    assert test.songs == data.splits["test"].song_ids
    assert checkpoint.data == data.origin
    predictions = predict(checkpoint.model, checkpoint.spec, data, "test")
    torch.testing.assert_close(
        torch.from_numpy(test.predictions.astype(np.float32)), torch.from_numpy(predictions), atol=1e-4, rtol=0
    )
    assert not teacher.with_name("ckpt.training").exists()


def test_fit_keeps_best_epoch(teacher: Path) -> None:
    checkpoint = Checkpoint.load(teacher)
    best = max(row["val_ccc"] for row in checkpoint.history)
    assert checkpoint.evaluation.val is not None
    assert checkpoint.evaluation.val.ccc["mean"].value == pytest.approx(best, abs=1e-4)


def test_fit_resumes_interrupted_run(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    steps = len(data.splits["train"]) // tiny_teacher.training.batch_size
    with pytest.raises(InterruptedError):
        train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", progress=Stop(after=2 * steps + 1))
    assert not (tmp_path / "ckpt").exists()
    count = Count()
    checkpoint = train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", progress=count)
    assert count.total == count.done == steps
    assert [row["epoch"] for row in checkpoint.history] == [0, 1, 2]


def test_fit_other_settings_start_over(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    steps = len(data.splits["train"]) // tiny_teacher.training.batch_size
    with pytest.raises(InterruptedError):
        train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", progress=Stop(after=2 * steps + 1))
    other = replace(tiny_teacher, training=replace(tiny_teacher.training, learning_rate=1e-3))
    count = Count()
    train_teacher(data, other, out=tmp_path / "ckpt", progress=count)
    assert count.done == 3 * steps


def test_distill_response_only(data: PreparedData, teacher: Path, tiny_student: DistillRecipe, tmp_path: Path) -> None:
    settings = replace(tiny_student.training, epochs=8)
    response_only = replace(
        tiny_student, training=settings, features=FeatureSettings(weight=0), attention=AttentionSettings(weight=0)
    )
    student = distill(Checkpoint.load(teacher), data, recipe=response_only, out=tmp_path / "student")
    soft = [row["train_soft"] for row in student.history]
    hard = [row["train_hard"] for row in student.history]
    assert min(soft[4:]) < 0.7 * soft[0]
    assert hard[-1] < hard[0]
    assert student.evaluation.teacher is not None
    trained = Checkpoint.load(teacher).evaluation.test
    assert trained is not None
    assert student.evaluation.teacher.test.predicted == trained.predicted
    assert student.evaluation.retention is not None


def test_distill_other_front_end(
    data: PreparedData, teacher: Path, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    loaded = Checkpoint.load(teacher)
    audio = replace(loaded.spec.audio, normalization="zscore")
    foreign = replace(loaded, spec=replace(loaded.spec, audio=audio))
    with pytest.raises(DataError, match="another front end"):
        distill(foreign, data, recipe=tiny_student, out=tmp_path / "student")


def test_fit_fewer_songs_than_a_batch(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    large = replace(tiny_teacher, training=replace(tiny_teacher.training, batch_size=500))
    with pytest.raises(TrainingError, match="do not fill a batch of 500"):
        train_teacher(data, large, out=tmp_path / "ckpt")


def test_fit_loss_not_finite(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    spoilt = tmp_path / "data"
    shutil.copytree(data.folder, spoilt)
    mels = np.memmap(next(spoilt.rglob("mels.f16")), np.float16, "r+", shape=data.mels.shape)
    mels[:] = np.nan
    mels.flush()
    level = logging.getLogger("lightning.pytorch").level
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1, step 1"):
        train_teacher(open_data(spoilt), tiny_teacher, out=tmp_path / "ckpt")
    assert logging.getLogger("lightning.pytorch").level == level
    assert not (tmp_path / "ckpt").exists()


def test_train_teacher_start(data: PreparedData, teacher: Path, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    once = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1))
    still = replace(once, training=replace(once.training, learning_rate=1e-12))
    start = Checkpoint.load(teacher)
    kept = train_teacher(data, still, out=tmp_path / "still", start=start)
    for name, weight in start.model.state_dict().items():
        torch.testing.assert_close(kept.model.state_dict()[name], weight)
    anew = train_teacher(data, still, out=tmp_path / "anew")
    assert anew.recipe["first_weights"] == "random" != kept.recipe["first_weights"]
    wider = replace(once, model=replace(once.model, width=64))
    with pytest.raises(CheckpointError, match="other widths or layers"):
        train_teacher(data, wider, out=tmp_path / "wider", start=start)
    assert not (tmp_path / "wider").exists()


def test_unfreeze_trains_only_scheduled_blocks(
    data: PreparedData, tiny_teacher: TeacherRecipe, teacher: Path, tmp_path: Path
) -> None:
    def trained(blocks: int) -> set[str]:
        settings = replace(tiny_teacher.training, epochs=1, unfreeze=(Unfreeze(1, blocks),))
        out = tmp_path / f"{blocks}"
        start = Checkpoint.load(teacher)
        ended = train_teacher(data, replace(tiny_teacher, training=settings), out=out, start=start)
        before, after = start.model.state_dict(), ended.model.state_dict()
        return {name for name in before if not torch.equal(before[name], after[name])}

    top = trained(0)
    assert top
    assert all(name.startswith(("head.", "backbone.encoder.ln.")) for name in top)
    more = trained(1)
    assert any("encoder_layer_1" in name for name in more)
    assert not any("encoder_layer_0" in name or "conv_proj" in name or "pos_embedding" in name for name in more)


def test_unfreeze_more_blocks_by_epoch(data: PreparedData, tiny_teacher: TeacherRecipe) -> None:
    schedule = (Unfreeze(1, 0), Unfreeze(3, 2))
    model = build(spec_of(tiny_teacher.model, data.audio))
    callback = GradualUnfreezing(model, schedule)
    seen = []
    for epoch in range(4):
        callback.on_train_epoch_start(SimpleNamespace(current_epoch=epoch), model)  # type: ignore[arg-type]
        seen.append(sum(any(p.requires_grad for p in block.parameters()) for block in model.blocks))
    assert seen == [0, 0, 2, 2]


def test_unfreeze_unsuitable_schedule(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    def scheduled(*schedule: Unfreeze) -> TeacherRecipe:
        return replace(tiny_teacher, training=replace(tiny_teacher.training, unfreeze=schedule))

    with pytest.raises(TrainingError, match="asks for 3 blocks; the network has 2"):
        train_teacher(data, scheduled(Unfreeze(1, 3)), out=tmp_path / "ckpt")
    with pytest.raises(RecordError, match="must begin at epoch 1"):
        scheduled(Unfreeze(2, 1))
    with pytest.raises(RecordError, match="from 0 to 64"):
        scheduled(Unfreeze(1, -1))


class Spoil(NoProgress):
    """Turns the memory-mapped clips into what is no number after some steps, as a broken disk might."""

    def __init__(self, mels: np.ndarray, after: int) -> None:
        self.mels, self.left = mels, after

    def advance(self, n: int = 1, note: str = "") -> None:
        self.left -= n
        if self.left == 0:
            self.mels[:] = np.nan


def test_fit_loss_not_finite_after_best_epoch(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data.folder, folder)
    mels = np.memmap(next(folder.rglob("mels.f16")), np.float16, "r+", shape=data.mels.shape)
    steps = len(data.splits["train"]) // tiny_teacher.training.batch_size
    with pytest.raises(LossError, match=r"epoch 2, step 2; .* saved in .*ckpt\.stopped"):
        train_teacher(open_data(folder), tiny_teacher, out=tmp_path / "ckpt", progress=Spoil(mels, steps + 1))
    assert not (tmp_path / "ckpt").exists()
    kept = Checkpoint.load(tmp_path / "ckpt.stopped")
    assert [row["epoch"] for row in kept.history] == [0]
    assert all(torch.isfinite(weight).all() for weight in kept.model.state_dict().values())


def test_fit_unknown_strategy(data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot train on this hardware: .*telepathy"):
        train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", hardware=Hardware(strategy="telepathy"))


def test_train_teacher_imported_backbone(
    data: PreparedData, teacher: Path, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    start = Checkpoint.load(teacher)
    weights = {n.removeprefix("backbone."): w for n, w in start.model.state_dict().items() if n.startswith("backbone.")}
    torch.save(weights, tmp_path / "vit.pth")
    backbone = pretrained_backbone(str(tmp_path / "vit.pth"), tiny_teacher.model, data.audio)
    still = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1, learning_rate=1e-12))
    kept = train_teacher(data, still, out=tmp_path / "still", backbone=backbone)
    for name, weight in weights.items():
        torch.testing.assert_close(kept.model.state_dict()[f"backbone.{name}"], weight)
    assert kept.recipe["first_weights"] != "random"
    with pytest.raises(CheckpointError, match="recipe vit_b_16"):
        pretrained_backbone("imagenet", tiny_teacher.model, data.audio)
    wider = replace(tiny_teacher.model, width=64)
    with pytest.raises(CheckpointError, match="width 32, and the model to train has 64"):
        pretrained_backbone(str(tmp_path / "vit.pth"), wider, data.audio)
