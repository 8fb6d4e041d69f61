"""Members of a probe: fitted regressors as plain numbers, which predict by numpy and nothing else.

A probe is read from a file that may come from a stranger. So it holds tensors, and no object of another library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.teacher.probe.config import Regressor

Part = Literal["mean", "sd", "features"]
"""Inputs of a member, side by side: mean and standard deviation of the embeddings over time, and the 164 features."""

Tensors: TypeAlias = Mapping[str, NDArray[Any]]
Matrix: TypeAlias = NDArray[np.float32]

_ROWS = 256
"""Clips whose kernel is computed at once."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What is known of clips, part by part.

    Attributes:
        parts: [clips, values] of each part.
    """

    parts: Mapping[Part, Matrix]

    def matrix(self, parts: tuple[Part, ...]) -> Matrix:
        """Some parts side by side [clips, values]."""
        return np.concatenate([self.parts[part] for part in parts], axis=1)

    def of(self, clips: NDArray[Any]) -> Inputs:
        """The same for some of the clips, given by their numbers or by a mask [clips]."""
        return Inputs(parts={name: values[clips] for name, values in self.parts.items()})


def inputs_of(embeddings: NDArray[np.floating], features: Matrix | None = None) -> Inputs:
    """The inputs of clips.

    Args:
        embeddings: Embeddings [clips, time, size].
        features: The 164 features [clips, 164].
    """
    steps = embeddings.astype(np.float32)
    # Activations have long tails; a logarithm makes loud ones count less. It leaves values near 0 as they are.
    steps = np.sign(steps) * np.log1p(np.abs(steps))
    parts: dict[Part, Matrix] = {"mean": steps.mean(axis=1), "sd": steps.std(axis=1)}
    return Inputs(parts=parts if features is None else {**parts, "features": features})


@dataclass(frozen=True, kw_only=True)
class Member:
    """One fitted regressor for one output.

    Attributes:
        regressor: Its kind.
        parts: Its inputs.
        tensors: Its numbers: `centre` and `scale` of the inputs, and those of its kind.
    """

    regressor: Regressor
    parts: tuple[Part, ...]
    tensors: Tensors

    def predict(self, inputs: Inputs) -> NDArray[np.float64]:
        """Predictions [clips], not yet limited to [-1, 1]."""
        standardized = standardize(inputs.matrix(self.parts), self.tensors["centre"], self.tensors["scale"])
        return _PREDICT[self.regressor](standardized, self.tensors)


def standardize(x: Matrix, centre: NDArray[np.float64], scale: NDArray[np.float64]) -> Matrix:
    """Inputs with zero mean and unit standard deviation on the training clips [clips, values]."""
    return ((x - centre) / scale).astype(np.float32)


def _linear(x: Matrix, tensors: Tensors) -> NDArray[np.float64]:
    return np.asarray(x.astype(np.float64) @ tensors["weights"] + tensors["bias"][0])


def _kernel(x: Matrix, tensors: Tensors) -> NDArray[np.float64]:
    vectors = tensors["vectors"].astype(np.float64)
    norms = (vectors**2).sum(axis=1)
    found = [np.zeros(0)]
    for start in range(0, len(x), _ROWS):
        rows = x[start : start + _ROWS].astype(np.float64)
        distances = (rows**2).sum(axis=1)[:, None] + norms - 2 * rows @ vectors.T
        found.append(np.exp(-tensors["gamma"][0] * np.maximum(distances, 0)) @ tensors["weights"])
    return np.concatenate(found) + tensors["bias"][0]


def _network(x: Matrix, tensors: Tensors) -> NDArray[np.float64]:
    hidden = np.maximum(x.astype(np.float64) @ tensors["hidden_weights"] + tensors["hidden_bias"], 0)
    return np.asarray(hidden @ tensors["weights"] + tensors["bias"][0])


def _trees(x: Matrix, tensors: Tensors) -> NDArray[np.float64]:
    """Boosted trees [trees, nodes]: a node's input and threshold, its children, and a leaf's value."""
    columns, thresholds, low, high = (tensors[name] for name in ("columns", "thresholds", "low", "high"))
    total = np.full(len(x), tensors["bias"][0], dtype=np.float64)
    clips = np.arange(len(x))
    for tree in range(len(columns)):
        node = np.zeros(len(x), dtype=np.int64)
        for _ in range(int(tensors["depth"][0])):
            below = x[clips, columns[tree, node]] < thresholds[tree, node]
            # A leaf is its own child.
            node = np.where(below, low[tree, node], high[tree, node]).astype(np.int64)
        total += tensors["leaves"][tree, node]
    return total


_PREDICT: Mapping[Regressor, Callable[[Matrix, Tensors], NDArray[np.float64]]] = {
    "ridge": _linear,
    "svr": _kernel,
    "mlp": _network,
    "xgboost": _trees,
}
