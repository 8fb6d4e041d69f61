"""CCC and its interval, on cases whose answer is known."""

import numpy as np
import pytest

from sentio_mobile.metrics.agreement import (
    ccc,
    mean_of_runs,
    paired_difference,
    paired_difference_of_runs,
    retention,
    retention_of_pairs,
    retention_of_runs,
    weak_teacher,
)
from sentio_mobile.metrics.bootstrap import UNDEFINED, Interval


def songs(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (40, 2)).astype(np.float32)


def test_ccc_has_population_moments() -> None:
    truth = np.array([[1.0], [2.0], [3.0]])
    predicted = np.array([[1.5], [2.0], [2.5]])
    # covariance 1/3, variances 2/3 and 1/6, equal means: 2/3 over 5/6.
    np.testing.assert_allclose(ccc(truth, predicted), [0.8])
    np.testing.assert_allclose(ccc(truth, predicted + 1), [2 / 3 / (5 / 6 + 1)])
    np.testing.assert_allclose(ccc(truth, truth), [1.0])


@pytest.mark.parametrize(
    ("retained", "teacher", "student", "said"),
    [
        (Interval(1.06, 1.01, 1.14), None, None, "weak teacher: its student is better than it (retention 1.06"),
        (Interval(1.02, 0.97, 1.08), 90_000_000, 7_000_000, "weak teacher: its student is no worse than it"),
        (
            Interval(0.9, 0.8, 0.95),
            2_900_000,
            7_330_000,
            "it is the smaller network (2.90 M parameters against 7.33 M)",
        ),
        (Interval(1.06, 1.01, 1.14), 2_900_000, 7_330_000, "1.14]), and it is the smaller network"),
    ],
)
def test_a_weak_teacher_is_named(retained: Interval, teacher: int | None, student: int | None, said: str) -> None:
    assert said in str(weak_teacher(retained, teacher=teacher, student=student))


@pytest.mark.parametrize("retained", [Interval(0.9, 0.8, 1.2), Interval(1.0, 0.9, 1.1), UNDEFINED, None])
def test_a_teacher_that_knows_more_is_not_called_weak(retained: Interval | None) -> None:
    assert weak_teacher(retained, teacher=85_800_000, student=7_330_000) is None
    # A probe is no network, and has no size to be compared.
    assert weak_teacher(retained, teacher=None, student=7_330_000) is None


def test_retention_is_paired() -> None:
    truth = songs()
    teacher = truth + 0.5 * songs(1)
    same = retention(truth, teacher, teacher, seed=0)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    worse = retention(truth, teacher + 0.5 * songs(2), teacher, seed=0)
    assert worse.value is not None
    assert worse.value == pytest.approx(ccc(truth, teacher + 0.5 * songs(2)).mean() / ccc(truth, teacher).mean())
    assert worse.value < 1
    assert retention(truth, truth, -truth, seed=0).value is None


def test_a_paired_difference_is_signed_and_sees_what_separate_intervals_cannot() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(-1, 1, (60, 2)).astype(np.float32)
    noise = random.normal(0, 0.5, truth.shape).astype(np.float32)
    worse, better = truth + noise, truth + 0.8 * noise
    change = paired_difference(truth, worse, better, seed=0)
    assert set(change) == {"valence", "arousal", "mean"}
    assert change["mean"].value == pytest.approx((ccc(truth, better) - ccc(truth, worse)).mean())
    assert change["mean"].low is not None
    assert change["mean"].low > 0
    one, two = (mean_of_runs(truth, predicted[None], 0)["mean"] for predicted in (worse, better))
    assert one.high > two.low  # type: ignore[operator]
    back = paired_difference(truth, better, worse, seed=0)["mean"]
    assert back.value == pytest.approx(-change["mean"].value)  # type: ignore[operator]
    same = paired_difference(truth, worse, worse, seed=0)["mean"]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_runs_are_compared_in_the_mean_over_the_same_songs() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(-1, 1, (60, 2)).astype(np.float32)
    noisy = np.stack([truth + random.normal(size=truth.shape) * 0.6 for _ in range(3)]).astype(np.float32)
    better = np.stack([truth + random.normal(size=truth.shape) * 0.2 for _ in range(3)]).astype(np.float32)
    gain = paired_difference_of_runs(truth, noisy, better, 0)["mean"]
    agreement = [mean_of_runs(truth, answers, 0)["mean"] for answers in (noisy, better)]
    assert gain.value == pytest.approx(agreement[1].value - agreement[0].value)
    assert gain.low > 0
    one = paired_difference_of_runs(truth, noisy[:1], better[:1], 4)
    assert one == paired_difference(truth, noisy[0], better[0], 4)
    none = paired_difference_of_runs(truth, noisy, noisy[::-1].copy(), 0)["mean"]
    assert none.low < 1e-6
    assert none.value == pytest.approx(0, abs=1e-6)


def test_several_teachers_and_their_students_are_compared_in_the_mean() -> None:
    truth = songs()
    teachers = np.stack([truth + 0.5 * songs(1), truth + 0.9 * songs(2)])
    students = np.stack([teachers[0] + 0.3 * songs(3), teachers[1] + 0.3 * songs(4)])
    same = retention_of_pairs(truth, teachers, teachers, seed=0)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    kept = retention_of_pairs(truth, students, teachers, seed=0)
    assert kept.value == pytest.approx(ccc(truth, students).mean() / ccc(truth, teachers).mean())
    assert kept.low < kept.value < kept.high  # type: ignore[operator]
    one = retention_of_pairs(truth, students, teachers[:1], seed=3)
    assert one == retention_of_runs(truth, students, teachers[0], seed=3)
    assert retention_of_pairs(truth, students, -teachers, seed=0).value is None


def test_intervals_are_those_of_resampled_songs() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(-1, 1, (60, 2)).astype(np.float32)
    first, second = (truth + random.normal(size=truth.shape) * noise for noise in (0.6, 0.5))
    found = paired_difference(truth, first, second, seed=3)["mean"]
    # The same songs drawn by index, and the difference computed anew for each draw.
    drawn = np.random.default_rng(3).integers(0, 60, size=(2000, 60))
    differences = [(ccc(truth[i], second[i]) - ccc(truth[i], first[i])).mean() for i in drawn]
    assert [found.low, found.high] == pytest.approx(np.quantile(differences, (0.025, 0.975)), abs=1e-9)
    # Another seed moves the ends by no more than the noise of 2,000 resamples.
    other = paired_difference(truth, first, second, seed=4)["mean"]
    assert [other.low, other.high] == pytest.approx([found.low, found.high], abs=0.02)
