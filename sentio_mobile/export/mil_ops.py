"""Operations of a Core ML program in numpy, written from their description and sharing no code with the converter.

Here are those that exported students, teachers and front ends use, in 32-bit arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sentio_mobile.export.mil_read import Operation, Value

Tensor = NDArray[np.float32]


class Inputs:
    """The inputs of one operation, read by name and kind."""

    def __init__(self, values: Mapping[str, Sequence[Value]]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Whether the optional input `name` is given."""
        return name in self.values

    def tensor(self, name: str) -> Tensor:
        """A tensor of 32-bit numbers."""
        return self.tensors(name)[0]

    def tensors(self, name: str) -> list[Tensor]:
        """Several tensors under one name."""
        for value in self.values[name]:
            if value.dtype != np.float32:
                raise TypeError(f"{name} is {value.dtype}, and only float32 is known")
        return [value.astype(np.float32, copy=False) for value in self.values[name]]

    def numbers(self, name: str) -> list[int]:
        """A list of integers."""
        return [int(n) for n in self.values[name][0].reshape(-1)]

    def scalar(self, name: str) -> np.float32:
        """One number."""
        return np.float32(self.values[name][0])

    def number(self, name: str, default: int) -> int:
        """One integer; `default` where it is not given."""
        return self.numbers(name)[0] if self.has(name) else default

    def flags(self, name: str, count: int) -> list[bool]:
        """A list of booleans; all false where it is not given."""
        return [bool(n) for n in self.values[name][0].reshape(-1)] if self.has(name) else [False] * count

    def flag(self, name: str) -> bool:
        """One boolean; false where it is not given."""
        return self.flags(name, 1)[0]

    def text(self, name: str) -> str:
        """One word."""
        return str(self.values[name][0])


