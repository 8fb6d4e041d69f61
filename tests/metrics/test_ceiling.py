"""The ceiling of raters, against ratings that are drawn."""

import numpy as np
import pytest

from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.metrics.ceiling import ceiling_of


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
