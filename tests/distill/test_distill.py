"""Distillation: every loss term has an effect, the cache equals the teacher, bad input is refused."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.find import AUDIO_SUFFIXES
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.gan_samples import GanSamples, Sampling, open_gan_samples, write_gan_samples
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill import objective
from sentio_mobile.distill.config import AttentionSettings, DistillRecipe, FeatureSettings, ResponseSettings
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import DataError, OutputError, RecipeError, TrainingError
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.config import AugmentSettings
from sentio_mobile.training.sources import ExtraData

TERMS = ("hard", "soft", "features", "attention")


@pytest.fixture(scope="module")
def teacher(data: PreparedData) -> Checkpoint:
    """A small network whose predictions differ between songs, and whose attention is sharp."""
    torch.manual_seed(1)
    settings = ViTSettings(layers=3, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))
    spec = spec_of(settings, data.audio)
    model = build(spec).eval()
    with torch.no_grad():
        for block in model.blocks:
            block.self_attention.in_proj_weight.mul_(2)
        last = model.head[-2]
        last.weight.mul_(5)
    return Checkpoint(model=model, spec=spec)


def weighted(recipe: DistillRecipe, **shares: float) -> DistillRecipe:
    """The recipe with only the named terms, and their weights."""
    hard, soft, features, attention = (shares.get(name, 0.0) for name in TERMS)
    return replace(
        recipe,
        response=ResponseSettings(weight=1.0, hard=hard, soft=soft),
        features=FeatureSettings(weight=features),
        attention=AttentionSettings(weight=attention),
        views=2,
    )


def of_epochs(recipe: DistillRecipe, epochs: int, **changes: object) -> DistillRecipe:
    training = replace(recipe.training, epochs=epochs, patience=epochs, **changes)
    return replace(recipe, training=training)


@pytest.mark.slow
@pytest.mark.parametrize("term", TERMS)
def test_distill_each_term_alone_falls(
    term: str, data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    plain = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
    shares = {"hard": 0.01, term: 1.0}
    recipe = of_epochs(weighted(tiny_student, **shares), 40, augment=plain, learning_rate=4e-3)
    student = distill(teacher, data, recipe=recipe, out=tmp_path / "student")
    values = [row[f"train_{term}"] for row in student.history]
    gradients = [row[f"gradient_{term}"] for row in student.history]
    assert min(values) < values[0] / 2
    assert min(gradients) > 0


def test_distill_dead_term(
    data: PreparedData,
    teacher: Checkpoint,
    tiny_student: DistillRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = objective.attention_loss
    # Squares averaged over all pairs of tokens, of attention that gradients do not reach.
    monkeypatch.setattr(
        objective, "attention_loss", lambda student, teacher, _: original(student.detach(), teacher, "mse") / 197
    )
    with pytest.raises(TrainingError, match=r"the loss term 'attention' has no effect: after 2 epochs its value is"):
        distill(teacher, data, recipe=of_epochs(tiny_student, 4), out=tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_distill_cache_equals_online_teacher(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    # In one epoch, the first view of each clip is also the epoch's own.
    cached = of_epochs(replace(tiny_student, views=1), 1)
    live = replace(cached, views=0)
    from_cache = distill(teacher, data, recipe=cached, out=tmp_path / "cached").history[0]
    online = distill(teacher, data, recipe=live, out=tmp_path / "live").history[0]
    assert set(from_cache) == set(online)
    for name in (*(f"train_{term}" for term in TERMS), *(f"gradient_{term}" for term in TERMS)):
        assert from_cache[name] == pytest.approx(online[name], rel=2e-3), name
    assert not (tmp_path / "cached.teacher-outputs").exists()


class TeacherBatches(NoProgress):
    """Counts the batches that the teacher runs on, and can interrupt the run."""

    def __init__(self, stop_after: int = -1) -> None:
        self.count, self.stop_after, self.what = 0, stop_after, ""

    def start(self, what: str, total: int) -> None:
        self.what = what

    def advance(self, n: int = 1, note: str = "") -> None:
        if self.what == "running the teacher":
            self.count += n
            if self.count == self.stop_after:
                raise InterruptedError


def test_distill_cache_reused_and_extended(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    recipe = of_epochs(replace(tiny_student, views=2), 1)
    batches = -(-len(data.split("train")) // 16)
    stopped = TeacherBatches(stop_after=batches + 1)
    with pytest.raises(InterruptedError):
        distill(teacher, data, recipe=recipe, out=tmp_path / "a", progress=stopped, cache=tmp_path / "cache")
    rest = TeacherBatches()
    first = distill(teacher, data, recipe=recipe, out=tmp_path / "a", progress=rest, cache=tmp_path / "cache")
    assert rest.count == batches
    again = TeacherBatches()
    second = distill(teacher, data, recipe=recipe, out=tmp_path / "b", progress=again, cache=tmp_path / "cache")
    assert again.count == 0
    assert weights_digest(first.model) == weights_digest(second.model)
    other = replace(recipe, features=FeatureSettings(blocks=(0,), teacher_blocks=(0,)))
    more = TeacherBatches()
    distill(teacher, data, recipe=other, out=tmp_path / "c", progress=more, cache=tmp_path / "cache")
    assert more.count == 2 * batches
    (folder,) = (tmp_path / "cache").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {"000.predictions.f32", "001.features-0.f16", "001.attention-2.f16"} <= names
    assert not [name for name in names if name.endswith(".part")]


def test_distill_unlabelled_music_and_gan_samples(
    data: PreparedData, deam: Path, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    songs = sorted(path for path in deam.rglob("*") if path.suffix in AUDIO_SUFFIXES)
    trained = set(data.split("train").song_ids)
    (tmp_path / "music").mkdir()
    for path in songs:
        if path.stem in trained:
            (tmp_path / "music" / path.name).symlink_to(path)
    prepare(tmp_path / "music", tmp_path / "more", recipe=DataRecipe(), audio=data.audio)
    more, samples = open_data(tmp_path / "more"), flat(tmp_path / "made", data)
    recipe = of_epochs(replace(tiny_student, views=1), 1)
    student = distill(
        teacher,
        data,
        recipe=recipe,
        out=tmp_path / "student",
        extra=ExtraData(unlabelled=(more,), gan_samples=(samples,)),
    )
    assert student.recipe["extra_clips"] == [len(trained), 6]
    alone = distill(teacher, data, recipe=recipe, out=tmp_path / "alone")
    assert weights_digest(student.model) != weights_digest(alone.model)
    assert np.isfinite([list(row.values()) for row in student.history]).all()


def flat(place: Path, data: PreparedData, audio: AudioSpec | None = None) -> GanSamples:
    shape = (6, data.audio.n_mels, data.audio.n_frames)
    mels = np.random.default_rng(0).random(shape, dtype=np.float32)
    made = (mels, np.zeros((6, 2), dtype=np.float32), np.ones(6, dtype=np.float32))
    write_gan_samples(place, audio or data.audio, batches=[made], sampling=lambda: Sampling(generator="noise"))
    return open_gan_samples(place)


def test_extra_data_refused(
    data: PreparedData, deam: Path, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    (tmp_path / "music").mkdir()
    held_out = data.split("test").song_ids[0]
    for path in deam.rglob("*"):
        if path.suffix in AUDIO_SUFFIXES and path.stem in (held_out, data.split("train").song_ids[0]):
            (tmp_path / "music" / path.name).symlink_to(path)
    prepare(tmp_path / "music", tmp_path / "more", recipe=DataRecipe(), audio=data.audio)
    with pytest.raises(DataError, match=rf"1 of its songs, such as '{held_out}', are validation or test songs"):
        ExtraData(unlabelled=(open_data(tmp_path / "more"),)).sources(data)
    with pytest.raises(DataError, match="has labels, and splits of its own"):
        ExtraData(unlabelled=(data,)).sources(data)
    other = flat(tmp_path / "made", data, replace(data.audio, f_min=30.0))
    with pytest.raises(DataError, match="has another front end"):
        distill(teacher, data, recipe=tiny_student, out=tmp_path / "student", extra=ExtraData(gan_samples=(other,)))
    assert not (tmp_path / "student").exists()


def test_distill_other_image_size(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    wide = of_epochs(replace(tiny_student, image_size=(128, 224), views=1), 2)
    student = distill(teacher, data, recipe=wide, out=tmp_path / "student")
    assert student.spec.audio.image_size == (128, 224)
    assert student.spec.audio.log_mel == data.audio.log_mel
    assert student.model.grid == (8, 14)
    assert student.history[1]["train_features"] < student.history[0]["train_features"]
    assert Checkpoint.load(tmp_path / "student").spec.audio == student.spec.audio


def test_distill_other_normalization(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    audio = replace(data.audio, normalization="zscore")
    converted = replace(teacher, spec=replace(teacher.spec, audio=audio))
    recipe = of_epochs(replace(tiny_student, views=1), 1)
    with pytest.raises(DataError, match=r"which has normalization zscore and not db80; --convert"):
        distill(converted, data, recipe=recipe, out=tmp_path / "student")
    student = distill(converted, data, recipe=recipe, out=tmp_path / "student", convert=True)
    assert student.spec.audio == data.audio
    ordinary = distill(teacher, data, recipe=recipe, out=tmp_path / "ordinary")
    assert student.evaluation.teacher.test.predicted != ordinary.evaluation.teacher.test.predicted
    lower = replace(teacher, spec=replace(teacher.spec, audio=AudioSpec(f_min=30.0)))
    with pytest.raises(DataError, match=r"which has f_min 30\.0 and not 20\.0$"):
        distill(lower, data, recipe=recipe, out=tmp_path / "lower", convert=True)


class Plain(nn.Module):
    """A network without attention."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.linear(image.mean(dim=(2, 3))))


