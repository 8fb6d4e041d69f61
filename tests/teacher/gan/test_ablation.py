"""GAN samples in a teacher's training, and the ablation that measures whether they help."""

from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import from_plain, replace, to_plain
from sentio_mobile.data.gan_samples import GanSamples, Sampling, open_gan_samples, write_gan_samples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError, RecordError
from sentio_mobile.models.checkpoint import weights_digest
from sentio_mobile.teacher.config import GanSampleSettings, TeacherRecipe
from sentio_mobile.teacher.gan.ablation import ARMS, AblationRecord, ablate, arm_recipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.clips import TrainingClips
from sentio_mobile.training.config import AugmentSettings
from sentio_mobile.training.sources import GanMixture, TrainingSources

SPECIAL = 0.123


@pytest.fixture(scope="module")
def samples(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> GanSamples:
    """Samples of one constant level, all with a label that no song has."""
    place = tmp_path_factory.mktemp("samples") / "samples"
    mels = np.full((6, data.audio.n_mels, data.audio.n_frames), 0.5, dtype=np.float32)
    labels = np.full((6, 2), SPECIAL, dtype=np.float32)
    write_gan_samples(
        place,
        data.audio,
        batches=[(mels, labels, np.ones(6, dtype=np.float32))],
        sampling=lambda: Sampling(generator="flat"),
    )
    return open_gan_samples(place)


def share_of_samples(data: PreparedData, recipe: TeacherRecipe, mixture: GanMixture | None, epoch: int) -> float:
    """The share of training examples that are GAN samples."""
    clips = TrainingClips(data, recipe.training, TrainingSources(gan_mixture=mixture))
    turns = [clips[(epoch, song)] for song in range(len(clips)) for _ in range(1)]
    return float(np.mean([bool(np.allclose(clip.labels, SPECIAL)) for clip in turns]))


def test_gan_mixture_takes_its_share_and_ends(
    data: PreparedData, tiny_teacher: TeacherRecipe, samples: GanSamples
) -> None:
    mixture = GanMixture(samples=samples, share=0.5, epochs=10)
    shares = [share_of_samples(data, tiny_teacher, mixture, epoch) for epoch in range(12)]
    assert 0.4 < np.mean(shares[:10]) < 0.6
    assert shares[10:] == [0, 0]
    assert share_of_samples(data, tiny_teacher, GanMixture(samples=samples, share=1.0, epochs=1), 0) == 1
    assert share_of_samples(data, tiny_teacher, None, 0) == 0


def test_train_teacher_records_its_gan_samples(
    data: PreparedData, tiny_teacher: TeacherRecipe, samples: GanSamples, tmp_path: Path
) -> None:
    short = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1))
    with_some = train_teacher(data, short, out=tmp_path / "with", gan_samples=samples)
    without = train_teacher(data, short, out=tmp_path / "without")
    assert with_some.recipe["gan_sample_source"] == {"n": 6, "fingerprint": samples.fingerprint}
    assert without.recipe["gan_sample_source"] is None
    assert weights_digest(with_some.model) != weights_digest(without.model)
    assert with_some.evaluation.test.songs == data.split("test").song_ids


def test_train_teacher_samples_of_another_front_end_are_refused(
    data: PreparedData, tiny_teacher: TeacherRecipe, samples: GanSamples, tmp_path: Path
) -> None:
    other = replace(samples, sheet=replace(samples.sheet, audio=replace(data.audio, f_max=7000.0)))
    with pytest.raises(DataError, match="follows another front end"):
        train_teacher(data, tiny_teacher, out=tmp_path / "out", gan_samples=other)


@pytest.mark.parametrize("values", [{"share": 0.0}, {"until": 1.5}])
def test_gan_sample_settings_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(RecordError, match="must be a number above 0 and up to 1"):
        GanSampleSettings(**values)


def test_arm_recipe_differs_in_what_the_arm_is_named_after(tiny_teacher: TeacherRecipe) -> None:
    recipes = [arm_recipe(tiny_teacher, arm, 5) for arm in ARMS]
    plain = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
    assert [recipe.training.augment == plain for recipe in recipes] == [True, False, True, False]
    assert recipes[1].training.augment.mixup > 0
    same = [replace(recipe, training=replace(recipe.training, augment=plain)) for recipe in recipes]
    assert same[0] == same[1] == same[2] == same[3]
    mixed = replace(tiny_teacher, gan_samples=GanSampleSettings(share=1.0, until=0.5))
    assert [arm_recipe(mixed, arm, 5) == arm_recipe(tiny_teacher, arm, 5) for arm in ARMS] == [True, True, False, False]


class RecordSteps(NoProgress):
    """Records the names of the steps."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def start(self, what: str, total: int) -> None:
        self.names.append(what)


@pytest.mark.slow
def test_ablate_compares_every_arm_and_is_not_repeated(
    data: PreparedData, tiny_teacher: TeacherRecipe, samples: GanSamples, tmp_path: Path
) -> None:
    short = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1))
    first, again = RecordSteps(), RecordSteps()
    record = ablate(data, samples, recipe=short, seeds=(0, 1), work=tmp_path / "runs", progress=first)
    assert [result.arm for result in record.arms] == [arm.name for arm in ARMS]
    assert len([name for name in first.names if "seed" in name]) == 8
    assert record.arms[0].gain is None
    for result in record.arms:
        np.testing.assert_allclose(result.ccc["mean"].value, np.mean(result.by_seed), atol=2e-3)
        if result.gain is not None:
            difference = np.mean(result.by_seed) - np.mean(record.arms[0].by_seed)
            np.testing.assert_allclose(result.gain["mean"].value, difference, atol=2e-3)
    assert ablate(data, samples, recipe=short, seeds=(0, 1), work=tmp_path / "runs", progress=again) == record
    assert again.names == []
    assert from_plain(AblationRecord, to_plain(record), "ablation.json", complete=True) == record
    changed = replace(short, training=replace(short.training, learning_rate=1e-4))
    assert len(ablate(data, samples, recipe=changed, seeds=(0,), work=tmp_path / "runs").arms[0].by_seed) == 1
