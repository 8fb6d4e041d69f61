"""The ceiling of raters, against ratings that are drawn."""

import numpy as np
import pytest

from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.metrics.ceiling import ceiling_of, known_ceiling, noise_weights


def test_ceiling_of_is_what_the_best_prediction_reaches() -> None:
    random = np.random.default_rng(0)
    songs, raters = 4000, 5
    true = random.normal(0, 0.4, (songs, 2))
    ratings = true[:, None] + random.normal(0, [0.5, 0.2], (songs, raters, 2))
    labels, errors = ratings.mean(axis=1), ratings.std(axis=1, ddof=1) / raters**0.5
    ceiling = ceiling_of(labels, errors)
    # The best that can be said is the truth, stretched to the spread of the labels.
    best = ccc(labels, true * labels.std(axis=0) / true.std(axis=0))
    np.testing.assert_allclose(ceiling, best, atol=0.01)
    assert ceiling[0] < ceiling[1] < 1
    assert (ceiling >= ccc(labels, true) - 0.01).all()


def test_ceiling_of_noise_alone_is_zero_and_of_constants_undefined() -> None:
    labels = np.array([[0.1, 0.5], [-0.1, 0.5]])
    found = ceiling_of(labels, np.full((2, 2), 0.5))
    assert found[0] == pytest.approx(0)
    assert np.isnan(found[1])


def test_known_ceiling_needs_the_error_of_every_label() -> None:
    labels, errors = np.array([[0.1, 0.5], [-0.1, 0.5]]), np.full((2, 2), 0.05)
    assert known_ceiling(labels, errors) == (pytest.approx((1 - 0.25) ** 0.5, abs=1e-4), None)
    errors[1, 0] = np.nan
    assert known_ceiling(labels, errors) is None


def test_noise_weights_are_those_of_a_random_effects_analysis() -> None:
    labels = np.array([[-0.6, 0.1], [0.0, 0.1], [0.6, 0.1]])
    errors = np.array([[0.1, 0.2], [0.2, np.nan], [0.4, 0.2]])
    found = noise_weights(labels, errors)
    tau2 = 0.36 - 0.07  # sample variance of the labels, minus the mean of 0.01, 0.04 and 0.16
    expected = 1 / (tau2 + np.array([0.01, 0.04, 0.16]))
    np.testing.assert_allclose(found[:, 0], expected / expected.mean(), rtol=1e-6)
    # Labels without variance, and one whose error is unknown: none says more than another.
    np.testing.assert_allclose(found[:, 1], 1, rtol=1e-6)


def test_noise_weights_are_equal_without_noise() -> None:
    np.testing.assert_array_equal(noise_weights(np.zeros((3, 2)), np.zeros((3, 2))), 1)


def test_noise_weights_lower_the_error_of_a_fit() -> None:
    random = np.random.default_rng(0)
    plain, weighed = [], []
    for _ in range(100):
        x = random.normal(size=(40, 1))
        errors = random.choice([0.05, 1.0], 40)
        labels = 0.3 * x[:, 0] + errors * random.normal(size=40)
        weights = noise_weights(labels[:, None], errors[:, None])[:, 0]
        plain.append((x[:, 0] @ labels) / (x[:, 0] @ x[:, 0]) - 0.3)
        weighed.append((x[:, 0] @ (weights * labels)) / (x[:, 0] @ (weights * x[:, 0])) - 0.3)
    assert np.square(weighed).mean() < 0.5 * np.square(plain).mean()
