"""Comparisons of models, and tests of significance against scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sentio_mobile.metrics.bootstrap import resample
from sentio_mobile.metrics.significance import compare_models, holm, sign_test, wilson_interval

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.uniform(-0.9, 0.9, (120, 2)).astype(np.float32)
GOOD = (TRUTH + RANDOM.normal(0, 0.1, TRUTH.shape)).astype(np.float32)
BAD = (TRUTH + RANDOM.normal(0, 0.6, TRUTH.shape)).astype(np.float32)
DRAWS = resample(len(TRUTH), 0)


def test_compare_models_finds_the_better_one_of_each_pair() -> None:
    alike = GOOD + np.float32(1e-4)
    pairs = compare_models(TRUTH, {"good": GOOD, "bad": BAD, "alike": alike}, DRAWS, 0.2)
    found = {(pair.first, pair.second): pair for pair in pairs}
    assert list(found) == [("good", "bad"), ("good", "alike"), ("bad", "alike")]
    assert found["good", "bad"].verdict == "good is better"
    assert found["good", "bad"].difference["mean"].high < 0
    assert found["bad", "alike"].verdict == "alike is better"
    assert found["good", "alike"].verdict == "cannot be told apart"


def test_compare_models_counts_the_songs_that_only_one_model_hits() -> None:
    pair = compare_models(TRUTH, {"good": GOOD, "bad": BAD}, DRAWS, 0.2)[0]
    for i, name in enumerate(("valence", "arousal")):
        good, bad = (np.abs(predicted[:, i] - TRUTH[:, i]) <= 0.2 for predicted in (GOOD, BAD))
        hits = pair.hits[name]
        assert (hits.first_only, hits.second_only) == ((good & ~bad).sum(), (bad & ~good).sum())
        assert hits.p == pytest.approx(binomtest(hits.first_only, hits.first_only + hits.second_only).pvalue)
        assert hits.p <= hits.p_holm < 0.05


def test_compare_models_with_equal_hits_shows_no_difference() -> None:
    pair = compare_models(TRUTH, {"one": GOOD, "other": GOOD.copy()}, DRAWS, 0.2)[0]
    assert pair.hits["valence"].p == 1.0
    assert pair.verdict == "cannot be told apart"


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 1), (1, 1), (3, 10), (5, 10), (4, 9), (5, 9), (0, 40), (400, 1000), (48_000, 97_001)]
)
def test_sign_test_is_the_exact_binomial_test(successes: int, trials: int) -> None:
    assert sign_test(successes, trials) == pytest.approx(binomtest(successes, trials).pvalue, rel=1e-9)


def test_sign_test_without_trials_shows_nothing() -> None:
    assert sign_test(0, 0) == 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 30), (30, 30), (27, 30), (900, 1000)])
def test_wilson_interval_is_scipys(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)
