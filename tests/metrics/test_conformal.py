"""Intervals that hold as often as they say, on cases whose answer is known."""

import numpy as np
import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.metrics.conformal import coverage_on, uncertainty_of
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import ModelSpec, Uncertainty
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher


def test_the_half_width_is_the_error_of_the_right_rank() -> None:
    truth = np.zeros((19, 2))
    predicted = np.stack([np.arange(1, 20) / 100, -np.arange(19, 0, -1) / 50], axis=1)
    # ceil(20 * 0.9) = 18: the eighteenth smallest of 19.
    assert uncertainty_of(truth, predicted) == Uncertainty(0.9, (0.18, 0.36), 19)


def test_too_few_songs_have_none() -> None:
    assert uncertainty_of(np.zeros((8, 2)), np.ones((8, 2))) is None
    nine = uncertainty_of(np.zeros((9, 2)), np.linspace(0, 1, 18).reshape(9, 2))
    assert nine is not None
    assert nine.half_width == (16 / 17, 1.0)


@pytest.mark.parametrize("songs", [20, 61])
def test_new_songs_are_covered_as_often_as_it_says(songs: int) -> None:
    random = np.random.default_rng(0)
    shares = []
    for _ in range(500):
        errors = 0.02 * random.standard_t(3, size=(songs + 200, 2))
        known = uncertainty_of(np.zeros((songs, 2)), errors[:songs])
        assert known is not None
        found = coverage_on(known, np.zeros((200, 2)), errors[songs:])
        shares.append([found.valence.share, found.arousal.share])
    # Lei et al. (2018), theorem 2.2: between the coverage and 1 / (n + 1) more, here with four standard errors.
    mean, slack = np.mean(shares, axis=0), 4 * np.std(shares) / np.sqrt(500)
    assert (mean > 0.9 - slack).all()
    assert (mean < 0.9 + 1 / (songs + 1) + slack).all()


def test_coverage_counts_and_has_an_interval() -> None:
    truth = np.zeros((10, 2))
    predicted = np.stack([np.full(10, 0.1), np.linspace(0, 0.9, 10)], axis=1)
    found = coverage_on(Uncertainty(0.9, (0.05, 0.45), 30), truth, predicted)
    assert (found.n, found.valence.share, found.arousal.share) == (10, 0.0, 0.5)
    assert found.arousal.low < 0.5 < found.arousal.high


def test_a_spec_keeps_it_and_one_from_before_has_none() -> None:
    spec = ModelSpec(architecture="vit", uncertainty=Uncertainty(0.9, (0.25, 0.5), 60))
    assert ModelSpec.from_dict(spec.to_dict()) == spec
    old = {name: value for name, value in spec.to_dict().items() if name != "uncertainty"}
    assert ModelSpec.from_dict(old).uncertainty is None


def test_a_trained_teacher_says_how_far_it_may_be_off(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    validated = replace(data, splits={**data.splits, "val": data.split("train")})
    out = tmp_path_factory.mktemp("certain") / "ckpt"
    train_teacher(validated, tiny_teacher, out=out)
    checkpoint = Checkpoint.load(out)
    known = checkpoint.spec.uncertainty
    assert known is not None
    assert known.songs == len(data.split("train"))
    assert 0 < known.half_width[0] <= 2
    assert checkpoint.evaluation.test is not None
    coverage = checkpoint.evaluation.test.coverage
    assert coverage is not None
    assert coverage.n == len(data.split("test"))
    assert coverage.valence.half_width == known.half_width[0]


def test_intervals_of_an_answer_stay_on_the_scale() -> None:
    answer = Emotion(
        song="a.mp3", valence=0.9, arousal=-0.2, start=0.0, end=30.0, uncertainty=Uncertainty(0.9, (0.3, 0.5), 60)
    )
    assert answer.intervals == {
        "valence": (pytest.approx(0.6), 1),
        "arousal": (pytest.approx(-0.7), pytest.approx(0.3)),
    }
    row = answer.to_prediction()
    assert (row.valence_low, row.valence_high, row.coverage) == (0.6, 1, 0.9)
    unknown = replace(answer, uncertainty=None)
    assert unknown.intervals is None
    assert unknown.to_prediction().arousal_high is None
