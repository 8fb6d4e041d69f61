"""Layers of a Core ML neural network in numpy: each turns a layer's parameters into a function of its inputs.

These are the layers that exported students and front ends use. Arithmetic is in 32 bits, as in Core ML on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np

from sentio_mobile.formats.coreml_interpreter import arithmetic
from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor
from sentio_mobile.formats.coreml_interpreter.nn_read import Parameters

Step = Callable[..., Tensor | list[Tensor]]


def convolution(p: Parameters) -> Step:
    """Two-dimensional convolution [N, C, H, W]; kernels are [outputs, inputs of a group, height, width]."""
    if p.flag(60) or 51 in p:
        raise ValueError("a transposed convolution, or one padded to keep its size, is not known")
    outputs, groups = p.number(1), p.number(10) or 1
    weight = p.weights(90, outputs, p.number(2), *p.numbers(20))
    bias = p.weights(91, outputs, 1, 1) if p.flag(70) else np.zeros((outputs, 1, 1), np.float32)
    strides, dilations = p.numbers(30) or [1, 1], p.numbers(40) or [1, 1]
    sides = [edge for border in p.inner(50).inner(1).inners(10) for edge in (border.number(1), border.number(2))]
    top, bottom, left, right = sides or [0, 0, 0, 0]
    return lambda x: (
        arithmetic.convolve(
            arithmetic.pad(x, top=top, bottom=bottom, left=left, right=right),
            weight,
            strides=strides,
            dilations=dilations,
            groups=groups,
        )
        + bias
    )


def activation(p: Parameters) -> Step:
    """An activation function."""
    (kind,) = p.message
    if kind == 5:
        alpha, beta = p.inner(5).scalar(1), p.inner(5).scalar(2)
        return lambda x: x * alpha + beta
    if kind not in _ACTIVATIONS:
        raise ValueError(f"the function {kind} is not known")
    return _ACTIVATIONS[kind]


_ACTIVATIONS: Mapping[int, Step] = {
    10: lambda x: np.maximum(x, np.float32(0)),
    30: np.tanh,
    40: lambda x: 1 / (1 + np.exp(-x)),
}


def inner_product(p: Parameters) -> Step:
    """The last axis times the transposed weight [outputs, inputs], plus the bias."""
    if p.flag(22):
        raise ValueError("products of integers are not known")
    inputs, outputs = p.number(1), p.number(2)
    weight = p.weights(20, outputs, inputs)
    bias = p.weights(21, outputs) if p.flag(10) else np.zeros(outputs, np.float32)

    def step(x: Tensor) -> Tensor:
        if x.ndim > 3:
            raise ValueError("an input with more than three axes is not known")
        return x @ weight.T + bias

    return step


def batched_matmul(p: Parameters) -> Step:
    """Product over the last two axes, of two inputs or of one with weights, which are stored transposed."""
    if p.flag(10):
        raise ValueError("products of integers are not known")
    first, second = p.flag(1), p.flag(2)
    if rows := p.number(5):
        if first or second:
            raise ValueError("transposing beside weights is not known")
        columns = p.number(6)
        weight = p.weights(8, columns, rows).T
        bias = p.weights(9, columns) if p.flag(7) else np.zeros(columns, np.float32)
        return lambda x: x @ weight + bias
    return lambda x, y: np.matmul(np.swapaxes(x, -1, -2) if first else x, np.swapaxes(y, -1, -2) if second else y)


def elementwise(p: Parameters, by: Callable[[Tensor, Tensor], Tensor]) -> Step:
    """Combine several inputs, broadcast, or one with the number `alpha`."""
    alpha = p.scalar(1)
    return lambda *inputs: reduce(by, inputs) if len(inputs) > 1 else by(inputs[0], np.asarray(alpha))


def unary(p: Parameters) -> Step:
    """A function of scale times x plus shift."""
    kind, alpha, epsilon, shift, scale = p.number(1), *(p.scalar(field) for field in (2, 3, 4, 5))
    functions: list[Step] = [
        np.sqrt,
        lambda x: 1 / np.sqrt(x + epsilon),
        lambda x: 1 / (x + epsilon),
        lambda x: x**alpha,
        np.exp,
        lambda x: np.log(x + epsilon),
        np.abs,
        lambda x: np.maximum(x, alpha),
    ]
    return lambda x: functions[kind](x * scale + shift)


def clip(p: Parameters) -> Step:
    """Limit numbers to a range."""
    low, high = p.scalar(1), p.scalar(2)
    return lambda x: np.clip(x, low, high)


def reduce_axes(p: Parameters, by: Callable[..., Tensor]) -> Step:
    """Reduce the given axes, or all of them, to one number."""
    axes = None if p.flag(3) else tuple(p.numbers(1))
    keep = p.flag(2)
    return lambda x: np.asarray(by(x, axis=axes, keepdims=keep))


def reshape(p: Parameters) -> Step:
    """The same numbers in another shape; -1 takes what is left."""
    shape = p.numbers(1)
    return lambda x: x.reshape(shape)


def reshape_same_rank(p: Parameters) -> Step:
    """The same numbers in another shape; 0 keeps a size and -1 takes what is left."""
    shape = p.numbers(1)
    return lambda x: x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def transpose(p: Parameters) -> Step:
    """Axes in another order."""
    axes = p.numbers(1)
    return lambda x: x.transpose(axes)


def slice_one_axis(p: Parameters) -> Step:
    """Take a part of one of the last three axes: channel, height or width."""
    start, end, step, axis = p.number(1), p.number(2), p.number(3) or 1, p.number(4) - 3
    index = (..., slice(start, end, step), *[slice(None)] * (-1 - axis))
    return lambda x: x[index]


def slice_static(p: Parameters) -> Step:
    """Take a part of each axis. A set flag of a mask means the axis's own end, or drops the axis."""
    begin, end, strides = p.numbers(1), p.numbers(3), p.numbers(5)
    from_start, to_end, dropped = ([bool(n) for n in p.numbers(field)] or [False] * len(begin) for field in (2, 4, 6))
    index = tuple(
        begin[i]
        if dropped[i]
        else slice(None if from_start[i] else begin[i], None if to_end[i] else end[i], strides[i])
        for i in range(len(begin))
    )
    return lambda x: x[index]


