"""How the numbers of a network are to become narrower, beside the precision itself."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.errors import ConversionError
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Precision

KEEP_FLOAT_PRECISIONS: tuple[Precision, ...] = ("int8-dynamic", "int8")
"""The precisions in which single layers can stay in floating point."""

MIN_POSITION_CONSTANT = 4096
"""Numbers that a constant which is only added, such as the positions of tokens, must have to be stored in fewer bits:
that takes an operation that widens it."""


@dataclass(frozen=True)
class QuantizationOptions:
    """What a format needs to know to write a precision.

    Attributes:
        calibration: pictures to measure ranges on.
        kept: weights of the layers that are left as they are, by the layers' names. Converters give layers names of
            their own; by its weights a layer is found again in whatever they made.
        answering: likewise those of the layers that make the answer, whose activations are not rounded by ranges.
    """

    calibration: Calibration | None = None
    kept: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    answering: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def of(self, precision: Precision, calibrated: tuple[Precision, ...]) -> QuantizationOptions:
        """What of it a precision takes, in a format that measures ranges for those that are `calibrated`."""
        return replace(
            self,
            calibration=self.calibration if precision in calibrated else None,
            kept=self.kept if precision in KEEP_FLOAT_PRECISIONS else {},
            answering=self.answering if precision == "int8" else {},
        )


def found_by_weights(kept: Mapping[str, NDArray[np.float32]], constants: Mapping[str, NDArray[Any]]) -> set[str]:
    """Names of those constants of a converted network that are the weights of layers.

    Args:
        kept: the weights, by the layers' names.
        constants: by names of their own; converters turn axes around, and may have fewer bits already.

    Raises:
        ConversionError: the weights of a layer are not among them.
    """
    found = set()
    for layer, weight in kept.items():
        named = {name for name, constant in constants.items() if _is_of(weight, constant)}
        if not named:
            raise ConversionError(f"the converted network has no weights of the layer {layer}: it cannot be kept")
        found |= named
    return found


def _is_of(weight: NDArray[np.float32], constant: NDArray[Any]) -> bool:
    if constant.size != weight.size or constant.dtype.kind != "f":
        return False
    same, flat = weight.astype(constant.dtype), constant.ravel()
    turned = (same.transpose(axes) for axes in itertools.permutations(range(same.ndim)))
    return any(np.array_equal(one.ravel(), flat) for one in turned)
