import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from sentio_mobile.formats.coreml_interpreter.arithmetic import Value
from sentio_mobile.formats.coreml_interpreter.mil_ops import run_operation
from sentio_mobile.formats.coreml_interpreter.mil_read import Operation

RANDOM = np.random.default_rng(5)


def numbers(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def run(kind: str, **inputs: object) -> list[NDArray[np.float32]]:
    given: dict[str, list[str | Value]] = {}
    for name, value in inputs.items():
        given[name] = [np.asarray(v) for v in value] if isinstance(value, tuple) else [np.asarray(value)]
    return run_operation(Operation(kind=kind, inputs=given, outputs=["answer"]), {})


def close(found: NDArray[np.float32], wanted: torch.Tensor) -> None:
    assert found.dtype == np.float32
    assert found.shape == tuple(wanted.shape)
    scale = max(1.0, float(wanted.abs().max()))
    assert np.abs(found - wanted.numpy()).max() < 3e-6 * scale


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (3, 5)])
@pytest.mark.parametrize("strides", [[1, 1], [2, 2], [2, 1]])
@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("pad", [None, 1])
@pytest.mark.parametrize("dilations", [[1, 1], [2, 1]])
def test_conv(kernel: tuple[int, int], strides: list[int], groups: int, pad: int | None, dilations: list[int]) -> None:
    x, weight, bias = numbers(2, 8, 11, 13), numbers(16, 8 // groups, *kernel), numbers(16)
    kind, around = ("valid", 0) if pad is None else ("custom", pad)
    (found,) = run(
        "conv",
        x=x,
        weight=weight,
        bias=bias,
        strides=strides,
        dilations=dilations,
        groups=np.int32(groups),
        pad_type=kind,
        pad=[around] * 4,
    )
    tensors = (torch.from_numpy(v) for v in (x, weight, bias))
    close(found, functional.conv2d(*tensors, strides, around, dilations, groups))


def test_conv_pads_each_side_by_itself() -> None:
    x, weight = numbers(1, 2, 6, 6), numbers(3, 2, 3, 3)
    (found,) = run("conv", x=x, weight=weight, pad_type="custom", pad=[1, 0, 2, 0])
    # PyTorch's order is left, right, top, bottom.
    close(found, functional.conv2d(functional.pad(torch.from_numpy(x), (2, 0, 1, 0)), torch.from_numpy(weight)))


def test_linear() -> None:
    x, weight, bias = numbers(2, 5, 7), numbers(3, 7), numbers(3)
    (found,) = run("linear", x=x, weight=weight, bias=bias)
    close(found, functional.linear(*(torch.from_numpy(v) for v in (x, weight, bias))))


@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize("transpose_y", [False, True])
def test_matmul(transpose_x: bool, transpose_y: bool) -> None:
    x = numbers(2, 3, 5, 4) if transpose_x else numbers(2, 3, 4, 5)
    y = numbers(2, 3, 6, 5) if transpose_y else numbers(2, 3, 5, 6)
    (found,) = run("matmul", x=x, y=y, transpose_x=transpose_x, transpose_y=transpose_y)
    left, right = torch.from_numpy(x), torch.from_numpy(y)
    close(found, (left.mT if transpose_x else left) @ (right.mT if transpose_y else right))


@pytest.mark.parametrize("axis", [-1, 1])
def test_softmax_of_large_numbers(axis: int) -> None:
    x = numbers(2, 3, 4) * 200
    close(run("softmax", x=x, axis=np.int32(axis))[0], torch.from_numpy(x).softmax(axis))


def test_elementwise() -> None:
    x, y = numbers(2, 3), numbers(3)
    close(run("add", x=x, y=y)[0], torch.from_numpy(x) + torch.from_numpy(y))
    close(run("mul", x=x, y=y)[0], torch.from_numpy(x) * torch.from_numpy(y))
    close(run("sub", x=x, y=y)[0], torch.from_numpy(x) - torch.from_numpy(y))
    close(run("real_div", x=x, y=y)[0], torch.from_numpy(x) / torch.from_numpy(y))
    close(run("maximum", x=x, y=y)[0], torch.maximum(torch.from_numpy(x), torch.from_numpy(y)))
    close(run("clip", x=x, alpha=np.float32(-0.5), beta=np.float32(0.25))[0], torch.from_numpy(x).clamp(-0.5, 0.25))
    close(run("sqrt", x=x**2)[0], torch.from_numpy(x).abs())
    close(run("log", x=x**2, epsilon=np.float32(0.5))[0], (torch.from_numpy(x) ** 2 + 0.5).log())
    close(run("relu", x=x)[0], torch.from_numpy(x).relu())
    close(run("tanh", x=x)[0], torch.from_numpy(x).tanh())


def test_reductions() -> None:
    x = numbers(2, 3, 4)
    t = torch.from_numpy(x)
    close(run("reduce_mean", x=x, axes=[1], keep_dims=True)[0], t.mean(1, keepdim=True))
    close(run("reduce_mean", x=x, axes=[-1, 0])[0], t.mean((0, 2)))
    close(run("reduce_sum", x=x, axes=[2])[0], t.sum(2))
    close(run("reduce_max", x=x, axes=[0, 1], keep_dims=False)[0], t.amax((0, 1)))


def test_layer_norm() -> None:
    x, gamma, beta = 3 * numbers(2, 5, 8) + 1, numbers(8), numbers(8)
    t, scale, shift = (torch.from_numpy(v) for v in (x, gamma, beta))
    (found,) = run("layer_norm", x=x, axes=[-1], gamma=gamma, beta=beta, epsilon=np.float32(1e-6))
    close(found, functional.layer_norm(t, (8,), scale, shift, 1e-6))
    close(run("layer_norm", x=x, axes=[1, 2])[0], functional.layer_norm(t, (5, 8)))


def test_gelu_is_exact_and_no_other_mode_is_taken_for_it() -> None:
    x = 3 * numbers(2, 50)
    close(run("gelu", x=x, mode="EXACT")[0], functional.gelu(torch.from_numpy(x)))
    with pytest.raises(ValueError, match="TANH_APPROXIMATION"):
        run("gelu", x=x, mode="TANH_APPROXIMATION")


def test_shapes() -> None:
    x = numbers(2, 3, 4)
    t = torch.from_numpy(x)
    close(run("expand_dims", x=x, axes=[0, -1])[0], t.reshape(1, 2, 3, 4, 1))
    close(run("squeeze", x=x[:, :1], axes=[1])[0], t[:, 0])
    close(run("reshape", x=x, shape=[0, -1])[0], t.reshape(2, 12))
    close(run("transpose", x=x, perm=[0, -1, -2])[0], t.transpose(1, 2))
    close(run("concat", values=(x, x * 2), axis=np.int32(1))[0], torch.cat([t, t * 2], 1))
    for found, wanted in zip(
        run("split", x=x, split_sizes=[1, 3], axis=np.int32(-1)), t.split([1, 3], -1), strict=True
    ):
        close(found, wanted)
    for found, wanted in zip(run("split", x=x, num_splits=np.int32(2), axis=np.int32(2)), t.chunk(2, 2), strict=True):
        close(found, wanted)


def test_slice_by_index() -> None:
    x = numbers(4, 5, 6)
    t = torch.from_numpy(x)
    close(run("slice_by_index", x=x, begin=[1, 0, 2], end=[3, 5, 5], stride=[1, 2, 1])[0], t[1:3, ::2, 2:5])
    masks = {"begin_mask": [True, False, False], "end_mask": [False, True, False], "squeeze_mask": [False, False, True]}
    close(run("slice_by_index", x=x, begin=[9, 1, 3], end=[2, 0, 4], **masks)[0], t[:2, 1:, 3])
