import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 (after coremltools, which may import tensorflow, it crashes)
from conversions import student
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch.nn import functional

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.coreml_base import trace
from sentio_mobile.formats.coreml_interpreter.nn_ops import LAYERS
from sentio_mobile.formats.coreml_interpreter.nn_run import NnRunner
from sentio_mobile.formats.forms import in_form
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import Form

GOLDEN = ROOT / "export" / "golden"
RANDOM = np.random.default_rng(11)

pytestmark = pytest.mark.filterwarnings("ignore")  # those of torch's tracer and of coremltools


def numbers(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def ct() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("coremltools")


X = numbers(2, 3, 4)
PICTURE = numbers(1, 4, 7, 9)
KERNEL = numbers(6, 2, 3, 3)
MATRIX, BIAS = numbers(5, 4), numbers(5)
T, P = torch.from_numpy(X), torch.from_numpy(PICTURE)
LINEAR = functional.linear(T, torch.from_numpy(MATRIX), torch.from_numpy(BIAS))
SHIFT = numbers(6)
CONVOLVED = functional.conv2d(
    functional.pad(P, (1, 0, 0, 2)), torch.from_numpy(KERNEL), torch.from_numpy(SHIFT), (2, 1), 0, (1, 2), 2
)
SIZED = {"input_channels": 4, "output_channels": 5}
PRODUCT = {"weight_matrix_rows": 4, "weight_matrix_columns": 5}
ONE = {"name": "layer", "input_name": "x", "output_name": "y"}
MANY = {"name": "layer", "output_name": "y"}

# The builder's method, its arguments beside names, what goes in beside x, and the answer that torch gives.
Case = tuple[str, dict[str, object], NDArray[np.float32], torch.Tensor]
CASES: list[Case] = [
    ("add_inner_product", {**ONE, "W": MATRIX, "b": BIAS, "has_bias": True, **SIZED}, X, LINEAR),
    (
        "add_inner_product",
        {**ONE, "W": MATRIX, "b": None, "has_bias": False, **SIZED},
        X,
        LINEAR - torch.from_numpy(BIAS),
    ),
    (
        "add_convolution",
        {
            **ONE,
            "kernel_channels": 2,
            "output_channels": 6,
            "height": 3,
            "width": 3,
            "stride_height": 2,
            "stride_width": 1,
            "border_mode": "valid",
            "groups": 2,
            "W": KERNEL.transpose(2, 3, 1, 0),
            "b": SHIFT,
            "has_bias": True,
            "dilation_factors": [1, 2],
            "padding_top": 0,
            "padding_bottom": 2,
            "padding_left": 1,
            "padding_right": 0,
        },
        PICTURE,
        CONVOLVED,
    ),
    ("add_batched_mat_mul", {**MANY, "input_names": ["x"], "W": MATRIX.T, "bias": BIAS, **PRODUCT}, X, LINEAR),
    ("add_batched_mat_mul", {**MANY, "input_names": ["x", "x"], "transpose_b": True}, X, T @ T.mT),
    ("add_batched_mat_mul", {**MANY, "input_names": ["x", "x"], "transpose_a": True}, X, T.mT @ T),
    ("add_elementwise", {**MANY, "input_names": ["x", "x", "x"], "mode": "ADD"}, X, 3 * T),
    ("add_elementwise", {**MANY, "input_names": ["x", "x"], "mode": "MULTIPLY"}, X, T * T),
    ("add_elementwise", {**MANY, "input_names": ["x"], "mode": "ADD", "alpha": 0.75}, X, T + 0.75),
    ("add_elementwise", {**MANY, "input_names": ["x"], "mode": "MULTIPLY", "alpha": -1.5}, X, T * -1.5),
    ("add_activation", {**ONE, "non_linearity": "RELU"}, X, T.relu()),
    ("add_activation", {**ONE, "non_linearity": "TANH"}, X, T.tanh()),
    ("add_activation", {**ONE, "non_linearity": "SIGMOID"}, X, T.sigmoid()),
    ("add_activation", {**ONE, "non_linearity": "LINEAR", "params": [2.0, -0.5]}, X, 2 * T - 0.5),
    ("add_unary", {**ONE, "mode": "sqrt", "scale": -1, "shift": 9}, X, (9 - T).sqrt()),
    ("add_unary", {**ONE, "mode": "rsqrt", "epsilon": 10}, X, (T + 10).rsqrt()),
    ("add_unary", {**ONE, "mode": "inverse", "epsilon": 10}, X, 1 / (T + 10)),
    ("add_unary", {**ONE, "mode": "power", "alpha": 3}, X, T**3),
    ("add_unary", {**ONE, "mode": "exp"}, X, T.exp()),
    ("add_unary", {**ONE, "mode": "log", "epsilon": 10}, X, (T + 10).log()),
    ("add_unary", {**ONE, "mode": "abs"}, X, T.abs()),
    ("add_unary", {**ONE, "mode": "threshold", "alpha": 0.3}, X, T.clamp_min(0.3)),
    ("add_clip", {**ONE, "min_value": 0.0, "max_value": 0.5}, X, T.clamp(0, 0.5)),
    ("add_softmax_nd", {**ONE, "axis": -1}, 99 * X, (99 * T).softmax(-1)),
    ("add_softmax_nd", {**ONE, "axis": 0}, X, T.softmax(0)),
    ("add_reduce_max", {**ONE, "axes": [2], "keepdims": True, "reduce_all": False}, X, T.amax(2, keepdim=True)),
    ("add_reduce_sum", {**ONE, "axes": [0, -1], "keepdims": False, "reduce_all": False}, X, T.sum((0, 2))),
    ("add_reduce_mean", {**ONE, "axes": [1], "keepdims": False, "reduce_all": False}, X, T.mean(1)),
    ("add_reduce_mean", {**ONE, "axes": None, "keepdims": False, "reduce_all": True}, X, T.mean()),
    ("add_reshape_static", {**ONE, "output_shape": [4, -1]}, X, T.reshape(4, 6)),
    ("add_rank_preserving_reshape", {**ONE, "output_shape": [0, -1, 2]}, X, T.reshape(2, 6, 2)),
    ("add_transpose", {**ONE, "axes": [2, 0, 1]}, X, T.permute(2, 0, 1)),
    ("add_slice", {**ONE, "axis": "width", "start_index": 1, "end_index": 4, "stride": 2}, X, T[..., 1:4:2]),
    ("add_slice", {**ONE, "axis": "height", "start_index": 0, "end_index": -1}, X, T[:, :-1]),
    ("add_slice", {**ONE, "axis": "channel", "start_index": 1, "end_index": 2}, X, T[1:2]),
    (
        "add_slice_static",
        {
            **ONE,
            "begin_ids": [1, 9, 0],
            "end_ids": [2, 2, 4],
            "strides": [1, 1, 2],
            "begin_masks": [False, True, False],
            "end_masks": [False, False, True],
            "squeeze_masks": [True, False, False],
        },
        X,
        T[1, :2, ::2],
    ),
    ("add_concat_nd", {**MANY, "input_names": ["x", "x"], "axis": -1}, X, torch.cat([T, T], -1)),
    ("add_elementwise", {**MANY, "input_names": ["x", "x"], "mode": "CONCAT"}, PICTURE, torch.cat([P, P], 1)),
    ("add_expand_dims", {**ONE, "axes": [0, -1]}, X, T.reshape(1, 2, 3, 4, 1)),
    ("add_squeeze", {**ONE, "axes": [1]}, X[:, :1], T[:, 0]),
    ("add_squeeze", {**ONE, "squeeze_all": True}, X[:1, :1], T[0, 0]),
]
BINARY: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "max": torch.maximum,
    "min": torch.minimum,
}


