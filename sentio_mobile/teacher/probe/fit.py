"""Fitting of a probe's members by scikit-learn and XGBoost, whose numbers are then taken out of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import MissingExtraError
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.probe.config import Input, ProbeRecipe, Regressor
from sentio_mobile.teacher.probe.members import Inputs, Matrix, Member, Part, standardize

VARIANTS: Mapping[Input, tuple[tuple[Part, ...], ...]] = {
    "embedding": (("mean",), ("mean", "sd")),
    "features": (("features",),),
    "both": (("mean", "features"), ("mean", "sd", "features")),
}
"""The parts that each input may consist of; cross-validation chooses."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A regressor with its inputs and its settings, to be compared with others.

    Attributes:
        regressor: Its kind.
        input: What it hears.
        parts: The parts of that.
        settings: Its settings by name.
    """

    regressor: Regressor
    input: Input
    parts: tuple[Part, ...]
    settings: Mapping[str, float]


def candidates(recipe: ProbeRecipe, with_features: bool) -> Iterator[list[Candidate]]:
    """All candidates, one list for each regressor and input; cross-validation takes one of each list.

    Args:
        recipe: Settings of the probe.
        with_features: Whether the 164 features are known.
    """
    for regressor in recipe.regressors:
        for heard in recipe.inputs:
            if heard == "embedding" or with_features:
                yield [
                    Candidate(regressor=regressor, input=heard, parts=parts, settings=settings)
                    for parts in VARIANTS[heard]
                    if "sd" not in parts or recipe.statistics != "mean"
                    for settings in _GRIDS[regressor](recipe)
                ]


def fit_members(
    candidate: Candidate,
    inputs: Inputs,
    labels: NDArray[np.floating],
    *,
    seed: int,
    weights: NDArray[np.floating] | None = None,
) -> list[Member]:
    """Fit one candidate.

    Args:
        candidate: What to fit.
        inputs: Inputs of the training clips.
        labels: Valence and arousal [clips, 2].
        seed: Random seed.
        weights: How much each label counts in the fit [clips, 2]; None if all count alike.

    Returns:
        A member for each output.

    Raises:
        MissingExtraError: XGBoost is asked for and not installed.
    """
    x = inputs.matrix(candidate.parts)
    centre, deviation = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    # A value that never changes says nothing; its rounding error must not be blown up.
    scale = np.where(deviation > 1e-6 * (1 + np.abs(centre)), deviation, 1.0)
    shared = {"centre": centre, "scale": scale}
    fitted = _FITS[candidate.regressor](
        standardize(x, centre, scale), _Labels(labels.astype(np.float64), weights), candidate.settings, seed
    )
    return [
        Member(regressor=candidate.regressor, parts=candidate.parts, tensors={**shared, **tensors})
        for tensors in fitted
    ]


_Settings = Mapping[str, float]
_Fitted = list[dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class _Labels:
    """Labels [clips, 2], and how much each counts; None if all count alike."""

    values: NDArray[np.float64]
    weights: NDArray[np.floating] | None

    @property
    def columns(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.floating] | None]]:
        """The labels of each output, and their weights."""
        for output, column in enumerate(self.values.T):
            # libsvm takes weights that lie one after another.
            yield column, None if self.weights is None else self.weights[:, output].astype(np.float64)


def _ridge(x: Matrix, labels: _Labels, settings: _Settings, seed: int) -> _Fitted:
    from sklearn.linear_model import Ridge

    if labels.weights is not None:
        found = [
            Ridge(alpha=settings["alpha"]).fit(x.astype(np.float64), column, sample_weight=weights)
            for column, weights in labels.columns
        ]
        return [{"weights": one.coef_, "bias": np.array([one.intercept_])} for one in found]
    model = Ridge(alpha=settings["alpha"]).fit(x.astype(np.float64), labels.values)
    return [{"weights": model.coef_[i], "bias": model.intercept_[i : i + 1]} for i in range(len(OUTPUTS))]


def _svr(x: Matrix, labels: _Labels, settings: _Settings, seed: int) -> _Fitted:
    from sklearn.svm import SVR

    gamma = settings["gamma"] / x.shape[1]
    fitted: _Fitted = []
    for column, weights in labels.columns:
        model = SVR(C=settings["C"], epsilon=settings["epsilon"], gamma=gamma).fit(x, column, sample_weight=weights)
        fitted.append(
            {
                # The vectors are training clips, which were rounded to float32 before the fit.
                "vectors": model.support_vectors_.astype(np.float32),
                "weights": model.dual_coef_[0],
                "bias": model.intercept_,
                "gamma": np.array([gamma]),
            }
        )
    return fitted


def _mlp(x: Matrix, labels: _Labels, settings: _Settings, seed: int) -> _Fitted:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(int(settings["width"]),),
        alpha=settings["alpha"],
        max_iter=int(settings["epochs"]),
        batch_size=min(64, len(x)),
        learning_rate_init=3e-3,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # The number of epochs is a setting: it is not meant to run until nothing changes any more.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # One network predicts both outputs: a clip counts by the mean of its two weights.
        both = None if labels.weights is None else labels.weights.mean(axis=1)
        model.fit(x.astype(np.float64), labels.values, sample_weight=both)
    (hidden, last), (hidden_bias, last_bias) = model.coefs_, model.intercepts_
    return [
        {
            "hidden_weights": hidden,
            "hidden_bias": hidden_bias,
            "weights": last[:, i],
            "bias": last_bias[i : i + 1],
        }
        for i in range(len(OUTPUTS))
    ]


def _xgboost(x: Matrix, labels: _Labels, settings: _Settings, seed: int) -> _Fitted:
    try:
        from xgboost import XGBRegressor
    except ImportError as error:
        raise MissingExtraError("xgboost", "baselines", "the XGBoost regressor") from error

    fitted: _Fitted = []
    for column, weights in labels.columns:
        # Trees start from the mean, so that the numbers of the trees are all there is to keep.
        mean = float(np.average(column, weights=weights))
        model = XGBRegressor(
            n_estimators=int(settings["trees"]),
            max_depth=int(settings["depth"]),
            learning_rate=0.05,
            subsample=0.8,
            colsample_bytree=0.5,
            base_score=0.0,
            random_state=seed,
            n_jobs=1,
        ).fit(x, column - mean, sample_weight=weights)
        trees = [json.loads(text) for text in model.get_booster().get_dump(dump_format="json")]
        fitted.append({**_tables(trees), "bias": np.array([mean]), "depth": np.array([settings["depth"]])})
    return fitted


def _tables(trees: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Trees as tables [trees, nodes]; nodes that a tree does not have are leaves that nothing leads to."""
    nodes = [dict(_nodes(tree)) for tree in trees]
    shape = (len(trees), 1 + max(max(one) for one in nodes))
    own = np.tile(np.arange(shape[1], dtype=np.int32), (shape[0], 1))
    columns, thresholds = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
    low, high, leaves = own.copy(), own.copy(), np.zeros(shape, dtype=np.float32)
    for tree, found in enumerate(nodes):
        for number, node in found.items():
            if "leaf" in node:
                leaves[tree, number] = node["leaf"]
                continue
            columns[tree, number] = int(node["split"].removeprefix("f"))
            thresholds[tree, number] = node["split_condition"]
            low[tree, number], high[tree, number] = node["yes"], node["no"]
    return {"columns": columns, "thresholds": thresholds, "low": low, "high": high, "leaves": leaves}


def _nodes(node: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield node["nodeid"], node
    for child in node.get("children", ()):
        yield from _nodes(child)


_FITS: Mapping[Regressor, Callable[[Matrix, _Labels, _Settings, int], _Fitted]] = {
    "ridge": _ridge,
    "svr": _svr,
    "mlp": _mlp,
    "xgboost": _xgboost,
}

_GRIDS: Mapping[Regressor, Callable[[ProbeRecipe], list[dict[str, float]]]] = {
    "ridge": lambda recipe: [{"alpha": alpha} for alpha in recipe.ridge_alphas],
    "svr": lambda recipe: [
        {"C": c, "gamma": gamma, "epsilon": epsilon}
        for c in recipe.svr_c
        for gamma in recipe.svr_gammas
        for epsilon in recipe.svr_epsilons
    ],
    "mlp": lambda recipe: [
        {"width": recipe.mlp_width, "alpha": alpha, "epochs": recipe.mlp_epochs} for alpha in recipe.mlp_alphas
    ],
    "xgboost": lambda recipe: [{"depth": depth, "trees": recipe.trees} for depth in recipe.tree_depths],
}
