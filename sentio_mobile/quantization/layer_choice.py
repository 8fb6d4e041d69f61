"""The layers of a network whose weights fewer bits touch, by the names that people call them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.errors import InputError

Layer = nn.Linear | nn.Conv2d | nn.Conv1d

_NEAR = 3
"""Names that an unknown one is told."""


def layers_of(model: nn.Module) -> dict[str, Layer]:
    """Linear maps and convolutions of a network whose norms are folded, by their dotted names, first to last."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Layer)}


def answering_weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """The weights of the layers that make the answer, in networks that name them, by the layers' names."""
    return chosen_weights(model, getattr(model, "answering", ()))


def chosen_weights(model: nn.Module, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The weights of some layers, by the layers' names.

    Args:
        model: a network whose norms are folded.
        names: as in `layers_of`.

    Raises:
        InputError: there is no such layer; the message names near ones.
    """
    layers = layers_of(model)
    for name in names:
        if name not in layers:
            near = difflib.get_close_matches(name, layers, _NEAR, cutoff=0) or list(layers)[:_NEAR]
            raise InputError(f"the network has no layer {name!r}; near it are {', '.join(near)}")
    return {name: layers[name].weight.detach().numpy() for name in names}