def network(ct: ModuleType, x: NDArray[np.float32], outputs: list[str], path: Path, *calls: tuple[str, Any]) -> Path:
    """A network of the given layers by coremltools' own builder, saved."""
    builder = ct.models.neural_network.NeuralNetworkBuilder(
        [("x", ct.models.datatypes.Array(*x.shape))],
        [(name, None) for name in outputs],
        disable_rank5_shape_mapping=True,
    )
    for method, arguments in calls:
        getattr(builder, method)(**arguments)
    ct.models.MLModel(builder.spec, skip_model_load=True).save(str(path))
    return path


def close(found: NDArray[np.float32], wanted: torch.Tensor) -> None:
    assert found.dtype == np.float32
    assert found.shape == tuple(wanted.shape)
    assert np.abs(found - wanted.numpy()).max() < 3e-6 * max(1.0, float(wanted.abs().max()))


@pytest.mark.parametrize(("method", "arguments", "x", "wanted"), CASES, ids=[case[0][4:] for case in CASES])
def test_layer(
    ct: ModuleType,
    method: str,
    arguments: dict[str, object],
    x: NDArray[np.float32],
    wanted: torch.Tensor,
    tmp_path: Path,
) -> None:
    path = network(ct, x, ["y"], tmp_path / "model.mlmodel", (method, arguments))
    close(NnRunner(path, "x", "y")(x), wanted)


