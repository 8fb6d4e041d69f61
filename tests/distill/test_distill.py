"""Distillation through its public door: every term teaches, the cache agrees with the teacher, bad input is refused."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import AUDIO_SUFFIXES
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

TERMS = ("hard", "soft", "features", "attention")


@pytest.fixture(scope="module")
def teacher(data: PreparedData) -> Checkpoint:
    """A toy whose answers differ from song to song, and whose attention is sharp."""
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
    """Only the terms that are named, by their shares."""
    hard, soft, features, attention = (shares.get(name, 0.0) for name in TERMS)
    return replace(
        recipe,
        response=ResponseSettings(1.0, hard, soft),
        features=FeatureSettings(features),
        attention=AttentionSettings(attention),
        views=2,
    )


def of_epochs(recipe: DistillRecipe, epochs: int, **changes: object) -> DistillRecipe:
    training = replace(recipe.training, epochs=epochs, patience=epochs, **changes)
    return replace(recipe, training=training)


@pytest.mark.slow
@pytest.mark.parametrize("term", TERMS)
def test_each_term_alone_falls_by_half(
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


def test_a_planted_dead_term_stops_the_run(
    data: PreparedData,
    teacher: Checkpoint,
    tiny_student: DistillRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = objective.attention_loss
    # The term of the original work: squares averaged over all cells, of maps that gradients do not reach.
    monkeypatch.setattr(objective, "attention_loss", lambda ours, theirs, _: real(ours.detach(), theirs, "mse") / 197)
    with pytest.raises(TrainingError, match=r"the term 'attention' of the loss teaches nothing: after 2 epochs it is"):
        distill(teacher, data, recipe=of_epochs(tiny_student, 4), out=tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_what_the_cache_gives_is_what_the_teacher_says_in_each_step(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    # In one epoch, the first view of each clip is also the epoch's own.
    cached = of_epochs(replace(tiny_student, views=1), 1)
    live = replace(cached, views=0)
    ours = distill(teacher, data, recipe=cached, out=tmp_path / "cached").history[0]
    theirs = distill(teacher, data, recipe=live, out=tmp_path / "live").history[0]
    assert set(ours) == set(theirs)
    for name in (*(f"train_{term}" for term in TERMS), *(f"gradient_{term}" for term in TERMS)):
        assert ours[name] == pytest.approx(theirs[name], rel=2e-3), name
    assert not (tmp_path / "cached.signals").exists()


class Asked(NoProgress):
    """Counts how often the teacher was asked, and may break off."""

    def __init__(self, stop_after: int = -1) -> None:
        self.count, self.stop_after, self.what = 0, stop_after, ""

    def start(self, what: str, total: int) -> None:
        self.what = what

    def advance(self, n: int = 1, note: str = "") -> None:
        if self.what == "asking the teacher":
            self.count += n
            if self.count == self.stop_after:
                raise InterruptedError


def test_a_kept_cache_is_used_again_and_grows_by_what_is_missing(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    recipe = of_epochs(replace(tiny_student, views=2), 1)
    batches = -(-len(data.split("train")) // 16)
    stopped = Asked(stop_after=batches + 1)
    with pytest.raises(InterruptedError):
        distill(teacher, data, recipe=recipe, out=tmp_path / "a", progress=stopped, cache=tmp_path / "cache")
    rest = Asked()
    first = distill(teacher, data, recipe=recipe, out=tmp_path / "a", progress=rest, cache=tmp_path / "cache")
    assert rest.count == batches
    again = Asked()
    second = distill(teacher, data, recipe=recipe, out=tmp_path / "b", progress=again, cache=tmp_path / "cache")
    assert again.count == 0
    assert weights_digest(first.model) == weights_digest(second.model)
    other = replace(recipe, features=FeatureSettings(blocks=(0,), teacher_blocks=(0,)))
    more = Asked()
    distill(teacher, data, recipe=other, out=tmp_path / "c", progress=more, cache=tmp_path / "cache")
    assert more.count == 2 * batches
    (folder,) = (tmp_path / "cache").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {"000.answers.f32", "001.features-0.f16", "001.attention-2.f16"} <= names
    assert not [name for name in names if name.endswith(".part")]


def test_music_without_labels_and_made_up_songs_are_labelled_by_the_teacher(
    data: PreparedData, deam: Path, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    songs = sorted(path for path in deam.rglob("*") if path.suffix in AUDIO_SUFFIXES)
    learnt = set(data.split("train").song_ids)
    (tmp_path / "music").mkdir()
    for path in songs:
        if path.stem in learnt:
            (tmp_path / "music" / path.name).symlink_to(path)
    prepare(tmp_path / "music", tmp_path / "more", recipe=DataRecipe(), audio=data.audio)
    more, made_up = open_data(tmp_path / "more"), flat(tmp_path / "made", data)
    recipe = of_epochs(replace(tiny_student, views=1), 1)
    student = distill(teacher, data, recipe=recipe, out=tmp_path / "student", extra=[more, made_up])
    assert student.recipe["extra_clips"] == [len(learnt), 6]
    alone = distill(teacher, data, recipe=recipe, out=tmp_path / "alone")
    assert weights_digest(student.model) != weights_digest(alone.model)
    assert np.isfinite([list(row.values()) for row in student.history]).all()


def flat(place: Path, data: PreparedData, audio: AudioSpec | None = None) -> GanSamples:
    shape = (6, data.audio.n_mels, data.audio.n_frames)
    mels = np.random.default_rng(0).random(shape, dtype=np.float32)
    made = (mels, np.zeros((6, 2), dtype=np.float32), np.ones(6, dtype=np.float32))
    write_gan_samples(place, audio or data.audio, batches=[made], sampling=lambda: Sampling(generator="noise"))
    return open_gan_samples(place)


def test_songs_that_judge_are_not_learnt_from(
    data: PreparedData, deam: Path, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    (tmp_path / "music").mkdir()
    judged = data.split("test").song_ids[0]
    for path in deam.rglob("*"):
        if path.suffix in AUDIO_SUFFIXES and path.stem in (judged, data.split("train").song_ids[0]):
            (tmp_path / "music" / path.name).symlink_to(path)
    prepare(tmp_path / "music", tmp_path / "more", recipe=DataRecipe(), audio=data.audio)
    with pytest.raises(DataError, match=rf"1 of its songs, such as '{judged}', are validation or test songs"):
        distill(teacher, data, recipe=tiny_student, out=tmp_path / "student", extra=[open_data(tmp_path / "more")])
    with pytest.raises(DataError, match="has labels, and splits of its own"):
        distill(teacher, data, recipe=tiny_student, out=tmp_path / "student", extra=[data])
    other = flat(tmp_path / "made", data, replace(data.audio, f_min=30.0))
    with pytest.raises(DataError, match="follows another front end"):
        distill(teacher, data, recipe=tiny_student, out=tmp_path / "student", extra=[other])
    assert not (tmp_path / "student").exists()


def test_a_student_of_another_shape_learns_the_same_attention(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    wide = of_epochs(replace(tiny_student, image_size=(128, 224), views=1), 2)
    student = distill(teacher, data, recipe=wide, out=tmp_path / "student")
    assert student.spec.audio.image_size == (128, 224)
    assert student.spec.audio.log_mel == data.audio.log_mel
    assert student.model.grid == (8, 14)
    assert student.history[1]["train_features"] < student.history[0]["train_features"]
    assert Checkpoint.load(tmp_path / "student").spec.audio == student.spec.audio


def test_another_normalization_is_refused_or_converted(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    audio = replace(data.audio, normalization="zscore")
    foreign = replace(teacher, spec=replace(teacher.spec, audio=audio))
    recipe = of_epochs(replace(tiny_student, views=1), 1)
    with pytest.raises(DataError, match=r"which has normalization zscore and not db80; --convert"):
        distill(foreign, data, recipe=recipe, out=tmp_path / "student")
    student = distill(foreign, data, recipe=recipe, out=tmp_path / "student", convert=True)
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


def test_a_teacher_without_attention_leaves_its_answers(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    plain = replace(teacher, model=Plain().eval())
    student = distill(plain, data, recipe=of_epochs(tiny_student, 1), out=tmp_path / "student")
    assert student.recipe["plan"]["off"] == ("features", "attention")
    terms = {name.removeprefix("train_") for name in student.history[0] if name.startswith("train_")}
    assert terms == {"loss", "hard", "soft"}


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (FeatureSettings(blocks=(7,)), "features: the student has no block 7; it has 2, from 0 to 1"),
        (FeatureSettings(blocks=(1,), teacher_blocks=(3,)), "features: the teacher has no block 3; it has 3"),
    ],
)
def test_a_block_that_is_not_there_is_named(
    features: FeatureSettings, words: str, data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(RecipeError, match=words):
        distill(teacher, data, recipe=replace(tiny_student, features=features), out=tmp_path / "student")


def test_a_disk_that_is_too_small_is_known_beforehand(
    data: PreparedData,
    teacher: Checkpoint,
    tiny_student: DistillRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(OutputError, match=r"the teacher's signals need [\d.]+ GB, and the disk has"):
        distill(teacher, data, recipe=tiny_student, out=tmp_path / "student")


def test_averaged_weights_are_those_that_are_validated_and_kept(
    data: PreparedData, teacher: Checkpoint, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    recipe = replace(tiny_student, views=1)
    averaged = distill(teacher, data, recipe=of_epochs(recipe, 6, ema=0.5), out=tmp_path / "averaged")
    plain = distill(teacher, data, recipe=of_epochs(recipe, 6), out=tmp_path / "plain")
    assert averaged.history[0]["train_loss"] == plain.history[0]["train_loss"]
    assert [row["val_ccc"] for row in averaged.history] != [row["val_ccc"] for row in plain.history]
    # The kept weights answer as the best epoch's validation said.
    best = max(row["val_ccc"] for row in averaged.history)
    assert averaged.evaluation.val.ccc["mean"].value == pytest.approx(best, abs=1e-4)
