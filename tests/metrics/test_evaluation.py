"""Evaluations of one set of songs: metrics, intervals, and the records that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sentio_mobile._internal.records import from_plain, replace, to_plain
from sentio_mobile.errors import InputError, RecordError
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.evaluation import Evaluation, SplitEvaluation, evaluate, learning_curves

IDS = tuple(f"s{i}" for i in range(40))


def songs(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.7, 0.7, (40, 2)).astype(np.float32)


def test_evaluate_constant_predictions_have_no_concordance_and_constant_labels_are_undefined() -> None:
    truth = songs()
    constant = evaluate(IDS, truth, np.zeros_like(truth), seed=0).metrics
    assert constant.valence.ccc.value == 0
    assert constant.valence.pearson is None
    alike = evaluate(IDS, np.zeros_like(truth), np.zeros_like(truth), seed=0).metrics
    assert alike.mean.ccc.value is None
    assert alike.valence.r2 is None


def test_evaluate_interval_covers_the_value_narrows_with_songs_and_follows_the_seed() -> None:
    truth = songs()
    noisy = truth + 0.3 * songs(1)
    one = evaluate(IDS, truth, noisy, seed=0)
    mean = one.ccc["mean"]
    assert mean.low < mean.value < mean.high  # type: ignore[operator]
    assert evaluate(IDS, truth, noisy, seed=0) == one
    assert evaluate(IDS, truth, noisy, seed=1).ccc["mean"].low != mean.low
    many = evaluate(IDS * 10, np.tile(truth, (10, 1)), np.tile(noisy, (10, 1)), seed=0).ccc["mean"]
    assert many.high - many.low < 0.5 * (mean.high - mean.low)  # type: ignore[operator]
    assert one.n == 40
    np.testing.assert_allclose(one.predictions, noisy, atol=6e-5)


def test_evaluation_survives_json() -> None:
    evaluation = Evaluation(test=evaluate(IDS, songs(), songs(1), seed=0), retention=Interval(0.9, 0.8, 1.0))
    assert from_plain(Evaluation, to_plain(evaluation), "evaluation.json", complete=True) == evaluation


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"n": 39}, "songs must be as many as n, 39, not 40"),
        ({"truth": ()}, "truth must have a value for each of 40 songs"),
        ({"predicted": ((0.0, 1.5),) * 40}, r"predicted\[0\]\[1\] must be a number from -1 to 1, not 1.5"),
        ({"n": 0}, "n must be a whole number from 1 to 1,000,000,000, not 0"),
    ],
)
def test_split_evaluation_faults_are_named(changes: dict[str, Any], fault: str) -> None:
    found = evaluate(IDS, songs(), songs(1), seed=0)
    with pytest.raises(RecordError, match=fault):
        replace(found, **changes)
    with pytest.raises(InputError, match=f"evaluation.json: {fault}"):
        from_plain(SplitEvaluation, {**to_plain(found), **changes}, "evaluation.json")


def test_learning_curves_are_read_from_the_rows() -> None:
    rows: Any = (
        {"epoch": 0, "val_ccc_valence": 0.5, "val_ccc_arousal": None, "train_soft": 1.0, "gradient_soft": 2.0},
    )
    curves = learning_curves(rows)
    assert curves is not None
    assert curves.ccc == {"valence": (0.5,), "arousal": (None,)}
    assert curves.terms == {"soft": (1.0,)}
    assert learning_curves(()) is None
    assert learning_curves(({"epoch": 0.0},)) is None