@pytest.mark.parametrize("kind", BINARY)
def test_broadcast_with_a_constant(ct: ModuleType, kind: str, tmp_path: Path) -> None:
    constant = numbers(3, 1) + 3
    load = {"name": "load", "output_name": "c", "constant_value": constant, "shape": constant.shape}
    layer = {"name": "layer", "input_names": ["x", "c"], "output_name": "y"}
    calls = [("add_load_constant_nd", load), (f"add_{kind}_broadcastable", layer)]
    path = network(ct, X, ["y"], tmp_path / "model.mlmodel", *calls)
    close(NnRunner(path, "x", "y")(X), BINARY[kind](T, torch.from_numpy(constant)))


@pytest.mark.parametrize("sizes", [{"num_splits": 2}, {"split_sizes": [1, 3], "num_splits": 2}])
def test_split(ct: ModuleType, sizes: dict[str, object], tmp_path: Path) -> None:
    layer = {"name": "layer", "input_name": "x", "output_names": ["a", "b"], "axis": -1, **sizes}
    path = network(ct, X, ["a", "b"], tmp_path / "model.mlmodel", ("add_split_nd", layer))
    wanted = T.split([1, 3] if "split_sizes" in sizes else [2, 2], -1)
    for name, part in zip("ab", wanted, strict=True):
        close(NnRunner(path, "x", name)(X), part)


def test_every_layer_is_compared_with_torch(ct: ModuleType, tmp_path: Path) -> None:
    seen = {"loadConstantND", "splitND", *(f"{kind}Broadcastable" for kind in BINARY)}
    for method, arguments, x, _ in CASES:
        path = network(ct, x, ["y"], tmp_path / "model.mlmodel", (method, arguments))
        layers = ct.utils.load_spec(str(path)).neuralNetwork.layers
        seen |= {layer.WhichOneof("layer") for layer in layers}
    assert seen == {name for name, _ in LAYERS.values()}


def test_numbers_of_layers_are_those_of_the_specification(ct: ModuleType) -> None:
    fields = ct.proto.NeuralNetwork_pb2.NeuralNetworkLayer.DESCRIPTOR.fields_by_name
    assert {number: name for number, (name, _) in LAYERS.items()} == {
        fields[name].number: name for name, _ in LAYERS.values()
    }


def test_unknown_layer_is_named(ct: ModuleType, tmp_path: Path) -> None:
    layer = {**ONE, "name": "bump", "mode": "EXACT"}
    path = network(ct, X, ["y"], tmp_path / "model.mlmodel", ("add_gelu", layer))
    with pytest.raises(BundleError, match=r"needs the layer 'bump' of the kind 795.*known: convolution, ") as caught:
        NnRunner(path, "x", "y")
    assert "\n" not in str(caught.value)


def test_unknown_setting_is_named(ct: ModuleType, tmp_path: Path) -> None:
    elu = {**ONE, "non_linearity": "ELU", "params": 1.0}
    path = network(ct, X, ["y"], tmp_path / "model.mlmodel", ("add_activation", elu))
    with pytest.raises(BundleError, match="activation 'layer': the function 50 is not known"):
        NnRunner(path, "x", "y")


def test_foreign_names_and_damaged_files_are_refused(ct: ModuleType, tmp_path: Path) -> None:
    path = network(ct, X, ["y"], tmp_path / "model.mlmodel", (CASES[0][0], CASES[0][1]))
    for input_name, output_name, missing in (("z", "y", "'z', only x"), ("x", "z", "'z', only y")):
        with pytest.raises(BundleError, match=missing):
            NnRunner(path, input_name, output_name)
    with pytest.raises(BundleError, match="innerProduct 'layer'"):
        NnRunner(path, "x", "y")(X[..., :3])
    data = path.read_bytes()
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(BundleError):
            NnRunner(path, "x", "y")
    with pytest.raises(BundleError, match="reader cannot load"):
        NnRunner(tmp_path / "nothing.mlmodel", "x", "y")


Made = Callable[[Form], tuple[Path, Any]]


