"""A student that hears music without labels: what is held out, that it learns, and that a killed run continues."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from support import Refused, Sentio
from toy_encoder import TOY

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe
from sentio_mobile.distill.pretrain import pretrain
from sentio_mobile.distill.pretrain_data import split_music
from sentio_mobile.errors import DataError, TrainingError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import (
    ClipEmbeddings,
    read_clip_embeddings,
    write_clip_embeddings,
)
from sentio_mobile.recipes import load_recipe
from sentio_mobile.training.callbacks import METRICS
from sentio_mobile.training.config import AugmentSettings, TrainingSettings
from sentio_mobile.training.sources import TrainingSource

RECIPE = """
steps = {steps}
held_out = 0.25
image_size = [32, 64]

[model]
stem_widths = [8, 16, 32]
layers = 1
heads = 2
head_width = 8
width = 32
mlp_width = 32
output_width = 8

[training]
epochs = 6
batch_size = 4
learning_rate = 1e-2
ema = 0.9
"""


@pytest.fixture(scope="module")
def embeddings(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> ClipEmbeddings:
    """Embeddings that are the loudness of four groups of bands in each of ten time steps, and one tag."""
    path = tmp_path_factory.mktemp("embeddings") / "embeddings.safetensors"
    checksums, first = np.unique(data.store.checksums, return_index=True)
    mels = data.mels[first].astype(np.float32)[:, :, :1290]
    energy = mels.reshape(len(mels), 4, 32, 10, 129).mean(axis=(2, 4)).transpose(0, 2, 1)
    write_clip_embeddings(
        path, info=TOY, checksums=checksums, embeddings=energy, tags=energy[:, :, :1], tag_names=["loud"]
    )
    return read_clip_embeddings(path)


@pytest.fixture
def recipe(tiny_student: DistillRecipe) -> PretrainRecipe:
    training = TrainingSettings(epochs=4, batch_size=4, learning_rate=1e-2, ema=0.9)
    model = replace(tiny_student.model, layers=1)
    return PretrainRecipe(model=model, training=training, steps=1000, held_out=0.25, image_size=(32, 64))


def checksums_of(data: PreparedData, sources: tuple[TrainingSource, ...]) -> set[int]:
    return {int(c) for source in sources for c in data.store.checksums[source.windows.ravel()]}


def test_split_music_holds_whole_groups_out(data: PreparedData, embeddings: ClipEmbeddings) -> None:
    songs = data.split("train")
    groups = tuple(f"artist {number // 3}" for number in range(len(songs)))
    grouped = replace(data, splits={**data.splits, "train": replace(songs, groups=groups)})
    found = split_music([grouped], [embeddings], None, held_out=0.25, seed=0)
    clips = len(np.unique(songs.windows))
    assert found.n_train + found.n_held_out == clips
    assert 0.2 < found.n_held_out / clips < 0.5
    apart = {groups[int(np.flatnonzero((songs.windows == row).any(axis=1))[0])] for row in found.held_out[0].windows}
    kept = {groups[int(np.flatnonzero((songs.windows == row).any(axis=1))[0])] for row in found.train[0].windows}
    assert not apart & kept
    assert not checksums_of(data, found.train) & checksums_of(data, found.held_out)
    test = {int(c) for c in data.store.checksums[data.split("test").windows.ravel()]}
    assert not test & checksums_of(data, found.train)
    other = split_music([grouped], [embeddings], None, held_out=0.25, seed=1)
    assert checksums_of(data, other.held_out) != checksums_of(data, found.held_out)


def test_split_music_same_clips_in_two_folders(data: PreparedData, embeddings: ClipEmbeddings) -> None:
    renamed = replace(data.split("train"), groups=tuple(f"other {n}" for n in range(len(data.split("train")))))
    twice = replace(data, splits={**data.splits, "train": renamed})
    found = split_music([data, twice], [embeddings], None, held_out=0.2, seed=0)
    assert not checksums_of(data, found.train) & checksums_of(data, found.held_out)


def test_split_music_too_few_groups(data: PreparedData, embeddings: ClipEmbeddings) -> None:
    songs = data.split("train")
    one = replace(data, splits={**data.splits, "train": replace(songs, groups=("one",) * len(songs))})
    with pytest.raises(TrainingError, match=r"1 groups of songs with .* are too few to hold 25% out; add music"):
        split_music([one], [embeddings], None, held_out=0.25, seed=0)


def test_pretrain_learns_the_embeddings(
    data: PreparedData, embeddings: ClipEmbeddings, recipe: PretrainRecipe, tmp_path: Path
) -> None:
    by_clip = {
        int(c): (float(e.mean()), float(e[0, 0]))
        for c, e in zip(embeddings.checksums, embeddings.embeddings, strict=True)
    }
    labels = PseudoLabels(Path("labels.csv"), by_clip, "2" * 64)
    student = pretrain([data], [embeddings], recipe=recipe, out=tmp_path / "ckpt", pseudo_labels=labels)
    first, last = student.history[0], student.history[-1]
    for name in ("val_r2", "val_tags", "val_ccc", "train_steps", "train_clip", "train_tags", "train_soft"):
        assert last[name] is not None, name
    assert (last["train_steps"] or 0) < 0.8 * (first["train_steps"] or 0)
    assert (last["val_r2"] or 0) > (first["val_r2"] or 0)
    loaded = Checkpoint.load(tmp_path / "ckpt")
    assert loaded.spec.audio.image_size == (32, 64)
    assert not [name for name in loaded.model.state_dict() if "maps" in name]
    found = split_music([data], [embeddings], None, held_out=0.25, seed=0)
    assert loaded.recipe["clips"] == {"train": found.n_train, "held_out": found.n_held_out}
    assert loaded.recipe["embedding_files"] == [embeddings.digest]
    assert not (tmp_path / "ckpt.training").exists()


class Stopped(NoProgress):
    """Notes how many steps are to be done, and fails after some of them, as a killed run does."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.total = 0

    def start(self, what: str, total: int) -> None:
        self.total = total

    def advance(self, n: int = 1, note: str = "") -> None:
        self.left -= n
        if self.left < 0:
            raise KeyboardInterrupt


