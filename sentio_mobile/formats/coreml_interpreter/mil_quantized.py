"""Operations of a Core ML program that change types: casts, quantized activations, and weights stored in fewer bits.

The `constexpr_` operations are constant weights. Until iOS 17 the indices of a table are packed in bytes and a scale is
for one axis; from iOS 18 on indices have types of less than a byte, and a scale is for blocks along any axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor, Value, to_dtype, unpack_bits
from sentio_mobile.formats.coreml_interpreter.mil_read import Inputs

_DTYPES: Mapping[str, type[np.generic]] = {
    "bool": np.bool_,
    "fp16": np.float16,
    "fp32": np.float32,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "uint8": np.uint8,
    "uint16": np.uint16,
}
"""The names that operations give to types."""


def cast(inputs: Inputs) -> Value:
    """The same numbers in another type."""
    return to_dtype(inputs.tensor("x"), _dtype(inputs.text("dtype")))


def quantize(inputs: Inputs) -> Value:
    """Round x / scale + zero point to 8 bits, and clip it to their range."""
    x, dtype = inputs.tensor("input"), _dtype(inputs.text("output_dtype"))
    if not np.issubdtype(dtype, np.integer):
        raise ValueError(f"quantization to {dtype} is not known")
    steps = np.rint(x / _along(inputs, "scale", x.ndim))
    if inputs.has("zero_point"):
        steps = steps + _along(inputs, "zero_point", x.ndim)
    ends = np.iinfo(dtype.type)  # type: ignore[type-var]
    return np.clip(steps, ends.min, ends.max).astype(dtype)


def dequantize(inputs: Inputs) -> Value:
    """(input - zero point) times scale, in the type of the scale."""
    return _dequantize(inputs, "input")


def affine_dequantize(inputs: Inputs) -> Value:
    """Dequantize weights in the same way."""
    return _dequantize(inputs, "quantized_data")


def _dequantize(inputs: Inputs, name: str) -> Value:
    data = inputs.value(name).astype(np.float32)
    if inputs.has("zero_point"):
        data = data - _along(inputs, "zero_point", data.ndim)
    return to_dtype(data * _along(inputs, "scale", data.ndim), inputs.value("scale").dtype)


def blockwise_shift_scale(inputs: Inputs) -> Value:
    """(data - offset) times scale, one of each for a block of the data."""
    data = inputs.value("data").astype(np.float32)
    if inputs.has("offset"):
        data = data - _over_blocks(inputs.value("offset"), data.shape)
    return to_dtype(data * _over_blocks(inputs.value("scale"), data.shape), inputs.value("scale").dtype)


def lut_to_dense(inputs: Inputs) -> Value:
    """Look indices up in a table, or in one for each block."""
    indices, table = inputs.value("indices"), inputs.value("lut")
    if inputs.has("shape"):
        shape = inputs.numbers("shape")
        bits = int(table.size).bit_length() - 1
        return table[unpack_bits(indices.astype(np.uint8), bits, int(np.prod(shape)))].reshape(shape)
    if table.shape[-1] != 1:
        raise ValueError("tables of vectors are not known")
    tables = table[..., 0]
    for axis, size in enumerate(indices.shape):
        tables = np.repeat(tables, size // tables.shape[axis], axis)
    return np.take_along_axis(tables, indices.astype(np.int64)[..., None], -1)[..., 0]


def _along(inputs: Inputs, name: str, rank: int) -> Tensor:
    """A scale or zero point in 32 bits, one for all or one for each along `axis`, in a shape that broadcasts."""
    numbers = inputs.value(name).astype(np.float32)
    if numbers.ndim == 0:
        return numbers
    shape = [1] * rank
    shape[inputs.number("axis", 0)] = -1
    return numbers.reshape(shape)


def _over_blocks(numbers: Value, shape: tuple[int, ...]) -> Tensor:
    """Scales or offsets of blocks in 32 bits, repeated to the shape of the data."""
    repeated: NDArray[np.float32] = numbers.astype(np.float32)
    for axis, size in enumerate(shape):
        repeated = np.repeat(repeated, size // repeated.shape[axis], axis)
    return repeated


def _dtype(name: str) -> np.dtype[np.generic]:
    if name not in _DTYPES:
        raise ValueError(f"the type {name!r} is not known")
    return np.dtype(_DTYPES[name])


QUANTIZED: Mapping[str, Callable[[Inputs], Value]] = {
    "constexpr_affine_dequantize": affine_dequantize,
    "constexpr_blockwise_shift_scale": blockwise_shift_scale,
    "constexpr_lut_to_dense": lut_to_dense,
    "dequantize": dequantize,
    "quantize": quantize,
}