@pytest.fixture(scope="module")
def models(ct: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The golden student in a form, converted when it is first asked for."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[Form, tuple[Path, Any]] = {}

    def model(form: Form) -> tuple[Path, Any]:
        if form not in made:
            loaded = student()
            spec = loaded.spec.in_form(form)
            traced = trace(in_form(loaded.model, spec), spec)
            made[form] = (
                folder / f"{form}.mlmodel",
                ct.convert(
                    traced,
                    inputs=[ct.TensorType(name=spec.input_name, shape=spec.input_shape, dtype=np.float32)],
                    outputs=[ct.TensorType(name=spec.output_name)],
                    convert_to="neuralnetwork",
                    minimum_deployment_target=ct.target.iOS13,
                    skip_model_load=True,
                ),
            )
            made[form][1].save(str(made[form][0]))
        return made[form]

    return model


@pytest.fixture(scope="module")
def inputs() -> dict[Form, NDArray[np.float32]]:
    """The golden clips in both forms."""
    golden, spec = load_file(GOLDEN / "golden.safetensors"), Checkpoint.load(GOLDEN / "student").spec
    clips = np.zeros((len(golden["length"]), spec.audio.n_samples), np.float32)
    for clip, excerpt, length in zip(clips, golden["excerpt"], golden["length"], strict=True):
        clip[:length] = np.resize(excerpt, length) / np.float32(32768)
    return {"waveform": clips, "spectrogram": np.concatenate([clip_to_input(clip, spec) for clip in clips])}


@pytest.fixture(scope="module")
def answers() -> NDArray[np.float32]:
    """What the student answers for the golden clips."""
    found = load_file(GOLDEN / "golden.safetensors")["output"]
    assert found.std(axis=0).min() > 0.2, "answers that are all alike would prove nothing"
    return found


def answered(path: Path, given: NDArray[np.float32], form: Form = "spectrogram") -> NDArray[np.float32]:
    runner = NnRunner(path, form, "emotion")
    return np.concatenate([runner(one[None]) for one in given])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["spectrogram", pytest.param("waveform", marks=pytest.mark.exhaustive)])
def test_network_answers_as_pytorch_does(
    models: Made, form: Form, inputs: dict[Form, NDArray[np.float32]], answers: NDArray[np.float32]
) -> None:
    path, model = models(form)
    assert model.get_spec().specificationVersion == 4, "iOS 13"
    assert np.abs(answered(path, inputs[form], form) - answers).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bits", "way", "near"),
    [(16, "linear", 5e-3), (8, "linear", 0.1), (8, "linear_symmetric", 0.1), (5, "linear_lut", 1)],
)
def test_narrow_weights_are_what_the_converter_decompresses(
    models: Made,
    bits: int,
    way: str,
    near: float,
    inputs: dict[Form, NDArray[np.float32]],
    answers: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    from coremltools.models.neural_network.quantization_utils import quantize_weights

    narrow, plain = tmp_path / "narrow.mlmodel", tmp_path / "plain.mlmodel"
    model = quantize_weights(models("spectrogram")[1], bits, way)
    model.save(str(narrow))
    found = answered(narrow, inputs["spectrogram"])
    assert np.abs(found - answers).max() < near
    if bits < 16:
        quantize_weights(model, bits, "dequantization").save(str(plain))
        assert np.abs(found - answered(plain, inputs["spectrogram"])).max() < 2e-6


@pytest.mark.slow
@pytest.mark.parametrize("bits", [32, 16, 8])
def test_all_weights_are_read(models: Made, bits: int, inputs: dict[Form, NDArray[np.float32]], tmp_path: Path) -> None:
    """One byte is changed in the weights of one layer after another: an exponent where they are floating-point."""
    from coremltools.models.neural_network.quantization_utils import quantize_weights

    model = models("spectrogram")[1]
    spec = (model if bits == 32 else quantize_weights(model, bits)).get_spec()
    path = tmp_path / "model.mlmodel"
    whole = spec.SerializeToString()
    path.write_bytes(whole)
    given = inputs["spectrogram"][:3]
    before = answered(path, given)
    weighted = 0
    for layer in spec.neuralNetwork.layers:
        parameters = getattr(layer, layer.WhichOneof("layer"))
        stored = getattr(parameters, "weights", None) or getattr(parameters, "data", None)
        if stored is None or not stored.ByteSize():
            continue
        content = np.float32(stored.floatValue).tobytes() if bits == 32 else stored.float16Value or stored.rawValue
        start = whole.index(content)
        weighted += 1
        # A weight of a unit that no clip wakes changes nothing: more than one place is tried.
        for place in np.linspace(3, len(content) - 1, 12).astype(int) | 3:
            data = bytearray(whole)
            data[start + min(place, len(content) - 1)] ^= 0x44
            path.write_bytes(data)
            if not np.array_equal(answered(path, given), before, equal_nan=True):
                break
        else:
            pytest.fail(f"nothing depends on the weights of {layer.name}")
    assert weighted >= 10
