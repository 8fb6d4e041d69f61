"""Evaluations of clips whose faults are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.teacher.gan.evaluation.clips import Clips, generated_clips, real_clips, real_windows
from sentio_mobile.teacher.gan.evaluation.emotion_models import EmotionModel
from sentio_mobile.teacher.gan.evaluation.evaluate import GanEvaluation, evaluate_gan

Array = NDArray[np.float32]


def mels_of(clips: Clips) -> Array:
    return np.stack(list(clips))


def evaluate_planted(
    data: PreparedData, mels: Array, labels: Array, emotion_model: EmotionModel | None = None
) -> GanEvaluation:
    samples = generated_clips("planted", mels, labels)
    return evaluate_gan(samples, data, emotion_model=emotion_model, seed=0, progress=NoProgress())


def test_evaluate_gan_unseen_real_songs_are_good_and_new(held_out: GanEvaluation) -> None:
    assert held_out.score.total > 90
    assert held_out.score.tier == "good"
    assert not held_out.memorization.is_memorized
    assert held_out.memorization.copies == 0
    assert 0.8 < held_out.memorization.distance_ratio < 1.25
    assert 0.8 < held_out.diversity.overall < 1.2
    assert 0.8 < held_out.diversity.same_label < 1.2
    low, high = held_out.kernel.generated.low, held_out.kernel.between_real.high
    assert low is not None
    assert high is not None
    assert low < high


def test_evaluate_gan_reports_consistency_beside_that_of_real_songs(
    songs: PreparedData, held_out: GanEvaluation
) -> None:
    for dimension, least in (("arousal", 0.5), ("valence", 0.2)):
        samples, real = (held_out.consistency.interval(dimension, real=x) for x in (False, True))
        assert real.value is not None
        assert real.value > least
        assert samples.low is not None
        assert samples.high is not None
        assert samples.low < real.value < samples.high
    assert held_out.consistency.real_split == "train"
    assert set(held_out.consistency.real.songs) == set(songs.split("train").song_ids)


@pytest.mark.parametrize("change", [pytest.param("noise", marks=pytest.mark.exhaustive), "shift"])
def test_evaluate_gan_copies_of_training_songs_are_flagged(
    songs: PreparedData, emotion_model: EmotionModel, change: str
) -> None:
    windows = real_windows(songs, "train")
    chosen = windows.subset(np.arange(0, len(windows), 5))
    mels = mels_of(chosen)
    if change == "noise":
        mels = np.clip(mels + np.random.default_rng(0).normal(0, 0.02, mels.shape), 0, 1).astype(np.float32)
    if change == "shift":
        mels = np.roll(mels, 30, axis=2)
    found = evaluate_planted(songs, mels, chosen.labels, emotion_model)
    assert found.memorization.copies > 0.9
    assert found.memorization.is_memorized
    assert found.score.tier == "good"
    assert any("memorized" in line for line in found.notes)


def test_evaluate_gan_repeated_clip_has_no_diversity(songs: PreparedData, emotion_model: EmotionModel) -> None:
    test = real_clips(songs, "test")
    found = evaluate_planted(songs, np.repeat(test[0][None], len(test), axis=0), test.labels, emotion_model)
    assert found.diversity.overall < 1e-3
    assert found.diversity.same_label < 1e-3
    assert found.score.tier == "poor"
    assert any("collapsed" in line for line in found.notes)


def test_evaluate_gan_one_clip_per_label_is_diverse_overall_alone(
    songs: PreparedData, emotion_model: EmotionModel
) -> None:
    test = real_clips(songs, "test")
    rows = np.repeat(np.arange(5), 6)
    found = evaluate_planted(songs, mels_of(test)[rows], test.labels[rows], emotion_model)
    assert found.diversity.overall > 0.5
    assert found.diversity.same_label < 1e-3
    assert any("one label" in line for line in found.notes)


def test_evaluate_gan_shuffled_labels_are_not_consistent(songs: PreparedData, emotion_model: EmotionModel) -> None:
    parts = [real_clips(songs, split) for split in ("train", "test")]
    mels, labels = np.concatenate([mels_of(x) for x in parts]), np.concatenate([x.labels for x in parts])
    order = np.random.default_rng(1).permutation(len(mels))
    right, wrong = (evaluate_planted(songs, mels, x, emotion_model) for x in (labels, labels[order]))
    for dimension in ("valence", "arousal"):
        consistent, shuffled = (found.consistency.interval(dimension) for found in (right, wrong))
        assert consistent.low is not None
        assert shuffled.value is not None
        assert abs(shuffled.value) < min(0.25, consistent.low)
    assert right.score == wrong.score
    assert not any("do not show the" in line for line in right.notes)
    assert any("do not show the" in line for line in wrong.notes)


@pytest.mark.parametrize("kind", ["gaussian", pytest.param("silence", marks=pytest.mark.exhaustive)])
def test_evaluate_gan_noise_is_poor(songs: PreparedData, emotion_model: EmotionModel, kind: str) -> None:
    test = real_clips(songs, "test")
    real, rng = mels_of(test), np.random.default_rng(0)
    mels = {
        "gaussian": np.clip(rng.normal(real.mean(), real.std(), real.shape), 0, 1),
        "silence": np.zeros(real.shape),
    }[kind].astype(np.float32)
    found = evaluate_planted(songs, mels, test.labels, emotion_model)
    assert found.score.total < 15
    assert found.score.tier == "poor"
    assert not found.memorization.is_memorized
    assert any("far from real songs" in line for line in found.notes)


@pytest.mark.exhaustive
def test_evaluate_gan_same_input_gives_the_same_evaluation(songs: PreparedData, held_out: GanEvaluation) -> None:
    test = real_clips(songs, "test")
    assert evaluate_planted(songs, mels_of(test), test.labels) == held_out


def test_evaluate_gan_does_not_read_test_songs(songs: PreparedData) -> None:
    """An evaluation stays the same without the test split."""
    val = real_clips(songs, "val")
    without = replace(songs, splits={name: songs.splits[name] for name in ("train", "val")})
    mels, labels = mels_of(val)[:12], val.labels[:12]
    assert evaluate_planted(without, mels, labels) == evaluate_planted(songs, mels, labels)


def test_evaluate_gan_unusable_clips_are_refused(songs: PreparedData, emotion_model: EmotionModel) -> None:
    test = real_clips(songs, "test")
    mels, labels = mels_of(test), test.labels
    with pytest.raises(DataError, match=r"20 by 30 .bands by frames., the songs of .* 128 by"):
        evaluate_planted(songs, mels[:, :20, :30], labels, emotion_model)
    spoilt = mels.copy()
    spoilt[3, 5, 7] = np.nan
    with pytest.raises(DataError, match="planted: 'sample 3' holds values that are not numbers"):
        evaluate_planted(songs, spoilt, labels, emotion_model)
    with pytest.raises(DataError, match="a score needs 8 of each"):
        evaluate_planted(songs, mels[:5], labels[:5], emotion_model)
    with pytest.raises(DataError, match="as many labels"):
        evaluate_planted(songs, mels, labels[:-1], emotion_model)
    with pytest.raises(DataError, match="as many labels"):
        evaluate_planted(songs, mels, labels + 2, emotion_model)
