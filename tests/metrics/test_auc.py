"""The area under the ROC curve: by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sentio_mobile.metrics.auc import auc, auc_of_runs
from sentio_mobile.metrics.bootstrap import resample


def test_auc_is_the_share_of_pairs_in_order() -> None:
    high = np.array([True, True, False, False])
    predicted = np.array([0.9, 0.1, 0.1, -0.5])
    drawn = resample(4, 0)
    assert auc(high, predicted, drawn)[0] == pytest.approx(3.5 / 4)
    assert auc(high, -predicted, drawn)[0] == pytest.approx(0.5 / 4)
    assert np.isnan(auc(np.ones(4, dtype=bool), predicted, drawn)).all()


def test_auc_is_scikit_learns_for_songs_and_for_each_resample() -> None:
    random = np.random.default_rng(0)
    high = random.random(50) > 0.4
    predicted = np.round(high + random.normal(size=50), 1)
    drawn = resample(50, 0, resamples=5)
    found = auc(high, predicted, drawn)
    for area, weights in zip(found, drawn.weights, strict=True):
        assert area == pytest.approx(roc_auc_score(high, predicted, sample_weight=weights))


def test_auc_of_runs_is_their_mean_and_leaves_out_unknown_labels() -> None:
    random = np.random.default_rng(0)
    weak_labels = random.choice([-1.0, 0.0, 1.0], size=(60, 2))
    runs = np.stack([weak_labels + random.normal(size=weak_labels.shape) for _ in range(3)])
    drawn = resample(60, 0)
    found = auc_of_runs(weak_labels, runs, drawn)
    known = weak_labels[:, 0] != 0
    each = [roc_auc_score(weak_labels[known, 0] > 0, run[known, 0]) for run in runs]
    assert found["valence"].value == pytest.approx(np.mean(each))
    assert found["valence"].low > 0.5  # type: ignore[operator]
    runs[:, ~known, 0] = 9
    assert auc_of_runs(weak_labels, runs, drawn)["valence"] == found["valence"]
