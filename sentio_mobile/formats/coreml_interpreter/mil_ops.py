"""Operations of a Core ML program in numpy, written from their description and sharing no code with the converter.

These are the operations that exported students, teachers and front ends use. Arithmetic is in 32 bits, and its result
is converted to the type of its input. For 16-bit programs that is a fair model of hardware that accumulates in 32 bits;
hardware that accumulates in 16 differs more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sentio_mobile.formats.coreml_interpreter import arithmetic
from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor, Value, to_dtype
from sentio_mobile.formats.coreml_interpreter.mil_quantized import QUANTIZED, cast
from sentio_mobile.formats.coreml_interpreter.mil_read import Inputs, Operation


def conv(inputs: Inputs) -> Tensor:
    """Two-dimensional convolution [N, C, H, W]."""
    x, weight = inputs.tensor("x"), inputs.tensor("weight")
    if (kind := inputs.text("pad_type")) == "custom":
        top, bottom, left, right = inputs.numbers("pad")
        x = arithmetic.pad(x, top=top, bottom=bottom, left=left, right=right)
    elif kind != "valid":
        raise ValueError(f"padding {kind!r} is not known")
    strides = inputs.numbers("strides") if inputs.has("strides") else [1, 1]
    dilations = inputs.numbers("dilations") if inputs.has("dilations") else [1, 1]
    result = arithmetic.convolve(x, weight, strides=strides, dilations=dilations, groups=inputs.number("groups", 1))
    return result + inputs.tensor("bias").reshape(-1, 1, 1) if inputs.has("bias") else result


def linear(inputs: Inputs) -> Tensor:
    """x times the transposed weight, plus the bias."""
    result = inputs.tensor("x") @ inputs.tensor("weight").T
    return result + inputs.tensor("bias") if inputs.has("bias") else result


def matmul(inputs: Inputs) -> Tensor:
    """Matrix product over the last two axes, of which either side may be transposed first."""
    x, y = inputs.tensor("x"), inputs.tensor("y")
    x = np.swapaxes(x, -1, -2) if inputs.flag("transpose_x") else x
    y = np.swapaxes(y, -1, -2) if inputs.flag("transpose_y") else y
    return np.matmul(x, y)


def layer_norm(inputs: Inputs) -> Tensor:
    """Normalize to mean 0 and variance 1 over the given axes, then scale and shift each element."""
    x, axes = inputs.tensor("x"), tuple(inputs.numbers("axes"))
    centred = x - x.mean(axes, keepdims=True)
    epsilon = inputs.tensor("epsilon") if inputs.has("epsilon") else np.float32(1e-5)
    result = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + epsilon)
    result = result * inputs.tensor("gamma") if inputs.has("gamma") else result
    return result + inputs.tensor("beta") if inputs.has("beta") else result


def gelu(inputs: Inputs) -> Tensor:
    """GELU in the exact mode, the only one known."""
    if inputs.has("mode") and (mode := inputs.text("mode")) != "EXACT":
        raise ValueError(f"the mode {mode!r} is not known")
    return arithmetic.gelu(inputs.tensor("x"))


def reduce(inputs: Inputs, by: Callable[..., Tensor]) -> Tensor:
    """Reduce the given axes to one number."""
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
    """Take a part of each axis. A set flag of a mask means the axis's own end, or drops the axis."""
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
    "softmax": lambda inputs: arithmetic.softmax(inputs.tensor("x"), inputs.number("axis", -1)),
    "sqrt": lambda inputs: np.sqrt(inputs.tensor("x")),
    "sub": lambda inputs: inputs.tensor("x") - inputs.tensor("y"),
    "tanh": lambda inputs: np.tanh(inputs.tensor("x")),
}
"""These compute in 32 bits."""

_MOVING: Mapping[str, Callable[[Inputs], Value | list[Value]]] = {
    "concat": concat,
    "expand_dims": lambda inputs: np.expand_dims(inputs.value("x"), tuple(inputs.numbers("axes"))),
    "reshape": reshape,
    "slice_by_index": slice_by_index,
    "split": split,
    "squeeze": lambda inputs: np.squeeze(inputs.value("x"), tuple(inputs.numbers("axes"))),
    "transpose": lambda inputs: inputs.value("x").transpose(inputs.numbers("perm")),
}
"""These move numbers and do not compute, whatever the type."""

_OTHERS: Mapping[str, Callable[[Inputs], Value]] = {"cast": cast, **QUANTIZED}

OPERATIONS = sorted((*_ARITHMETIC, *_MOVING, *_OTHERS))
"""Names in the Core ML specification of all known operations but `const`."""


def run_operation(operation: Operation, values: Mapping[str, Value]) -> list[Value]:
    """Execute one operation.

    Args:
        operation: The operation.
        values: The values that were computed or read before, by name.

    Returns:
        Its results.

    Raises:
        TypeError: A result is not of the type that the program declares.
    """
    inputs = {
        name: [values[item] if isinstance(item, str) else item for item in items]
        for name, items in operation.inputs.items()
    }
    # Core ML does not report infinities either; parity checks the predictions.
    with np.errstate(all="ignore"):
        results = _run(operation.kind, Inputs(inputs))
    for declared, result in zip(operation.types, results, strict=bool(operation.types)):
        if not declared.fits(result):
            raise TypeError(f"the result is {result.dtype} {list(result.shape)}, and {declared} was declared")
    return results


def _run(kind: str, inputs: Inputs) -> list[Value]:
    if kind in _ARITHMETIC:
        return [to_dtype(_ARITHMETIC[kind](inputs), inputs.value("x").dtype)]
    result = (_MOVING if kind in _MOVING else _OTHERS)[kind](inputs)
    return result if isinstance(result, list) else [result]
