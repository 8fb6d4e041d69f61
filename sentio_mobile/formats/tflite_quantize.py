"""A TensorFlow Lite network in fewer bits, by Google's AI Edge Quantizer.

Measurements decided what is quantized (`export/README.md`). In `int8` these are linear layers and convolutions, nearly
all of the work. Large layers of the head have 8-bit weights, and activations that are quantized by the range that they
have at that moment; small ones stay in floating point. So do sums: one range for all tokens of a residual path would
drown what the class token adds up over the blocks. `int8-full` has no floating point at all; its sums have 16 bits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.models.config import MAX_LOGIT
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.options import MIN_POSITION_CONSTANT, QuantizationOptions, match_weights
from sentio_mobile.spec import ModelSpec, Precision

SIGNATURE = "serving_default"
_EVERYTHING = ".*"
_QUANTIZED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
"""Operations that `int8` quantizes."""

MIN_HEAD_WEIGHTS = 4096
"""Smallest layer of the head that is worth 8 bits. One scale for its activations, even that of the moment, drowns
embeddings with small numbers and large weights, and the file would be no smaller by anything that counts."""

_FLOAT32, _FLOAT16 = 0, 1
"""Tensor types of the schema."""


def quantize(network: bytes, precision: Precision, *, options: QuantizationOptions, spec: ModelSpec) -> bytes:
    """Write a 32-bit network in another precision.

    Args:
        network: Content of a file, in the form `spectrogram`.
        precision: The precision to write; fp32 gives the network back.
        options: Calibration clips, where the precision needs them, and layers that stay in 32 bits.
        spec: The network's spec.

    Returns:
        Content of a file.
    """
    if precision == "fp32":
        return network
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    recipes = _recipes(precision)
    for scope in _scopes_of(network, options.head):
        recipes.add_dynamic_config(scope, TFLOperationName.FULLY_CONNECTED, num_bits=8)
        # One scale for all of a convolution's activations is coarse, also where it is that of the moment.
        for convolution in (TFLOperationName.CONV_2D, TFLOperationName.DEPTHWISE_CONV_2D):
            recipes.add_quantization_config(scope, convolution, algorithm_key=AlgorithmName.NO_QUANTIZE)
    small = {name: weight for name, weight in options.head.items() if weight.size < MIN_HEAD_WEIGHTS}
    for scope in _scopes_of(network, {**small, **options.keep_float}):
        recipes.add_quantization_config(scope, TFLOperationName.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
    quantizer = Quantizer(bytearray(network), recipes.get_quantization_recipe())
    ranges = None if options.calibration is None else _ranges(network, recipes, options.calibration, spec)
    quantized = bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)
    return quantized if precision == "int8-full" else _store_positions_in_fp16(quantized)


def _recipes(precision: Precision) -> Any:
    """Which operations are quantized, and how."""
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
    all_operations = TFLOperationName.ALL_SUPPORTED
    if precision == "fp16":
        fp16 = TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT)
        config = OpQuantizationConfig(
            weight_tensor_config=fp16, compute_precision=ComputePrecision.FLOAT, explicit_dequantize=True
        )
        recipes.add_quantization_config(_EVERYTHING, all_operations, config, AlgorithmName.FLOAT_CASTING)
        return recipes
    if precision == "int8-dynamic":
        recipes.add_dynamic_config(_EVERYTHING, all_operations, num_bits=8)
        return recipes
    for operation in map(TFLOperationName, _QUANTIZED) if precision == "int8" else [all_operations]:
        recipes.add_static_config(_EVERYTHING, operation, activation_num_bits=8, weight_num_bits=8)
    if precision == "int8-full":
        recipes.add_static_config(_EVERYTHING, TFLOperationName.ADD, activation_num_bits=16, weight_num_bits=8)
    return recipes


def _ranges(network: bytes, recipes: Any, calibration: Calibration, spec: ModelSpec) -> dict[str, Any]:
    """Minimum and maximum of every tensor over all calibration clips.

    The quantizer's own way is a moving average of each clip's minimum and maximum, which cuts off what few clips reach:
    strong emotions above all.
    """
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    calibrator = Calibrator(network, num_threads=1, qsv_update_func=min_max_update)
    clips = [{spec.input_name: clip} for clip in calibration.inputs(spec)]
    calibrator.calibrate({SIGNATURE: clips}, recipes)
    ranges: dict[str, Any] = calibrator.get_model_qsvs()
    widest = np.float32(MAX_LOGIT)
    for name in _inputs_of(network, "TANH"):
        if name in ranges:
            low, high = ranges[name]["min"], ranges[name]["max"]
            ranges[name] = {"min": np.minimum(low, -widest), "max": np.maximum(high, widest)}
    return ranges


def _scopes_of(network: bytes, layers: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Patterns of the operations that use the weights of these layers, as the quantizer matches them.

    It calls an operation by its output tensors, with a semicolon after each. Where an activation was fused into an
    operation, that name has nothing of the layer's, so that the layer is found by its weights.

    Args:
        network: Content of a 32-bit file.
        layers: Weights, by the layers' names.

    Raises:
        ConversionError: The weights of a layer are not in the file.
    """
    if not layers:
        return []
    model, graph = _parsed(network)
    constants = {}
    for tensor in graph.tensors:
        content = model.buffers[tensor.buffer].data
        if tensor.type == _FLOAT32 and content is not None and len(content):
            constants[_name(tensor)] = np.frombuffer(bytes(content), dtype="<f4")
    weights = match_weights(layers, constants)
    return [
        "^" + "".join(re.escape(_name(graph.tensors[i]) + ";") for i in operation.outputs) + "$"
        for operation in graph.operators
        if weights.intersection(_name(graph.tensors[i]) for i in operation.inputs if i >= 0)
    ]


