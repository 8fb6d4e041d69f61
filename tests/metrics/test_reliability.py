"""Agreement of raters, held to the published example and to ratings whose reliability is known."""

import numpy as np
import pytest

from sentio_mobile.metrics.bootstrap import UNDEFINED
from sentio_mobile.metrics.reliability import icc, split_half, with_interval

PUBLISHED = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
"""Shrout & Fleiss 1979, table 2: six targets by four judges."""


def test_published_example() -> None:
    assert icc(PUBLISHED) == pytest.approx(0.29, abs=0.005)
    assert icc(PUBLISHED, mean=True) == pytest.approx(0.62, abs=0.005)


def test_known_reliability() -> None:
    rng = np.random.default_rng(0)
    # A rating is half the song's variance: 0.5 for one, 6 * 0.5 / (1 + 5 * 0.5) for the mean over six.
    ratings = rng.normal(size=(5000, 1)) + rng.normal(size=(5000, 6))
    assert icc(ratings) == pytest.approx(0.5, abs=0.03)
    assert icc(ratings, mean=True) == pytest.approx(6 / 7, abs=0.02)
    assert split_half(ratings) == pytest.approx(6 / 7, abs=0.02)
    # A rater who is stricter than the others disagrees absolutely, and is as good in a correlation.
    assert icc(ratings + 2 * np.eye(6)[0]) < 0.45
    assert split_half(ratings + 2 * np.eye(6)[0]) == pytest.approx(6 / 7, abs=0.02)
    assert icc(rng.normal(size=(5000, 4))) == pytest.approx(0, abs=0.03)


def test_what_is_undefined() -> None:
    assert np.isnan(icc(np.ones((6, 3))))
    assert np.isnan(split_half(np.ones((6, 3))))
    assert with_interval(icc, np.ones((4, 3))) == UNDEFINED
    assert with_interval(icc, np.ones((9, 1))) == UNDEFINED
    assert with_interval(icc, np.ones((9, 3))) == UNDEFINED


def test_interval_holds_the_figure() -> None:
    ratings = np.random.default_rng(1).normal(size=(40, 1)) + np.random.default_rng(2).normal(size=(40, 3))
    found = with_interval(icc, ratings)
    assert found.value == icc(ratings)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
