"""Operations of a Core ML program in numpy, written from their description and sharing no code with the converter.

Here are those that exported students, teachers and front ends use. Arithmetic is in 32 bits and its result is rounded
to what its input is stored in. For 16-bit programs that is a fair model of hardware that accumulates in 32 bits; one
that accumulates in 16 is farther off than this says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sentio_mobile.formats.coreml_interpreter import mil_math
from sentio_mobile.formats.coreml_interpreter.mil_blob import Value
from sentio_mobile.formats.coreml_interpreter.mil_inputs import Inputs
from sentio_mobile.formats.coreml_interpreter.mil_math import Tensor
from sentio_mobile.formats.coreml_interpreter.mil_quantized import QUANTIZED, cast, rounded
from sentio_mobile.formats.coreml_interpreter.mil_read import Operation


def conv(inputs: Inputs) -> Tensor:
    """Two-dimensional convolution [N, C, H, W]."""
    x, weight = inputs.tensor("x"), inputs.tensor("weight")
    if (kind := inputs.text("pad_type")) == "custom":
        top, bottom, left, right = inputs.numbers("pad")
        x = mil_math.padded(x, top, bottom=bottom, left=left, right=right)
    elif kind != "valid":
        raise ValueError(f"padding {kind!r} is not known")
    strides = inputs.numbers("strides") if inputs.has("strides") else [1, 1]
    dilations = inputs.numbers("dilations") if inputs.has("dilations") else [1, 1]
    answer = mil_math.convolve(x, weight, strides=strides, dilations=dilations, groups=inputs.number("groups", 1))
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


def layer_norm(inputs: Inputs) -> Tensor:
    """Mean 0 and variance 1 over the given axes, then a scale and a shift for each element of them."""
    x, axes = inputs.tensor("x"), tuple(inputs.numbers("axes"))
    centred = x - x.mean(axes, keepdims=True)
    epsilon = inputs.tensor("epsilon") if inputs.has("epsilon") else np.float32(1e-5)
    answer = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + epsilon)
    answer = answer * inputs.tensor("gamma") if inputs.has("gamma") else answer
    return answer + inputs.tensor("beta") if inputs.has("beta") else answer


def gelu(inputs: Inputs) -> Tensor:
    """The exact one only."""
    if inputs.has("mode") and (mode := inputs.text("mode")) != "EXACT":
        raise ValueError(f"the mode {mode!r} is not known")
    return mil_math.gelu(inputs.tensor("x"))


def reduce(inputs: Inputs, by: Callable[..., Tensor]) -> Tensor:
    """One number for what lies along the given axes."""
    return by(inputs.tensor("x"), axis=tuple(inputs.numbers("axes")), keepdims=inputs.flag("keep_dims"))


def reshape(inputs: Inputs) -> Value:
    """The same numbers in another shape; 0 keeps a size and -1 takes what is left."""
    x, shape = inputs.value("x"), inputs.numbers("shape")
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def split(inputs: Inputs) -> list[Value]:
    """Cut along one axis, into the given sizes or into equal parts."""
    x, axis = inputs.value("x"), inputs.number("axis", 0)
    if inputs.has("split_sizes"):
        return np.split(x, np.cumsum(inputs.numbers("split_sizes"))[:-1].tolist(), axis)
    return np.split(x, inputs.number("num_splits", 1), axis)


def concat(inputs: Inputs) -> Value:
    """Join along one axis."""
    if inputs.flag("interleave"):
        raise ValueError("interleaving is not known")
    values = inputs.values["values"]
    if len(types := {str(value.dtype) for value in values}) > 1:
        raise TypeError(f"{' and '.join(sorted(types))} cannot be joined")
    return np.concatenate(values, inputs.number("axis", 0))


def slice_by_index(inputs: Inputs) -> Value:
    """A part of each axis. A mask's flag stands for the axis's own end, or drops the axis."""
    x = inputs.value("x")
    begin, end = inputs.numbers("begin"), inputs.numbers("end")
    step = inputs.numbers("stride") if inputs.has("stride") else [1] * x.ndim
    from_start, to_end, dropped = (inputs.flags(f"{name}_mask", x.ndim) for name in ("begin", "end", "squeeze"))
    index = tuple(
        begin[i] if dropped[i] else slice(None if from_start[i] else begin[i], None if to_end[i] else end[i], step[i])
        for i in range(x.ndim)
    )
    return x[index]


_ARITHMETIC: Mapping[str, Callable[[Inputs], Tensor]] = {
    "add": lambda inputs: inputs.tensor("x") + inputs.tensor("y"),
    "clip": lambda inputs: np.clip(inputs.tensor("x"), inputs.scalar("alpha"), inputs.scalar("beta")),
    "conv": conv,
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
    "softmax": lambda inputs: mil_math.softmax(inputs.tensor("x"), inputs.number("axis", -1)),
    "sqrt": lambda inputs: np.sqrt(inputs.tensor("x")),
    "sub": lambda inputs: inputs.tensor("x") - inputs.tensor("y"),
    "tanh": lambda inputs: np.tanh(inputs.tensor("x")),
}
"""Computed in 32 bits."""

_MOVING: Mapping[str, Callable[[Inputs], Value | list[Value]]] = {
    "concat": concat,
    "expand_dims": lambda inputs: np.expand_dims(inputs.value("x"), tuple(inputs.numbers("axes"))),
    "reshape": reshape,
    "slice_by_index": slice_by_index,
    "split": split,
    "squeeze": lambda inputs: np.squeeze(inputs.value("x"), tuple(inputs.numbers("axes"))),
    "transpose": lambda inputs: inputs.value("x").transpose(inputs.numbers("perm")),
}
"""Numbers stay as they are, whatever their type."""

_OTHERS: Mapping[str, Callable[[Inputs], Value]] = {"cast": cast, **QUANTIZED}

OPERATIONS = sorted((*_ARITHMETIC, *_MOVING, *_OTHERS))
"""What is known beside `const`, by the name that the Core ML specification gives it."""


def run_operation(operation: Operation, values: Mapping[str, Value]) -> list[Value]:
    """Execute one operation on values that have been computed or read before it.

    Raises:
        TypeError: the result is not of the type that the program announces.
    """
    given = {
        name: [values[item] if isinstance(item, str) else item for item in items]
        for name, items in operation.inputs.items()
    }
    # Infinities come and go without a word in Core ML, too; it is the answers that are judged.
    with np.errstate(all="ignore"):
        answers = _answers(operation.kind, Inputs(given))
    for announced, answer in zip(operation.types, answers, strict=bool(operation.types)):
        if not announced.fits(answer):
            raise TypeError(f"the answer is {answer.dtype} {list(answer.shape)}, and {announced} was announced")
    return answers


def _answers(kind: str, inputs: Inputs) -> list[Value]:
    if kind in _ARITHMETIC:
        return [rounded(_ARITHMETIC[kind](inputs), inputs.value("x").dtype)]
    answer = (_MOVING if kind in _MOVING else _OTHERS)[kind](inputs)
    return answer if isinstance(answer, list) else [answer]
