"""A TensorFlow Lite network in fewer bits, by Google's AI Edge Quantizer.

What is rounded follows what was measured (`export/README.md`). In `int8` that is linear maps and convolutions, nearly
all of the work; those that make the answer have 8-bit weights and ranges as they come. Sums stay in floating point: one
range for all tokens of a residual path drowns what the class token adds up over the blocks. `int8-full` leaves no
floating point at all; sums have 16 bits there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sentio_mobile.formats.tflite_half import halved
from sentio_mobile.formats.tflite_layers import inputs_of, scopes_of
from sentio_mobile.models.config import MAX_LOGIT
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.settings import QuantizationOptions
from sentio_mobile.spec import ModelSpec, Precision

SIGNATURE = "serving_default"
_EVERYTHING = ".*"
_ROUNDED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
"""Operations that `int8` rounds."""


def quantize(network: bytes, precision: Precision, rounding: QuantizationOptions, spec: ModelSpec) -> bytes:
    """The content of a file in 32 bits, in another precision.

    Args:
        network: takes the form `spectrogram`.
        precision: what is wanted; fp32 is given back as it came.
        rounding: songs for the ranges, where the precision has such, and layers to leave as they are.
        spec: of the network.
    """
    if precision == "fp32":
        return network
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    recipes = _recipes(precision)
    for scope in scopes_of(network, rounding.answering):
        recipes.add_dynamic_config(scope, TFLOperationName.FULLY_CONNECTED, num_bits=8)
    for scope in scopes_of(network, rounding.kept):
        recipes.add_quantization_config(scope, TFLOperationName.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
    quantizer = Quantizer(bytearray(network), recipes.get_quantization_recipe())
    ranges = None if rounding.calibration is None else _ranges(network, recipes, rounding.calibration, spec)
    result = quantizer.quantize(ranges, enable_progress_report=False)
    made = bytes(result.quantized_model)
    return made if precision == "int8-full" else halved(made)


def _recipes(precision: Precision) -> Any:
    """Which operations are rounded, and how."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        TensorDataType,
        TensorQuantizationConfig,
        TFLOperationName,
    )
    from ai_edge_quantizer.recipe_manager import RecipeManager

    recipes = RecipeManager()
    every = TFLOperationName.ALL_SUPPORTED
    if precision == "fp16":
        half = TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT)
        config = OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=ComputePrecision.FLOAT, explicit_dequantize=True
        )
        recipes.add_quantization_config(_EVERYTHING, every, config, AlgorithmName.FLOAT_CASTING)
        return recipes
    if precision == "int8-dynamic":
        recipes.add_dynamic_config(_EVERYTHING, every, num_bits=8)
        return recipes
    for operation in map(TFLOperationName, _ROUNDED) if precision == "int8" else [every]:
        recipes.add_static_config(_EVERYTHING, operation, activation_num_bits=8, weight_num_bits=8)
    if precision == "int8-full":
        recipes.add_static_config(_EVERYTHING, TFLOperationName.ADD, activation_num_bits=16, weight_num_bits=8)
    return recipes


def _ranges(network: bytes, recipes: Any, calibration: Calibration, spec: ModelSpec) -> dict[str, Any]:
    """Smallest and largest value of every tensor over all clips.

    The quantizer's own way is a moving average of each clip's, which cuts off what few clips reach: the answers of
    strong emotions above all.
    """
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    calibrator = Calibrator(network, num_threads=1, qsv_update_func=min_max_update)
    clips = [{spec.input_name: given} for given in calibration.inputs(spec)]
    calibrator.calibrate({SIGNATURE: clips}, recipes)
    ranges: dict[str, Any] = calibrator.get_model_qsvs()
    widest = np.float32(MAX_LOGIT)
    for name in inputs_of(network, "TANH"):
        if name in ranges:
            low, high = ranges[name]["min"], ranges[name]["max"]
            ranges[name] = {"min": np.minimum(low, -widest), "max": np.maximum(high, widest)}
    return ranges