def split(p: Parameters) -> Step:
    """Cut along one axis, into the given sizes or into equal parts."""
    axis, parts, sizes = p.number(1), p.number(2), p.numbers(3)
    return lambda x: np.split(x, np.cumsum(sizes)[:-1].tolist() if sizes else parts, axis)


def concat(p: Parameters) -> Step:
    """Join along one axis."""
    if p.flag(2):
        raise ValueError("interleaving is not known")
    axis = p.number(1)
    return lambda *inputs: np.concatenate(inputs, axis)


def concat_channels(p: Parameters) -> Step:
    """Join along the channels, the third-last axis."""
    if p.flag(100):
        raise ValueError("joining sequences is not known")
    return lambda *inputs: np.concatenate(inputs, -3)


def constant(p: Parameters) -> Step:
    """Stored numbers."""
    numbers = p.weights(2, *p.numbers(1))
    return lambda: numbers


def expand_dims(p: Parameters) -> Step:
    """Add axes of size 1."""
    axes = tuple(p.numbers(1))
    return lambda x: np.expand_dims(x, axes)


def squeeze(p: Parameters) -> Step:
    """Remove the given axes of size 1, or all of them."""
    axes = None if p.flag(2) else tuple(p.numbers(1))
    return lambda x: np.squeeze(x, axes)


def softmax(p: Parameters) -> Step:
    """Softmax along one axis."""
    axis = p.number(1)
    return lambda x: arithmetic.softmax(x, axis)


LAYERS: Mapping[int, tuple[str, Callable[[Parameters], Step]]] = {
    100: ("convolution", convolution),
    130: ("activation", activation),
    140: ("innerProduct", inner_product),
    220: ("unary", unary),
    230: ("add", lambda p: elementwise(p, np.add)),
    231: ("multiply", lambda p: elementwise(p, np.multiply)),
    320: ("concat", concat_channels),
    350: ("slice", slice_one_axis),
    660: ("clip", clip),
    870: ("minBroadcastable", lambda p: np.minimum),
    875: ("maxBroadcastable", lambda p: np.maximum),
    880: ("addBroadcastable", lambda p: np.add),
    890: ("divideBroadcastable", lambda p: np.divide),
    900: ("multiplyBroadcastable", lambda p: np.multiply),
    905: ("subtractBroadcastable", lambda p: np.subtract),
    950: ("softmaxND", softmax),
    975: ("splitND", split),
    980: ("concatND", concat),
    985: ("transpose", transpose),
    995: ("sliceStatic", slice_static),
    1045: ("batchedMatmul", batched_matmul),
    1070: ("loadConstantND", constant),
    1120: ("squeeze", squeeze),
    1125: ("expandDims", expand_dims),
    1140: ("reshapeStatic", reshape),
    1150: ("rankPreservingReshape", reshape_same_rank),
    1260: ("reduceMax", lambda p: reduce_axes(p, np.max)),
    1270: ("reduceSum", lambda p: reduce_axes(p, np.sum)),
    1280: ("reduceMean", lambda p: reduce_axes(p, np.mean)),
}
"""By the field number in NeuralNetworkLayer: the layer's name there, and what makes its function."""