def test_pretrain_killed_run_continues_to_the_same_weights(
    data: PreparedData, embeddings: ClipEmbeddings, recipe: PretrainRecipe, tmp_path: Path
) -> None:
    short = replace(recipe, training=replace(recipe.training, epochs=3))
    whole = pretrain([data], [embeddings], recipe=short, out=tmp_path / "whole")
    steps = split_music([data], [embeddings], None, held_out=0.25, seed=0).steps_per_epoch(short.training)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        pretrain([data], [embeddings], recipe=short, out=tmp_path / "killed", progress=Stopped(2 * steps))
    with (tmp_path / "killed.training" / METRICS).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[1]["val_r2"]) == whole.history[1]["val_r2"]
    rest = Stopped(steps)
    resumed = pretrain([data], [embeddings], recipe=short, out=tmp_path / "killed", progress=rest)
    assert rest.total == steps
    assert len(resumed.history) == 3
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_pretrain_steps_end_the_schedule(
    data: PreparedData, embeddings: ClipEmbeddings, recipe: PretrainRecipe, tmp_path: Path
) -> None:
    student = pretrain([data], [embeddings], recipe=replace(recipe, steps=1), out=tmp_path / "ckpt")
    assert len(student.history) == 1


def test_pretrain_refuses_mixup_and_other_songs(
    data: PreparedData, embeddings: ClipEmbeddings, recipe: PretrainRecipe, tmp_path: Path
) -> None:
    mixing = replace(recipe, training=replace(recipe.training, augment=AugmentSettings(mixup=0.2)))
    with pytest.raises(TrainingError, match="mixup"):
        pretrain([data], [embeddings], recipe=mixing, out=tmp_path / "ckpt")
    foreign = replace(embeddings, checksums=embeddings.checksums + np.uint64(1))
    with pytest.raises(DataError, match="has no embeddings of"):
        pretrain([data], [foreign], recipe=recipe, out=tmp_path / "ckpt")
    few = replace(recipe, training=replace(recipe.training, batch_size=4096))
    with pytest.raises(TrainingError, match="do not fill a batch of 4096; add music, or lower batch_size"):
        pretrain([data], [embeddings], recipe=few, out=tmp_path / "ckpt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mobilevit", "mobilevit_xs", "mobilevit_frames", "mobilevit_xs_frames"])
def test_recipes(name: str) -> None:
    found = load_recipe(PretrainRecipe, name, "distill/pretrain")
    distilled = load_recipe(DistillRecipe, name, "distill")
    # The same network as is distilled, but for the patches that a training step keeps.
    assert found.model == distilled.model
    assert found.image_size == distilled.image_size
    assert found.training.augment.roll
    assert found.training.augment.mixup == 0


def test_command(
    data: PreparedData, embeddings: ClipEmbeddings, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(steps=2))
    args = ["pretrain", "--data", data.folder, "--recipe", recipe, "--out", tmp_path / "ckpt", "--accelerator", "cpu"]
    result = sentio(*args, "--embeddings", embeddings.path)
    assert "Held-out music: R2 of embeddings" in result.output
    assert "distill --start" in result.output
    refused("exists", *args, "--embeddings", embeddings.path)
    refused("none.safetensors", *args, "--embeddings", tmp_path / "none.safetensors", "--force")
