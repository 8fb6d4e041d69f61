"""Ridge, support vectors and boosted trees on the 164 features, tuned by cross-validation on training songs alone."""

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
from sentio_mobile.teacher.ensemble.features import features_of

FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class ClassicalRegressor:
    """A regression and the settings that are tried for it.

    Attributes:
        name: what tables call it.
        kind: what it is.
        make: an untrained one from a seed.
        grid: settings to choose from, by scikit-learn's names.
        count: how many numbers a trained one has learnt.
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
        raise MissingExtraError("xgboost", "baselines", "boosted trees") from error

    return XGBRegressor(learning_rate=0.05, subsample=0.8, colsample_bytree=0.5, random_state=seed, n_jobs=1)


CLASSICS: tuple[ClassicalRegressor, ...] = (
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
class Trained:
    """A regression that has learnt, one model for each output, and the seconds that this took."""

    classic: ClassicalRegressor
    models: tuple[Any, ...]
    seconds: float

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Valence and arousal [songs, 2] in [-1, 1], from features [songs, 164]."""
        predictions = np.stack([model.predict(features) for model in self.models], axis=1)
        return np.clip(predictions, -1, 1).astype(np.float32)

    @property
    def parameters(self) -> int:
        """Number of trained parameters of both models."""
        return sum(self.classic.count(model[-1]) for model in self.models)


def features_of_clips(clips: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    """The features of several clips [clips, 164], from PCM [clips, n_samples]."""
    return np.stack([features_of(clip, audio.sample_rate) for clip in clips])


def train_classical(
    classic: ClassicalRegressor,
    features: NDArray[np.float32],
    *,
    labels: NDArray[np.float32],
    groups: Sequence[str],
    seed: int,
) -> Trained:
    """Choose settings for each output by grouped cross-validation on the training songs' CCC, and train on all of them.

    Args:
        classic: which one.
        features: [songs, 164].
        labels: [songs, 2].
        groups: of each song: songs of one group are never on both sides of a fold.
        seed: of what is drawn.

    Raises:
        MissingExtraError: its package is not installed.
    """
    start = time.monotonic()
    models = tuple(
        _chosen(classic, features, labels=labels[:, i], groups=groups, seed=seed) for i in range(len(OUTPUTS))
    )
    return Trained(classic, models, time.monotonic() - start)


def _chosen(
    classic: ClassicalRegressor,
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

    model = Pipeline([("scale", StandardScaler()), ("model", classic.make(seed))])
    folds = min(FOLDS, len(set(groups)))
    if folds < 2:
        return model.fit(features, labels)
    search = GridSearchCV(model, classic.grid, scoring=make_scorer(_concordance), cv=GroupKFold(folds))
    return search.fit(features, labels, groups=groups).best_estimator_


def _concordance(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    # Undefined where all songs of a fold have one label and are answered by it: then there is nothing to tell.
    return float(np.nan_to_num(ccc(np.asarray(truth)[:, None], np.asarray(predicted)[:, None])[0]))
