"""The layers of a network that quantization applies to, and the choice of those that stay in floating point."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.errors import InputError

Layer = nn.Linear | nn.Conv2d | nn.Conv1d

_SUGGESTIONS = 3
"""Number of similar names that the error for an unknown layer lists."""


def quantizable_layers(model: nn.Module) -> dict[str, Layer]:
    """The linear maps and convolutions of a network with folded norms, by their dotted names, first to last."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Layer)}


def head_weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """The weights of the layers that a network lists as its `head_layers`, by layer name; empty if it lists none."""
    return layer_weights(model, getattr(model, "head_layers", ()))


def layer_weights(model: nn.Module, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The weights of the named layers, by layer name.

    Args:
        model: A network with folded norms.
        names: Layer names, as `quantizable_layers` gives them.

    Raises:
        InputError: A layer does not exist. The message suggests similar names.
    """
    layers = quantizable_layers(model)
    for name in names:
        if name not in layers:
            similar = difflib.get_close_matches(name, layers, _SUGGESTIONS, cutoff=0) or list(layers)[:_SUGGESTIONS]
            raise InputError(f"the network has no layer {name!r}; similar names are {', '.join(similar)}")
    return {name: layers[name].weight.detach().numpy() for name in names}
