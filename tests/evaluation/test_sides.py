"""The area under the curve, on cases whose answer is known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sentio_mobile.evaluation.sides import areas, areas_of_runs
from sentio_mobile.training.measures import resample


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    high = np.array([True, True, False, False])
    answers = np.array([0.9, 0.1, 0.1, -0.5])
    drawn = resample(4, 0)
    assert areas(high, answers, drawn)[0] == pytest.approx(3.5 / 4)
    assert areas(high, -answers, drawn)[0] == pytest.approx(0.5 / 4)
    assert np.isnan(areas(np.ones(4, dtype=bool), answers, drawn)).all()


def test_it_agrees_with_scikit_learn_for_songs_and_for_each_resample() -> None:
    random = np.random.default_rng(0)
    high = random.random(50) > 0.4
    answers = np.round(high + random.normal(size=50), 1)
    drawn = resample(50, 0, resamples=5)
    found = areas(high, answers, drawn)
    for area, weights in zip(found, drawn.weights, strict=True):
        assert area == pytest.approx(roc_auc_score(high, answers, sample_weight=weights))


def test_runs_are_averaged_and_what_is_not_known_is_left_out() -> None:
    random = np.random.default_rng(0)
    sides = random.choice([-1.0, 0.0, 1.0], size=(60, 2))
    runs = np.stack([sides + random.normal(size=sides.shape) for _ in range(3)])
    drawn = resample(60, 0)
    found = areas_of_runs(sides, runs, drawn)
    known = sides[:, 0] != 0
    each = [roc_auc_score(sides[known, 0] > 0, run[known, 0]) for run in runs]
    assert found["valence"].value == pytest.approx(np.mean(each))
    assert found["valence"].low > 0.5  # type: ignore[operator]
    runs[:, ~known, 0] = 9
    assert areas_of_runs(sides, runs, drawn)["valence"] == found["valence"]
