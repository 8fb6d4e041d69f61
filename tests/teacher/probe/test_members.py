"""Members predict by numpy what the libraries that fitted them predict."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVR

from sentio_mobile.teacher.probe.config import Regressor
from sentio_mobile.teacher.probe.fit import Candidate, fit_members
from sentio_mobile.teacher.probe.members import Inputs, inputs_of, standardize

SETTINGS: dict[Regressor, dict[str, float]] = {
    "ridge": {"alpha": 3.0},
    "svr": {"C": 1.0, "gamma": 0.3, "epsilon": 0.05},
    "mlp": {"width": 8, "alpha": 1.0, "epochs": 10},
    "xgboost": {"depth": 3, "trees": 20},
}


def clips(count: int, seed: int) -> tuple[Inputs, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    embeddings = 3 * random.normal(size=(count, 5, 12))
    features = (50 + 20 * random.normal(size=(count, 7))).astype(np.float32)
    features[:, 3] = 7
    labels = np.tanh(np.stack([embeddings[:, :, 0].mean(1) + features[:, 0] / 50, embeddings[:, 0, 1]], axis=1))
    return inputs_of(embeddings.astype(np.float16), features), labels.astype(np.float32)


def expected(regressor: Regressor, x: NDArray[np.float32], y: NDArray[np.float32], new: NDArray[np.float32]) -> object:
    """The library's own predictions [clips, 2]."""
    settings = SETTINGS[regressor]
    labels = y.astype(np.float64)
    if regressor == "ridge":
        return Ridge(alpha=settings["alpha"]).fit(x, labels).predict(new)
    if regressor == "mlp":
        model = MLPRegressor(
            hidden_layer_sizes=(8,), alpha=1.0, max_iter=10, batch_size=64, learning_rate_init=3e-3, random_state=0
        )
        return model.fit(x.astype(np.float64), labels).predict(new.astype(np.float64))
    if regressor == "svr":
        models = [SVR(C=1.0, epsilon=0.05, gamma=0.3 / x.shape[1]).fit(x, column) for column in labels.T]
        return np.stack([model.predict(new) for model in models], axis=1)
    from xgboost import XGBRegressor

    columns = []
    for column in labels.T:
        settings_ = {"learning_rate": 0.05, "subsample": 0.8, "colsample_bytree": 0.5, "base_score": 0.0}
        model = XGBRegressor(n_estimators=20, max_depth=3, random_state=0, n_jobs=1, **settings_)
        columns.append(model.fit(x, column - column.mean()).predict(new) + column.mean())
    return np.stack(columns, axis=1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("regressor", list(SETTINGS))
def test_member_predicts_what_the_library_predicts(regressor: Regressor) -> None:
    (train, labels), (new, _) = clips(90, seed=0), clips(300, seed=1)
    parts = ("mean", "features")
    candidate = Candidate(regressor=regressor, input="both", parts=parts, settings=SETTINGS[regressor])
    members = fit_members(candidate, train, labels, seed=0)
    centre, scale = members[0].tensors["centre"], members[0].tensors["scale"]
    x, after = (standardize(one.matrix(parts), centre, scale) for one in (train, new))
    found = np.stack([member.predict(new) for member in members], axis=1)
    np.testing.assert_allclose(found, np.asarray(expected(regressor, x, labels, after)), atol=1e-5)
    assert found.std(axis=0).min() > 0.05


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("regressor", list(SETTINGS))
def test_fit_members_weighs_each_label(regressor: Regressor) -> None:
    (train, labels), (new, _) = clips(60, seed=0), clips(30, seed=1)
    candidate = Candidate(regressor=regressor, input="both", parts=("mean", "features"), settings=SETTINGS[regressor])
    # Half of the labels are wrong. Where those hardly count, predictions are nearer to the right ones.
    wrong = labels.copy()
    wrong[::2] = -wrong[::2]
    weights = np.ones(labels.shape)
    weights[::2] = 1e-3

    def predict(targets: NDArray[np.float32], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        members = fit_members(candidate, train, targets, seed=0, weights=weights)
        return np.stack([member.predict(new) for member in members], axis=1)

    right = predict(labels, None)
    errors = [np.abs(predict(wrong, one) - right).mean() for one in (weights, None)]
    assert errors[0] < 0.8 * errors[1]
    equal = predict(labels, np.ones(labels.shape))
    np.testing.assert_allclose(equal, right, atol=1e-4)


def test_fit_members_leaves_a_constant_value_without_effect() -> None:
    (train, labels), (new, _) = clips(60, seed=0), clips(20, seed=1)
    candidate = Candidate(regressor="ridge", input="features", parts=("features",), settings={"alpha": 1.0})
    member = fit_members(candidate, train, labels, seed=0)[0]
    changed = new.parts["features"].copy()
    changed[:, 3] += 1e-4
    others = Inputs(parts={**new.parts, "features": changed})
    np.testing.assert_allclose(member.predict(others), member.predict(new), atol=1e-4)


def test_inputs_of_lets_loud_activations_count_less() -> None:
    steps = np.zeros((2, 4, 1))
    steps[0, :, 0], steps[1, 0, 0] = 1.0, 4.0
    means = inputs_of(steps).parts["mean"][:, 0]
    assert means[0] == pytest.approx(np.log(2))
    assert means[1] == pytest.approx(np.log(5) / 4)