def _inputs_of(network: bytes, operation: str) -> set[str]:
    """Names of the input tensors of all operations of a kind, by the schema's name for it."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    model, graph = _parsed(network)
    code = getattr(BuiltinOperator, operation)
    operators = (one for one in graph.operators if model.operatorCodes[one.opcodeIndex].builtinCode == code)
    return {_name(graph.tensors[i]) for one in operators for i in one.inputs}


def _store_positions_in_fp16(network: bytes) -> bytes:
    """Store long 32-bit constants that are only added in 16 bits, with an operation that widens them before the sum.

    The positions of tokens are such constants. The quantizer leaves them in 32 bits, which is 4% of an 8-bit file.
    Runtimes widen them once, when they load the file.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model, graph = _parsed(network)
    for index in _position_constants(model, graph, schema.BuiltinOperator.ADD):
        fp32 = graph.tensors[index]
        content = np.frombuffer(bytes(model.buffers[fp32.buffer].data), dtype="<f4").astype("<f2")
        fp16, operator = schema.TensorT(), schema.OperatorT()
        model.buffers[fp32.buffer].data = np.frombuffer(content.tobytes(), dtype=np.uint8)
        fp16.shape, fp16.type, fp16.name = fp32.shape, _FLOAT16, fp32.name + b"_half"
        fp16.buffer, fp32.buffer = fp32.buffer, 0
        graph.tensors.append(fp16)
        operator.opcodeIndex = _operator_code(model, schema.BuiltinOperator.DEQUANTIZE, schema)
        operator.inputs = np.array([len(graph.tensors) - 1], dtype=np.int32)
        operator.outputs = np.array([index], dtype=np.int32)
        graph.operators.insert(0, operator)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _position_constants(model: Any, graph: Any, add: int) -> list[int]:
    """Indices of long 32-bit constants that only sums use, and that share their content with no other tensor."""
    buffer_users = Counter(tensor.buffer for tensor in graph.tensors)
    tensor_users: dict[int, set[int]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            code = int(model.operatorCodes[operator.opcodeIndex].builtinCode)
            tensor_users.setdefault(int(index), set()).add(code)
    indices = []
    for index, tensor in enumerate(graph.tensors):
        content = model.buffers[tensor.buffer].data
        size = 0 if content is None else len(content)
        long = tensor.type == _FLOAT32 and size >= 4 * MIN_POSITION_CONSTANT
        if long and tensor_users.get(index) == {add} and buffer_users[tensor.buffer] == 1:
            indices.append(index)
    return indices


def _operator_code(model: Any, operation: int, schema: Any) -> int:
    """Index of an operation in the model's table of operations, to which it is added where it is missing."""
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == operation:
            return index
    code = schema.OperatorCodeT()
    # Older readers look at the first field, which has one byte.
    code.builtinCode, code.deprecatedBuiltinCode, code.version = operation, operation, 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _parsed(network: bytes) -> tuple[Any, Any]:
    """The model and its only graph."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(network))
    (graph,) = model.subgraphs
    return model, graph


def _name(tensor: Any) -> str:
    return str(tensor.name.decode())
