"""Operations of a Core ML program between types: casts, quantized activations, and weights that are stored narrow.

The `constexpr_` operations stand for constant weights. Until iOS 17 a table's indices are packed in bytes and a scale
is for one axis; from iOS 18 on indices have types narrower than a byte, and a scale is for blocks along any axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.coreml_interpreter.mil_blob import Value, unpack
from sentio_mobile.formats.coreml_interpreter.mil_inputs import Inputs
from sentio_mobile.formats.coreml_interpreter.mil_math import Tensor

_TYPES: Mapping[str, type[np.generic]] = {
    "bool": np.bool_,
    "fp16": np.float16,
    "fp32": np.float32,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "uint8": np.uint8,
    "uint16": np.uint16,
}
"""The names that operations have for types."""


def rounded(values: Tensor, dtype: np.dtype[np.generic]) -> Value:
    """Numbers in a narrower type; what is too large for it becomes infinite, as in hardware."""
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype, copy=False)


def cast(inputs: Inputs) -> Value:
    """The same numbers in another type."""
    return rounded(inputs.tensor("x"), _named(inputs.text("dtype")))


def quantize(inputs: Inputs) -> Value:
    """Round x / scale + zero point into 8 bits, holding what is out of range at its end."""
    x, dtype = inputs.tensor("input"), _named(inputs.text("output_dtype"))
    if not np.issubdtype(dtype, np.integer):
        raise ValueError(f"quantization to {dtype} is not known")
    steps = np.rint(x / _along(inputs, "scale", x.ndim))
    if inputs.has("zero_point"):
        steps = steps + _along(inputs, "zero_point", x.ndim)
    ends = np.iinfo(dtype.type)  # type: ignore[type-var]
    return np.clip(steps, ends.min, ends.max).astype(dtype)


def dequantize(inputs: Inputs) -> Value:
    """(input - zero point) times scale, in the type of the scale."""
    return _dequantized(inputs, "input")


def affine_dequantize(inputs: Inputs) -> Value:
    """The same for weights."""
    return _dequantized(inputs, "quantized_data")


def _dequantized(inputs: Inputs, name: str) -> Value:
    data = inputs.value(name).astype(np.float32)
    if inputs.has("zero_point"):
        data = data - _along(inputs, "zero_point", data.ndim)
    return rounded(data * _along(inputs, "scale", data.ndim), inputs.value("scale").dtype)


def blockwise_shift_scale(inputs: Inputs) -> Value:
    """(data - offset) times scale, one of each for a block of the data."""
    data = inputs.value("data").astype(np.float32)
    if inputs.has("offset"):
        data = data - _over_blocks(inputs.value("offset"), data.shape)
    return rounded(data * _over_blocks(inputs.value("scale"), data.shape), inputs.value("scale").dtype)


def lut_to_dense(inputs: Inputs) -> Value:
    """Numbers looked up in a table, or in one for each block."""
    indices, table = inputs.value("indices"), inputs.value("lut")
    if inputs.has("shape"):
        shape = inputs.numbers("shape")
        bits = int(table.size).bit_length() - 1
        return table[unpack(indices.astype(np.uint8), bits, int(np.prod(shape)))].reshape(shape)
    if table.shape[-1] != 1:
        raise ValueError("tables of vectors are not known")
    tables = table[..., 0]
    for axis, size in enumerate(indices.shape):
        tables = np.repeat(tables, size // tables.shape[axis], axis)
    return np.take_along_axis(tables, indices.astype(np.int64)[..., None], -1)[..., 0]


def _along(inputs: Inputs, name: str, rank: int) -> Tensor:
    """Scale or zero point in 32 bits: one for all, or one for each place along `axis`."""
    numbers = inputs.value(name).astype(np.float32)
    if numbers.ndim == 0:
        return numbers
    shape = [1] * rank
    shape[inputs.number("axis", 0)] = -1
    return numbers.reshape(shape)


def _over_blocks(numbers: Value, shape: tuple[int, ...]) -> Tensor:
    wide: NDArray[np.float32] = numbers.astype(np.float32)
    for axis, size in enumerate(shape):
        wide = np.repeat(wide, size // wide.shape[axis], axis)
    return wide


def _named(name: str) -> np.dtype[np.generic]:
    if name not in _TYPES:
        raise ValueError(f"the type {name!r} is not known")
    return np.dtype(_TYPES[name])


QUANTIZED: Mapping[str, Callable[[Inputs], Value]] = {
    "constexpr_affine_dequantize": affine_dequantize,
    "constexpr_blockwise_shift_scale": blockwise_shift_scale,
    "constexpr_lut_to_dense": lut_to_dense,
    "dequantize": dequantize,
    "quantize": quantize,
}