def test_distill_teacher_without_attention(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    plain = replace(teacher, model=Plain().eval())
    student = distill(plain, data, recipe=of_epochs(tiny_student, 1), out=tmp_path / "student")
    assert list(student.recipe["layer_mapping"]["unavailable"]) == ["features", "attention"]
    terms = {name.removeprefix("train_") for name in student.history[0] if name.startswith("train_")}
    assert terms == {"loss", "hard", "soft"}


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (FeatureSettings(blocks=(7,)), "features: the student has no block 7; it has 2, from 0 to 1"),
        (FeatureSettings(blocks=(1,), teacher_blocks=(3,)), "features: the teacher has no block 3; it has 3"),
    ],
)
def test_distill_unknown_block(
    features: FeatureSettings, words: str, data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(RecipeError, match=words):
        distill(teacher, data, recipe=replace(tiny_student, features=features), out=tmp_path / "student")


def test_distill_disk_too_small(
    data: PreparedData,
    teacher: Checkpoint,
    tiny_student: DistillRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(OutputError, match=r"the teacher's outputs need [\d.]+ GB, and the disk has"):
        distill(teacher, data, recipe=tiny_student, out=tmp_path / "student")


def test_distill_averaged_weights(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    recipe = replace(tiny_student, views=1)
    averaged = distill(teacher, data, recipe=of_epochs(recipe, 6, ema=0.5), out=tmp_path / "averaged")
    plain = distill(teacher, data, recipe=of_epochs(recipe, 6), out=tmp_path / "plain")
    assert averaged.history[0]["train_loss"] == plain.history[0]["train_loss"]
    assert [row["val_ccc"] for row in averaged.history] != [row["val_ccc"] for row in plain.history]
    # The saved weights are those that were validated in the best epoch.
    best = max(row["val_ccc"] for row in averaged.history)
    assert averaged.evaluation.val.ccc["mean"].value == pytest.approx(best, abs=1e-4)
