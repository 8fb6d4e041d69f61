"""Operations of ML programs, by what the converter itself makes of them.

Core ML runs on Macs only, but coremltools folds constants and decompresses weights anywhere: those are Apple's own
words on what an operation means.
"""

import struct
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 (after coremltools, which may import tensorflow, it crashes)
from numpy.typing import NDArray

from sentio_mobile.formats.coreml_interpreter.arithmetic import Value, unpack_bits
from sentio_mobile.formats.coreml_interpreter.mil_ops import OPERATIONS, run_operation
from sentio_mobile.formats.coreml_interpreter.mil_read import Operation, TensorType, read_blob

RANDOM = np.random.default_rng(7)

pytestmark = pytest.mark.filterwarnings("ignore")  # those of coremltools


def numbers(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def ct() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("coremltools")


def run(kind: str, **inputs: object) -> list[Value]:
    given: dict[str, list[str | Value]] = {}
    for name, value in inputs.items():
        given[name] = [np.asarray(v) for v in value] if isinstance(value, tuple) else [np.asarray(value)]
    return run_operation(Operation(kind=kind, inputs=given, outputs=["answer"]), {})


def folded(ct: ModuleType, kind: str, **inputs: object) -> list[Value]:
    """What the converter computes by itself where all inputs are constant."""
    from coremltools.converters.mil import Builder as mb

    found: list[Value] = []

    @mb.program(input_specs=[mb.TensorSpec((1,))], opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        answer = getattr(mb, kind)(**inputs)
        for var in answer if isinstance(answer, list | tuple) else [answer]:
            found.append(var.val if var.val is not None else var.op.materialized_val_inference())
        return mb.identity(x=x)

    return found


X, Y = numbers(2, 3, 4), numbers(3, 4)
INT8 = RANDOM.integers(-128, 128, (2, 3, 4)).astype(np.int8)
PROGRAMS: list[tuple[str, dict[str, object]]] = [
    *((kind, {"x": X, "y": Y}) for kind in ("add", "sub", "mul", "maximum")),
    ("real_div", {"x": X, "y": np.abs(Y) + 0.5}),
    ("matmul", {"x": X, "y": Y, "transpose_x": False, "transpose_y": True}),
    ("matmul", {"x": X, "y": numbers(2, 3, 5), "transpose_x": True, "transpose_y": False}),
    ("linear", {"x": X, "weight": numbers(5, 4), "bias": numbers(5)}),
    ("clip", {"x": X, "alpha": np.float32(-0.5), "beta": np.float32(0.25)}),
    ("log", {"x": X**2, "epsilon": np.float32(0.5)}),
    ("sqrt", {"x": X**2}),
    *((kind, {"x": 3 * X}) for kind in ("relu", "tanh")),
    ("gelu", {"x": 3 * X, "mode": "EXACT"}),
    ("softmax", {"x": 9 * X, "axis": np.int32(1)}),
    ("softmax", {"x": 9 * X, "axis": np.int32(-1)}),
    (
        "layer_norm",
        {"x": X, "axes": np.int32([-1]), "gamma": numbers(4), "beta": numbers(4), "epsilon": np.float32(1e-3)},
    ),
    *(
        (f"reduce_{by}", {"x": X, "axes": np.int32(axes), "keep_dims": keep})
        for by in ("max", "mean", "sum")
        for axes, keep in (([1], True), ([-1, 0], False), ([0, 1, 2], True))
    ),
    ("concat", {"values": (X, 2 * X), "axis": np.int32(-2)}),
    ("expand_dims", {"x": X, "axes": np.int32([0, -1])}),
    ("squeeze", {"x": X[:1, :1], "axes": np.int32([0, 1])}),
    ("reshape", {"x": X, "shape": np.int32([4, -1])}),
    ("reshape", {"x": X, "shape": np.int32([0, 2, 6])}),
    ("transpose", {"x": X, "perm": np.int32([0, -1, -2])}),
    ("split", {"x": X, "split_sizes": np.int32([1, 3]), "axis": np.int32(-1)}),
    ("split", {"x": X, "num_splits": np.int32(3), "axis": np.int32(1)}),
    ("slice_by_index", {"x": X, "begin": np.int32([0, 1, -3]), "end": np.int32([2, 3, -1])}),
    (
        "slice_by_index",
        {
            "x": X,
            "begin": np.int32([1, 9, 0]),
            "end": np.int32([2, 2, 4]),
            "stride": np.int32([1, 1, 2]),
            "begin_mask": np.array([False, True, False]),
            "end_mask": np.array([False, False, True]),
            "squeeze_mask": np.array([True, False, False]),
        },
    ),
    ("cast", {"x": 100 * X, "dtype": "int32"}),
    ("cast", {"x": X, "dtype": "fp16"}),
    ("cast", {"x": X, "dtype": "fp32"}),
    ("cast", {"x": X, "dtype": "bool"}),
    ("quantize", {"input": X, "scale": np.float32(0.01), "zero_point": np.int8(5), "output_dtype": "int8"}),
    ("quantize", {"input": X, "scale": np.float32(0.02), "output_dtype": "uint8"}),
    (
        "quantize",
        {
            "input": X,
            "scale": np.float32([0.01, 0.1, 0.02]),
            "zero_point": np.uint8([128, 0, 100]),
            "axis": np.int32(1),
            "output_dtype": "uint8",
        },
    ),
    ("dequantize", {"input": INT8, "scale": np.float32(0.01)}),
    (
        "dequantize",
        {
            "input": INT8,
            "scale": np.float32([0.01, 0.1, 0.02, 1]),
            "zero_point": np.int8([3, -7, 0, 127]),
            "axis": np.int32(-1),
        },
    ),
]


def halved(inputs: dict[str, object]) -> dict[str, object]:
    """The same inputs in 16 bits."""

    def half(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(half(v) for v in value)
        return value.astype(np.float16) if getattr(value, "dtype", None) == np.float32 else value

    return {name: half(value) for name, value in inputs.items()}


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize(("kind", "inputs"), PROGRAMS, ids=[kind for kind, _ in PROGRAMS])
def test_operation_gives_what_the_converter_folds(
    ct: ModuleType, kind: str, inputs: dict[str, object], half: bool
) -> None:
    given = halved(inputs) if half else inputs
    found, wanted = run(kind, **given), folded(ct, kind, **given)
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.shape == theirs.shape
        if not np.issubdtype(mine.dtype, np.floating):
            assert mine.dtype == theirs.dtype
            # The converter divides in 16 bits: what lies between two steps may go to either.
            assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= (kind == "quantize" and half)
            continue
        assert mine.dtype == (np.float16 if half and kind != "cast" else theirs.dtype)
        # The converter rounds to 16 bits within an operation too.
        near = (4e-3 if half else 3e-6) * max(1.0, float(np.abs(theirs).max()))
        assert np.abs(mine.astype(np.float64) - theirs.astype(np.float64)).max() <= near


def test_every_operation_is_compared_with_the_converter_or_with_torch() -> None:
    elsewhere = {"conv"}  # the converter does not fold it: it is compared with torch in test_mil_run.py
    weights = {kind for kind in OPERATIONS if kind.startswith("constexpr_")}
    assert {kind for kind, _ in PROGRAMS} | elsewhere | weights == set(OPERATIONS)


def test_arithmetic_in_16_bits_is_rounded_once() -> None:
    x = numbers(1, 4096).astype(np.float16)
    (found,) = run("linear", x=x, weight=np.ones((1, 4096), np.float16))
    assert found.dtype == np.float16
    assert found == np.float16(x.astype(np.float32).sum())
    (large,) = run("mul", x=np.float16([60000]), y=np.float16([2]))
    assert np.isinf(large)


def test_conv_in_16_bits() -> None:
    x, weight = numbers(1, 2, 6, 6).astype(np.float16), numbers(3, 2, 3, 3).astype(np.float16)
    (found,) = run("conv", x=x, weight=weight, pad_type="valid")
    wanted = torch.nn.functional.conv2d(*(torch.from_numpy(v.astype(np.float32)) for v in (x, weight))).half().numpy()
    assert found.dtype == np.float16
    assert np.abs(found.astype(np.float32) - wanted.astype(np.float32)).max() < 1e-2


def test_types_are_what_the_program_announced() -> None:
    given: dict[str, list[str | Value]] = {"x": [X]}
    announced = [TensorType(np.dtype(np.float32), (2, None, 4))]
    assert run_operation(Operation(kind="relu", inputs=given, outputs=["answer"], types=announced), {})
    for dtype, shape in ((np.float16, (2, 3, 4)), (np.float32, (2, 3, 5)), (np.float32, (2, 3))):
        wrong = [TensorType(np.dtype(dtype), shape)]
        with pytest.raises(TypeError, match="declared"):
            run_operation(Operation(kind="relu", inputs=given, outputs=["answer"], types=wrong), {})
    with pytest.raises(TypeError, match="int8"):
        run("relu", x=INT8)
    with pytest.raises(TypeError, match="float16 and float32"):
        run("concat", values=(X, X.astype(np.float16)), axis=np.int32(0))
    with pytest.raises(ValueError, match="fp8"):
        run("cast", x=X, dtype="fp8")


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("stored", [np.int8, np.uint8])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_affine_weights(ct: ModuleType, dtype: type, stored: type, axis: int | None) -> None:
    from coremltools.converters.mil.mil.ops.defs.iOS16.constexpr_ops import constexpr_affine_dequantize

    ends = np.iinfo(stored)
    data = RANDOM.integers(ends.min, ends.max + 1, (5, 4, 3)).astype(stored)
    shape = () if axis is None else (data.shape[axis],)
    scale = np.asarray(RANDOM.uniform(0.01, 1, shape)).astype(dtype)
    zero = np.asarray(RANDOM.integers(ends.min, ends.max + 1, shape)).astype(stored)
    given = {"quantized_data": data, "scale": scale, "zero_point": zero, "axis": np.int32(axis or 0)}
    (found,) = run("constexpr_affine_dequantize", **given)
    assert found.dtype == dtype
    assert np.array_equal(found, constexpr_affine_dequantize.decompress(data, zero, scale, axis or 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (4, 2, 3, 3)])
def test_packed_palette(ct: ModuleType, dtype: type, bits: int, shape: tuple[int, ...]) -> None:
    from coremltools.converters.mil.mil.ops.defs.iOS16.constexpr_ops import constexpr_lut_to_dense
    from coremltools.optimize._utils import pack_elements_into_bits

    table = numbers(2**bits).astype(dtype)
    packed = pack_elements_into_bits(RANDOM.integers(0, 2**bits, np.prod(shape), np.uint8), bits)
    (found,) = run("constexpr_lut_to_dense", indices=packed, lut=table, shape=np.uint32(shape))
    assert found.dtype == dtype
    assert np.array_equal(found, constexpr_lut_to_dense.decompress(table, packed, np.uint32(shape)))


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1), (4, 1, 1, 1), (2, 3, 1, 1)])
def test_palettes_for_blocks(ct: ModuleType, blocks: tuple[int, ...]) -> None:
    from coremltools.converters.mil.mil.ops.defs.iOS18.compression import constexpr_lut_to_dense

    indices = RANDOM.integers(0, 16, (4, 6, 2, 2)).astype(np.uint8)
    table = numbers(*blocks, 16, 1)
    (found,) = run("constexpr_lut_to_dense", indices=indices, lut=table)
    assert np.array_equal(found, constexpr_lut_to_dense.decompress(indices, table, None))
    with pytest.raises(ArithmeticError):
        run("constexpr_lut_to_dense", indices=indices, lut=table[:0])
    with pytest.raises(ValueError, match="vectors"):
        run("constexpr_lut_to_dense", indices=indices, lut=numbers(*blocks, 16, 2), vector_axis=np.int32(0))


