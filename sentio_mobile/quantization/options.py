"""What a format needs beside the precision itself to write a quantized artifact. Free of torch."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import ConversionError
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Precision

KEEP_FLOAT_PRECISIONS: tuple[Precision, ...] = ("int8-dynamic", "int8")
"""The precisions that can leave chosen layers in floating point. The others treat all layers alike."""

MIN_POSITION_CONSTANT = 4096
"""Smallest size, in numbers, of an added constant (such as the position embedding) that is worth storing in fewer
bits: a smaller one does not pay for the extra operation."""


@dataclass(frozen=True)
class QuantizationOptions:
    """Calibration and the layers that are treated differently from the rest.

    Layers are given by their weights, because converters rename layers: in the converted network a layer is found again
    by its weights.

    Attributes:
        calibration: Images on which activation ranges are measured; None for precisions without ranges.
        keep_float: Weights of the layers that stay in floating point, by layer name.
        head: Weights of the layers of the network's head, by layer name. Their activations are not rounded to fixed
            ranges, except in strictly integer artifacts.
    """

    calibration: Calibration | None = None
    keep_float: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    head: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def for_precision(self, precision: Precision, calibrated: tuple[Precision, ...]) -> QuantizationOptions:
        """The part of the options that applies to one precision.

        Args:
            precision: The precision to write.
            calibrated: The precisions for which the format needs activation ranges.
        """
        return replace(
            self,
            calibration=self.calibration if precision in calibrated else None,
            keep_float=self.keep_float if precision in KEEP_FLOAT_PRECISIONS else {},
            head=self.head if precision == "int8" else {},
        )


def match_weights(layers: Mapping[str, NDArray[np.float32]], constants: Mapping[str, NDArray[Any]]) -> set[str]:
    """Find the constants of a converted network that are the weights of given layers.

    Args:
        layers: Weights by layer name.
        constants: Constants of the converted network by their own names. Converters may have permuted their axes and
            reduced their precision.

    Returns:
        Names of the matching constants.

    Raises:
        ConversionError: No constant matches the weights of a layer.
    """
    matches = set()
    for layer, weight in layers.items():
        names = {name for name, constant in constants.items() if _equal_up_to_axes(weight, constant)}
        if not names:
            raise ConversionError(f"the converted network has no weights of the layer {layer}: it cannot be kept")
        matches |= names
    return matches


def _equal_up_to_axes(weight: NDArray[np.float32], constant: NDArray[Any]) -> bool:
    if constant.size != weight.size or constant.dtype.kind != "f":
        return False
    cast, flat = weight.astype(constant.dtype), constant.ravel()
    permuted = (cast.transpose(axes) for axes in itertools.permutations(range(cast.ndim)))
    return any(np.array_equal(candidate.ravel(), flat) for candidate in permuted)
