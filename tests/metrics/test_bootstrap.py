import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.metrics.bootstrap import (
    METRICS,
    RESAMPLES,
    Interval,
    by_dimension,
    interval_of,
    measure,
    resample,
    resampled_medians,
    table_of,
)


def answers(songs: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-0.9, 0.9, (songs, 2))
    return truth, np.clip(0.6 * truth + 0.1 + rng.normal(0, 0.2, truth.shape), -1, 1)


def test_every_metric_is_what_other_libraries_say() -> None:
    truth, predicted = answers()
    found = measure(truth, predicted, resample(len(truth), 0))
    assert set(found) == set(METRICS)
    for i in range(2):
        t, p = truth[:, i], predicted[:, i]
        line = np.polyfit(t, p, 1)
        wanted = {
            "ccc": ccc(truth, predicted)[i],
            "mse": mean_squared_error(t, p),
            "mae": mean_absolute_error(t, p),
            "rmse": mean_squared_error(t, p) ** 0.5,
            "r2": r2_score(t, p),
            "pearson": np.corrcoef(t, p)[0, 1],
            "slope": line[0],
            "bias": (p - t).mean(),
        }
        for name, value in wanted.items():
            assert found[name][0, i] == pytest.approx(value, abs=1e-9), name


def test_weights_are_draws_with_replacement() -> None:
    truth, predicted = answers(20)
    resampling = resample(20, 5, resamples=30)
    found = measure(truth, predicted, resampling)
    for row in (1, 17, 30):
        drawn = np.repeat(np.arange(20), resampling.weights[row].astype(int))
        assert len(drawn) == 20
        assert found["ccc"][row] == pytest.approx(ccc(truth[drawn], predicted[drawn]), abs=1e-9)
        assert found["mae"][row] == pytest.approx(np.abs(truth[drawn] - predicted[drawn]).mean(axis=0), abs=1e-9)


def test_groups_are_drawn_whole_and_make_wider_intervals() -> None:
    rng = np.random.default_rng(1)
    groups = [f"game {i // 10}" for i in range(60)]
    truth = rng.uniform(-0.9, 0.9, (60, 2))
    predicted = truth + np.repeat(rng.normal(0, 0.5, (6, 2)), 10, axis=0)
    of_groups = resample(60, 0, groups)
    assert all(len(np.unique(part)) == 1 for row in of_groups.weights for part in row.reshape(6, 10))
    over_songs = table_of(measure(truth, predicted, resample(60, 0)))["mean"]["bias"]
    over_groups = table_of(measure(truth, predicted, of_groups))["mean"]["bias"]
    assert over_songs.value == pytest.approx(over_groups.value)
    assert over_groups.high - over_groups.low > 1.5 * (over_songs.high - over_songs.low)


def test_labels_that_are_all_alike_leave_agreement_undefined_and_errors_not() -> None:
    truth, predicted = answers()
    truth[:, 0] = 0.25
    table = table_of(measure(truth, predicted, resample(len(truth), 0)))
    for name in ("ccc", "r2", "pearson", "slope"):
        assert str(table["valence"][name]) == "undefined"
        assert str(table["mean"][name]) == "undefined"
        assert table["arousal"][name].value is not None
    assert table["valence"]["mae"].value is not None


def test_constant_answers_have_no_concordance_and_no_correlation() -> None:
    truth, _ = answers()
    table = table_of(measure(truth, np.full_like(truth, 0.1), resample(len(truth), 0)))
    assert table["mean"]["ccc"] == Interval(0.0, 0.0, 0.0)
    assert table["mean"]["pearson"].value is None


def test_an_interval_is_written_without_a_sign_before_nothing() -> None:
    assert str(Interval(-0.001, -0.004, -0.0001)) == "0.00 [0.00, 0.00]"
    assert not Interval(-0.001, -0.004, -0.0001).excludes_zero
    assert Interval(-0.2, -0.3, -0.1).excludes_zero
    assert not Interval(None, None, None).excludes_zero


def test_an_interval_of_mostly_undefined_draws_is_undefined() -> None:
    samples = np.full(101, np.nan)
    samples[:40] = 0.5
    assert interval_of(samples).value is None
    assert set(by_dimension(np.zeros((5, 2)))) == {"valence", "arousal", "mean"}


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17])
def test_medians_are_spread_as_those_of_samples_that_are_drawn(n: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(3, 0.5, n)
    drawn = np.median(rng.choice(values, (200_000, n)), axis=1)
    found = np.concatenate([resampled_medians(values, rng) for _ in range(100)])
    assert len(found) == 100 * RESAMPLES
    assert set(np.round(found, 9)) <= {round((a + b) / 2, 9) for a in values for b in values}
    shares = (0.03, 0.11, 0.3, 0.5, 0.7, 0.89, 0.97)
    np.testing.assert_allclose(np.quantile(found, shares), np.quantile(drawn, shares), rtol=0.03)
    np.testing.assert_allclose([found.mean(), found.std()], [drawn.mean(), drawn.std()], rtol=0.02, atol=1e-9)
