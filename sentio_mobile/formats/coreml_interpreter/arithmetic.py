"""The arithmetic that both kinds of Core ML files share: 32-bit numpy, written from the description of the layers."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Value = NDArray[np.generic]
"""Numbers of any type."""
Tensor = NDArray[np.float32]


def pad(x: Tensor, *, top: int, bottom: int, left: int, right: int) -> Tensor:
    """An image [N, C, H, W] with zeros around it."""
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def convolve(x: Tensor, weight: Tensor, *, strides: list[int], dilations: list[int], groups: int) -> Tensor:
    """Two-dimensional convolution [N, C, H, W], as a product of the unfolded image with the weights."""
    outputs, _, *kernel = weight.shape
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    windows = sliding_window_view(x, reach, axis=(2, 3))
    windows = windows[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
    count, _, height, width = windows.shape[:4]
    # [N, C, H, W, kh, kw] -> [N, groups, C / groups * kh * kw, H * W]
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(count, groups, -1, height * width)
    products = np.matmul(weight.reshape(groups, outputs // groups, -1), columns)
    return products.reshape(count, outputs, height, width)


def softmax(x: Tensor, axis: int) -> Tensor:
    """Softmax along one axis."""
    exponentials = np.exp(x - x.max(axis, keepdims=True))
    shares: Tensor = exponentials / exponentials.sum(axis, keepdims=True)
    return shares


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function of x, with the error function and not an approximation of it."""
    return (x * 0.5 * (1 + _erf(x / np.sqrt(2)))).astype(np.float32)


# numpy has no error function of its own.
_erf = np.vectorize(math.erf, otypes=[np.float64])


def to_dtype(values: Tensor, dtype: np.dtype[np.generic]) -> Value:
    """Numbers in another type. What is too large for it becomes infinite, as in hardware."""
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype, copy=False)


def unpack_bits(packed: NDArray[np.uint8], bits: int, count: int, signed: bool = False) -> Value:
    """Read integers that are stored bit after bit, the least significant one first, across the borders of bytes.

    Args:
        packed: The bytes.
        bits: Bits of an integer, 1 to 8.
        count: Number of integers.
        signed: Whether they are in two's complement.

    Raises:
        ValueError: There are too few bytes.
    """
    sequence = np.unpackbits(packed, bitorder="little")
    if count * bits > len(sequence):
        raise ValueError(f"{len(packed)} bytes are too few for {count} numbers of {bits} bits")
    weights = 1 << np.arange(bits)
    weights[-1] *= -1 if signed else 1
    integers = sequence[: count * bits].reshape(count, bits) @ weights
    return integers.astype(np.int8 if signed else np.uint8)