def conv(inputs: Inputs) -> Tensor:
    """Two-dimensional convolution [N, C, H, W], by a product of the unfolded picture with the weights."""
    x, weight = inputs.tensor("x"), inputs.tensor("weight")
    groups = inputs.number("groups", 1)
    step = inputs.numbers("strides") if inputs.has("strides") else [1, 1]
    spread = inputs.numbers("dilations") if inputs.has("dilations") else [1, 1]
    if (kind := inputs.text("pad_type")) == "custom":
        top, bottom, left, right = inputs.numbers("pad")
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    elif kind != "valid":
        raise ValueError(f"padding {kind!r} is not known")
    outputs, _, *kernel = weight.shape
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, spread, strict=True))
    windows = sliding_window_view(x, reach, axis=(2, 3))
    windows = windows[:, :, :: step[0], :: step[1], :: spread[0], :: spread[1]]
    count, _, high, wide = windows.shape[:4]
    # [N, C, H, W, kh, kw] -> [N, groups, C / groups * kh * kw, H * W]
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(count, groups, -1, high * wide)
    answer = np.matmul(weight.reshape(groups, outputs // groups, -1), columns).reshape(count, outputs, high, wide)
    return answer + inputs.tensor("bias").reshape(-1, 1, 1) if inputs.has("bias") else answer


def linear(inputs: Inputs) -> Tensor:
    """x times the transposed weight, plus the bias."""
    answer = inputs.tensor("x") @ inputs.tensor("weight").T
    return answer + inputs.tensor("bias") if inputs.has("bias") else answer


def matmul(inputs: Inputs) -> Tensor:
    """Matrix product over the last two axes, either side transposed first if asked."""
    x, y = inputs.tensor("x"), inputs.tensor("y")
    x = np.swapaxes(x, -1, -2) if inputs.flag("transpose_x") else x
    y = np.swapaxes(y, -1, -2) if inputs.flag("transpose_y") else y
    return np.matmul(x, y)


def softmax(inputs: Inputs) -> Tensor:
    """Softmax along one axis."""
    x, axis = inputs.tensor("x"), inputs.number("axis", -1)
    raised = np.exp(x - x.max(axis, keepdims=True))
    shares: Tensor = raised / raised.sum(axis, keepdims=True)
    return shares


def layer_norm(inputs: Inputs) -> Tensor:
    """Mean 0 and variance 1 over the given axes, then a scale and a shift for each element of them."""
    x, axes = inputs.tensor("x"), tuple(inputs.numbers("axes"))
    centred = x - x.mean(axes, keepdims=True)
    epsilon = inputs.tensor("epsilon") if inputs.has("epsilon") else np.float32(1e-5)
    answer = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + epsilon)
    answer = answer * inputs.tensor("gamma") if inputs.has("gamma") else answer
    return answer + inputs.tensor("beta") if inputs.has("beta") else answer


def gelu(inputs: Inputs) -> Tensor:
    """x times the normal distribution's share below x, by the error function and not by an approximation of it."""
    if inputs.has("mode") and (mode := inputs.text("mode")) != "EXACT":
        raise ValueError(f"the mode {mode!r} is not known")
    x = inputs.tensor("x")
    return (x * 0.5 * (1 + _erf(x / np.sqrt(2)))).astype(np.float32)


# numpy has no error function of its own.
_erf = np.vectorize(math.erf, otypes=[np.float64])


def reshape(inputs: Inputs) -> Tensor:
    """The same numbers in another shape; 0 keeps a size and -1 takes what is left."""
    x, shape = inputs.tensor("x"), inputs.numbers("shape")
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def split(inputs: Inputs) -> list[Tensor]:
    """Cut along one axis, into the given sizes or into equal parts."""
    x, axis = inputs.tensor("x"), inputs.number("axis", 0)
    if inputs.has("split_sizes"):
        return np.split(x, np.cumsum(inputs.numbers("split_sizes"))[:-1].tolist(), axis)
    return np.split(x, inputs.number("num_splits", 1), axis)


def concat(inputs: Inputs) -> Tensor:
    """Join along one axis."""
    if inputs.flag("interleave"):
        raise ValueError("interleaving is not known")
    return np.concatenate(inputs.tensors("values"), inputs.number("axis", 0))


def slice_by_index(inputs: Inputs) -> Tensor:
    """A part of each axis. A mask's flag stands for the axis's own end, or drops the axis."""
    x = inputs.tensor("x")
    begin, end = inputs.numbers("begin"), inputs.numbers("end")
    step = inputs.numbers("stride") if inputs.has("stride") else [1] * x.ndim
    from_start, to_end, dropped = (inputs.flags(f"{name}_mask", x.ndim) for name in ("begin", "end", "squeeze"))
    index = tuple(
        begin[i] if dropped[i] else slice(None if from_start[i] else begin[i], None if to_end[i] else end[i], step[i])
        for i in range(x.ndim)
    )
    return x[index]


def reduce(inputs: Inputs, by: Callable[..., Tensor]) -> Tensor:
    """One number for what lies along the given axes."""
    return by(inputs.tensor("x"), axis=tuple(inputs.numbers("axes")), keepdims=inputs.flag("keep_dims"))


OPERATIONS: Mapping[str, Callable[[Inputs], Tensor | list[Tensor]]] = {
    "add": lambda inputs: inputs.tensor("x") + inputs.tensor("y"),
    "clip": lambda inputs: np.clip(inputs.tensor("x"), inputs.scalar("alpha"), inputs.scalar("beta")),
    "concat": concat,
    "conv": conv,
    "expand_dims": lambda inputs: np.expand_dims(inputs.tensor("x"), tuple(inputs.numbers("axes"))),
    "gelu": gelu,
    "layer_norm": layer_norm,
    "linear": linear,
    "log": lambda inputs: np.log(inputs.tensor("x") + inputs.scalar("epsilon")),
    "matmul": matmul,
    "maximum": lambda inputs: np.maximum(inputs.tensor("x"), inputs.tensor("y")),
    "mul": lambda inputs: inputs.tensor("x") * inputs.tensor("y"),
    "real_div": lambda inputs: inputs.tensor("x") / inputs.tensor("y"),
    "reduce_max": lambda inputs: reduce(inputs, np.max),
    "reduce_mean": lambda inputs: reduce(inputs, np.mean),
    "reduce_sum": lambda inputs: reduce(inputs, np.sum),
    "relu": lambda inputs: np.maximum(inputs.tensor("x"), np.float32(0)),
    "reshape": reshape,
    "slice_by_index": slice_by_index,
    "softmax": softmax,
    "split": split,
    "sqrt": lambda inputs: np.sqrt(inputs.tensor("x")),
    "squeeze": lambda inputs: np.squeeze(inputs.tensor("x"), tuple(inputs.numbers("axes"))),
    "sub": lambda inputs: inputs.tensor("x") - inputs.tensor("y"),
    "tanh": lambda inputs: np.tanh(inputs.tensor("x")),
    "transpose": lambda inputs: inputs.tensor("x").transpose(inputs.numbers("perm")),
}
"""What is known beside `const`, by the name that the Core ML specification gives it."""


def run_operation(operation: Operation, values: Mapping[str, Value]) -> list[Tensor]:
    """Execute one operation on values that have been computed or read before it."""
    given = {
        name: [values[item] if isinstance(item, str) else item for item in items]
        for name, items in operation.inputs.items()
    }
    answer = OPERATIONS[operation.kind](Inputs(given))
    return answer if isinstance(answer, list) else [answer]
