"""The arithmetic that both kinds of Core ML files share: 32-bit numpy, written from the description of the layers."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Tensor = NDArray[np.float32]


def padded(x: Tensor, top: int, *, bottom: int, left: int, right: int) -> Tensor:
    """A picture [N, C, H, W] with zeros around it."""
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def convolve(x: Tensor, weight: Tensor, *, strides: list[int], dilations: list[int], groups: int) -> Tensor:
    """Two-dimensional convolution [N, C, H, W], by a product of the unfolded picture with the weights."""
    outputs, _, *kernel = weight.shape
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    windows = sliding_window_view(x, reach, axis=(2, 3))
    windows = windows[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
    count, _, high, wide = windows.shape[:4]
    # [N, C, H, W, kh, kw] -> [N, groups, C / groups * kh * kw, H * W]
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(count, groups, -1, high * wide)
    products = np.matmul(weight.reshape(groups, outputs // groups, -1), columns)
    return products.reshape(count, outputs, high, wide)


def softmax(x: Tensor, axis: int) -> Tensor:
    """Softmax along one axis."""
    raised = np.exp(x - x.max(axis, keepdims=True))
    shares: Tensor = raised / raised.sum(axis, keepdims=True)
    return shares


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution's share below x, by the error function and not by an approximation of it."""
    return (x * 0.5 * (1 + _erf(x / np.sqrt(2)))).astype(np.float32)


# numpy has no error function of its own.
_erf = np.vectorize(math.erf, otypes=[np.float64])