@pytest.mark.parametrize("blocks", [(1, 1), (4, 1), (1, 6), (2, 3)])
@pytest.mark.parametrize("offset", [False, True])
def test_scales_for_blocks(ct: ModuleType, blocks: tuple[int, ...], offset: bool) -> None:
    from coremltools.converters.mil.mil.ops.defs.iOS18.compression import constexpr_blockwise_shift_scale

    data = RANDOM.integers(-8, 8, (4, 6)).astype(np.int8)
    scale = RANDOM.uniform(0.01, 1, blocks).astype(np.float16)
    shift = RANDOM.integers(-8, 8, blocks).astype(np.int8) if offset else None
    (found,) = run("constexpr_blockwise_shift_scale", data=data, scale=scale, **({"offset": shift} if offset else {}))
    assert np.array_equal(found, constexpr_blockwise_shift_scale.decompress(data, scale, shift))


def test_narrow_integers_are_unpacked() -> None:
    assert unpack_bits(np.uint8([0b01_10_11_00, 0b11]), 2, 5).tolist() == [0, 3, 2, 1, 3]
    assert unpack_bits(np.uint8([0b1010_0111]), 4, 2, signed=True).tolist() == [7, -6]
    with pytest.raises(ValueError, match="too few"):
        unpack_bits(np.zeros(2, np.uint8), 6, 3)


def test_damaged_weights_are_refused() -> None:
    record = struct.pack("<IIQQQ32x", 0xDEADBEEF, 1, 4, 64, 0) + np.float16([1, -2]).tobytes()
    assert read_blob(record, 0).tolist() == [1, -2]
    for data, fault in (
        (record[:-1], "truncated or changed"),
        (record[:30], "truncated"),
        (b"\0" + record[1:], "changed"),
        (record[:4] + b"\x10" + record[5:], "type 16"),
    ):
        with pytest.raises(ValueError, match=fault):
            read_blob(data, 0)
