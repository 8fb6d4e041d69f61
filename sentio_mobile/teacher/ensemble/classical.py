"""Ridge, support vector and boosted-tree regressors on 164 features, tuned on the training songs alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import MissingExtraError
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.spec import OUTPUTS, AudioSpec
from sentio_mobile.teacher.ensemble.features import extract_features

FOLDS = 5
"""Folds of the cross-validation that chooses settings."""


@dataclass(frozen=True, kw_only=True)
class ClassicalRegressor:
    """A kind of regressor and the settings to choose from.

    Attributes:
        name: What tables call it.
        kind: Description.
        make: Makes an untrained regressor from a random seed.
        grid: Settings to choose from, by scikit-learn's names.
        count: Counts the parameters of a trained regressor.
    """

    name: str
    kind: str
    make: Callable[[int], Any]
    grid: dict[str, list[Any]]
    count: Callable[[Any], int]


def _ridge(seed: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(random_state=seed)


def _svr(seed: int) -> Any:
    from sklearn.svm import SVR

    return SVR(kernel="rbf")


def _xgboost(seed: int) -> Any:
    try:
        from xgboost import XGBRegressor
    except ImportError as error:
        raise MissingExtraError("xgboost", "baselines", "the XGBoost regressor") from error

    return XGBRegressor(learning_rate=0.05, subsample=0.8, colsample_bytree=0.5, random_state=seed, n_jobs=1)


REGRESSORS: tuple[ClassicalRegressor, ...] = (
    ClassicalRegressor(
        name="Ridge",
        kind="linear regression on 164 features",
        make=_ridge,
        grid={"model__alpha": [10.0, 30.0, 100.0, 300.0, 1000.0]},
        count=lambda model: model.coef_.size + 1,
    ),
    ClassicalRegressor(
        name="SVR (RBF)",
        kind="support vectors on 164 features",
        make=_svr,
        grid={"model__C": [0.1, 0.3, 1.0, 3.0], "model__epsilon": [0.05, 0.2], "model__gamma": ["scale", 0.001]},
        count=lambda model: model.support_vectors_.size + model.dual_coef_.size + 1,
    ),
    ClassicalRegressor(
        name="XGBoost",
        kind="boosted trees on 164 features",
        make=_xgboost,
        grid={"model__max_depth": [2, 4], "model__n_estimators": [100, 300]},
        count=lambda model: sum(tree.count("[") + tree.count("leaf=") for tree in model.get_booster().get_dump()),
    ),
)


@dataclass(frozen=True)
class TrainedRegressor:
    """A trained regressor.

    Attributes:
        regressor: Its kind.
        models: One fitted scikit-learn pipeline for valence and one for arousal.
        seconds: Duration of the training, the choice of settings included.
    """

    regressor: ClassicalRegressor
    models: tuple[Any, ...]
    seconds: float

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict valence and arousal [songs, 2] in [-1, 1] from features [songs, 164]."""
        predictions = np.stack([model.predict(features) for model in self.models], axis=1)
        return np.clip(predictions, -1, 1).astype(np.float32)

    @property
    def parameters(self) -> int:
        """Number of trained parameters of both models."""
        return sum(self.regressor.count(model[-1]) for model in self.models)


def clip_features(clips: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    """The features of clips [clips, 164], from PCM [clips, n_samples]."""
    return np.stack([extract_features(clip, audio.sample_rate) for clip in clips])


def train_regressor(
    regressor: ClassicalRegressor,
    features: NDArray[np.float32],
    *,
    labels: NDArray[np.float32],
    groups: Sequence[str],
    seed: int,
) -> TrainedRegressor:
    """Choose settings for each output by the CCC in a grouped cross-validation, and train on all songs.

    Args:
        regressor: The kind of regressor.
        features: Features of the training songs [songs, 164].
        labels: Valence and arousal [songs, 2].
        groups: Group of each song. Songs of one group are never on both sides of a fold.
        seed: Random seed.

    Raises:
        MissingExtraError: The package of the regressor is not installed.
    """
    start = time.monotonic()
    models = tuple(
        _tune(regressor, features, labels=labels[:, i], groups=groups, seed=seed) for i in range(len(OUTPUTS))
    )
    return TrainedRegressor(regressor, models, time.monotonic() - start)


def _tune(
    regressor: ClassicalRegressor,
    features: NDArray[np.float32],
    *,
    labels: NDArray[np.float32],
    groups: Sequence[str],
    seed: int,
) -> Any:
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    model = Pipeline([("scale", StandardScaler()), ("model", regressor.make(seed))])
    folds = min(FOLDS, len(set(groups)))
    if folds < 2:
        return model.fit(features, labels)
    search = GridSearchCV(model, regressor.grid, scoring=make_scorer(_concordance), cv=GroupKFold(folds))
    return search.fit(features, labels, groups=groups).best_estimator_


def _concordance(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    # The CCC is undefined if all songs of a fold have one label and are predicted exactly; such a fold says nothing.
    return float(np.nan_to_num(ccc(np.asarray(truth)[:, None], np.asarray(predicted)[:, None])[0]))
