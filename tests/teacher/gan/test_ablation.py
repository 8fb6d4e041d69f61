"""Made-up clips in a teacher's training, and whether they help."""

import json
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.gan_samples import GanSamples, Sampling, open_gan_samples, write_gan_samples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError, RecordError
from sentio_mobile.models.checkpoint import weights_digest
from sentio_mobile.teacher.config import GanSampleSettings, TeacherRecipe
from sentio_mobile.teacher.gan.ablation import ARMS, ablate, arm_recipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.config import AugmentSettings
from sentio_mobile.training.datamodule import TrainingClips
from sentio_mobile.training.sources import ExtraData, GanMixture

SPECIAL = 0.123


@pytest.fixture(scope="module")
def made_up(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> GanSamples:
    """Clips of one level each, all with one label that no song has."""
    place = tmp_path_factory.mktemp("made") / "made"
    mels = np.full((6, data.audio.n_mels, data.audio.n_frames), 0.5, dtype=np.float32)
    labels = np.full((6, 2), SPECIAL, dtype=np.float32)
    write_gan_samples(
        place,
        data.audio,
        batches=[(mels, labels, np.ones(6, dtype=np.float32))],
        sampling=lambda: Sampling(generator="flat"),
    )
    return open_gan_samples(place)


def taken(data: PreparedData, recipe: TeacherRecipe, mixture: GanMixture | None, epoch: int) -> float:
    """The share of turns that made-up clips take."""
    clips = TrainingClips(data, recipe.training, ExtraData(mixture))
    turns = [clips[(epoch, song)] for song in range(len(clips)) for _ in range(1)]
    return float(np.mean([bool(np.allclose(clip.labels, SPECIAL)) for clip in turns]))


def test_made_up_clips_take_their_share_of_turns_and_then_leave(
    data: PreparedData, tiny_teacher: TeacherRecipe, made_up: GanSamples
) -> None:
    mixture = GanMixture(made_up, share=0.5, epochs=10)
    shares = [taken(data, tiny_teacher, mixture, epoch) for epoch in range(12)]
    assert 0.4 < np.mean(shares[:10]) < 0.6
    assert shares[10:] == [0, 0]
    assert taken(data, tiny_teacher, GanMixture(made_up, share=1.0, epochs=1), 0) == 1
    assert taken(data, tiny_teacher, None, 0) == 0


def test_a_teacher_says_what_it_learnt_from(
    data: PreparedData, tiny_teacher: TeacherRecipe, made_up: GanSamples, tmp_path: Path
) -> None:
    short = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1))
    with_some = train_teacher(data, short, out=tmp_path / "with", synthetic=made_up)
    without = train_teacher(data, short, out=tmp_path / "without")
    assert with_some.recipe["made_up"] == {"clips": 6, "fingerprint": made_up.fingerprint}
    assert without.recipe["made_up"] is None
    assert weights_digest(with_some.model) != weights_digest(without.model)
    assert with_some.evaluation.test.songs == data.split("test").song_ids


def test_clips_of_another_front_end_are_refused(
    data: PreparedData, tiny_teacher: TeacherRecipe, made_up: GanSamples, tmp_path: Path
) -> None:
    other = replace(made_up, sheet=replace(made_up.sheet, audio=replace(data.audio, f_max=7000.0)))
    with pytest.raises(DataError, match="follows another front end"):
        train_teacher(data, tiny_teacher, out=tmp_path / "out", synthetic=other)


@pytest.mark.parametrize("values", [{"share": 0.0}, {"until": 1.5}])
def test_shares_beyond_their_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(RecordError, match="must be a number above 0 and up to 1"):
        GanSampleSettings(**values)


def test_arms_differ_in_what_they_are_named_after_alone(tiny_teacher: TeacherRecipe) -> None:
    recipes = [arm_recipe(tiny_teacher, arm, 5) for arm in ARMS]
    plain = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
    assert [recipe.training.augment == plain for recipe in recipes] == [True, False, True, False]
    assert recipes[1].training.augment.mixup > 0
    same = [replace(recipe, training=replace(recipe.training, augment=plain)) for recipe in recipes]
    assert same[0] == same[1] == same[2] == same[3]
    mixed = replace(tiny_teacher, gan_samples=GanSampleSettings(share=1.0, until=0.5))
    assert [arm_recipe(mixed, arm, 5) == arm_recipe(tiny_teacher, arm, 5) for arm in ARMS] == [True, True, False, False]


class Starts(NoProgress):
    """Counts the pieces of work."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def start(self, what: str, total: int) -> None:
        self.names.append(what)


@pytest.mark.slow
def test_an_ablation_compares_every_arm_with_real_songs_and_is_not_made_twice(
    data: PreparedData, tiny_teacher: TeacherRecipe, made_up: GanSamples, tmp_path: Path
) -> None:
    short = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1))
    first, again = Starts(), Starts()
    outcomes = ablate(data, made_up, recipe=short, seeds=(0, 1), work=tmp_path / "runs", progress=first)
    assert [outcome.arm for outcome in outcomes] == [arm.name for arm in ARMS]
    assert len([name for name in first.names if "seed" in name]) == 8
    assert outcomes[0].gain is None
    for outcome in outcomes:
        np.testing.assert_allclose(outcome.agreement["mean"].value, np.mean(outcome.by_seed), atol=2e-3)
        if outcome.gain is not None:
            difference = np.mean(outcome.by_seed) - np.mean(outcomes[0].by_seed)
            np.testing.assert_allclose(outcome.gain["mean"].value, difference, atol=2e-3)
    assert ablate(data, made_up, recipe=short, seeds=(0, 1), work=tmp_path / "runs", progress=again) == outcomes
    assert again.names == []
    changed = replace(short, training=replace(short.training, learning_rate=1e-4))
    assert json.dumps(ablate(data, made_up, recipe=changed, seeds=(0,), work=tmp_path / "runs")[0].by_seed)
