"""What every format promises: PyTorch's predictions, names, metadata, reproducible bytes, and clear errors."""

import dataclasses
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conversions import STUDENT, ConvertibleStudent, skip_unless_here
from torch import nn

from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.errors import BundleError, ConversionError, MissingExtraError
from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.base import SPEC_KEY, Format, require_packages, write_artifact
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.formats.tflite_quantize import MIN_HEAD_WEIGHTS
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import quantizable_layers
from sentio_mobile.spec import ModelSpec, Precision

PARITY = 1e-4

STORED_AS: dict[Precision, str] = {
    "fp32": "float32",
    "fp16": "float16",
    "int8-dynamic": "int8",
    "int8": "int8",
    "int8-full": "int8",
}

SCALES = 1500
"""More numbers than quantization needs beside the weights: a scale and a zero point for each output channel."""

every_format = pytest.mark.parametrize("name", format_names())


@pytest.mark.slow
@every_format
def test_open_predicts_as_pytorch(name: str, exported: Bundle) -> None:
    skip_unless_here(name)
    golden = exported.golden()
    run = get_format(name).open(exported.artifact(name).path, exported.spec)
    predictions = [run(inputs) for inputs in golden.inputs(exported.spec)]
    assert {(one.shape, one.dtype.name) for one in predictions} == {((1, 2), "float32")}
    assert np.abs(np.concatenate(predictions) - golden.output).max() < PARITY


@pytest.mark.slow
def test_every_precision_of_every_format_is_written(exported: Bundle) -> None:
    expected = {
        f"{name} spectrogram {precision}"
        for name in {artifact.format for artifact in exported.artifacts}
        for precision in get_format(name).precisions_of("spectrogram")
    }
    assert {artifact.label for artifact in exported.artifacts} == expected
    assert len(expected) > len(format_names())


@pytest.mark.slow
@every_format
def test_artifact_is_named_after_model_form_and_precision(name: str, exported: Bundle) -> None:
    skip_unless_here(name)
    for precision in get_format(name).precisions_of("spectrogram"):
        path = exported.artifact(name, precision=precision).path
        assert path.name.endswith(f"-spectrogram-{precision}{get_format(name).suffix}")
        assert path.is_dir() == (name == "coreml")


@pytest.mark.slow
@every_format
def test_artifact_contains_nothing_of_the_exporting_machine(name: str, exported: Bundle) -> None:
    skip_unless_here(name)
    path = exported.artifact(name).path
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    local = [str(Path(__file__).parents[2]), sys.prefix, str(path.parents[2])]
    for file in files:
        data = file.read_bytes()
        assert not [place for place in local if place.encode() in data]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in format_names() if name != "ort"])  # .ort cannot be counted
def test_stored_numbers_are_of_the_precisions_type(
    name: str, exported: Bundle, convertible: ConvertibleStudent
) -> None:
    skip_unless_here(name)
    model, format_ = convertible.loaded.model, get_format(name)
    layers = quantizable_layers(model)
    parameters = sum(p.numel() for p in model.parameters())
    for precision in format_.precisions_of("spectrogram"):
        counts = Counter(format_.stored_numbers(exported.artifact(name, precision=precision).path))
        float_layers = {
            # ONNX Runtime has no convolutions with dynamic ranges.
            ("onnx", "int8-dynamic"): {n for n, layer in layers.items() if not isinstance(layer, nn.Linear)},
            ("onnx", "int8"): set(convertible.options.head),
            ("tflite", "int8"): {n for n, w in convertible.options.head.items() if w.size < MIN_HEAD_WEIGHTS},
            ("executorch", "int8"): set(convertible.options.head),
        }.get((name, precision), set())
        weights = sum(layer.weight.numel() for n, layer in layers.items() if n not in float_layers)
        assert counts[STORED_AS[precision]] >= weights, (precision, counts)
        # The positions of tokens, which are no layer's, have fewer bits where a runtime can widen them.
        weights += model.position.numel() if name in ("onnx", "tflite") else 0  # type: ignore[operator]
        assert precision == "fp32" or counts["float32"] <= parameters - weights + SCALES, (precision, counts)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in format_names() if len(get_format(name).precisions) > 1])
def test_files_are_smaller_by_the_weights_that_have_fewer_bits(
    name: str, exported: Bundle, convertible: ConvertibleStudent
) -> None:
    skip_unless_here(name)
    weights = sum(layer.weight.numel() for layer in quantizable_layers(convertible.loaded.model).values())
    fp32 = exported.size(exported.artifact(name))
    for precision in get_format(name).precisions_of("spectrogram")[1:]:
        saved = fp32 - exported.size(exported.artifact(name, precision=precision))
        # Of 2 or 3 bytes a weight some are spent on the operations that widen.
        assert saved > 0.6 * weights * (2 if precision == "fp16" else 3), (precision, saved)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "precision"),
    [("onnx", "int8"), ("executorch", "int8"), ("tflite", "int8"), ("coreml", "int8"), ("mlmodel", "fp16")],
)
def test_another_process_writes_the_same_bytes(
    name: str, precision: Precision, exported: Bundle, calibration: Calibration, tmp_path: Path
) -> None:
    skip_unless_here(name)
    assert get_format(name).varies is None
    # A process of its own, as in an export: converters number what they make over the life of a process.
    job = ConversionJob(format=name, form="spectrogram", precisions=(precision,), stem="student")
    needed = calibration if precision in get_format(name).calibrated else None
    result = convert(STUDENT, job, folder=tmp_path, log=tmp_path / "log", timeout_s=300, calibration=needed)
    written = result.artifacts[0].path
    by_worker = exported.artifact(name, precision=precision).path
    assert _content(written) == _content(by_worker)


def _content(path: Path) -> list[bytes]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchscript", "ptl", "executorch", "onnx", "ort", "tflite", "mlmodel"])
@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "head", "half", "tail"])
def test_open_damaged_file_is_one_line(name: str, damage: str, exported: Bundle, tmp_path: Path) -> None:
    skip_unless_here(name)
    whole = exported.artifact(name).path.read_bytes()
    data = {
        "empty": b"",
        "garbage": np.random.default_rng(0).bytes(10_000),
        "head": whole[:1000],
        "half": whole[: len(whole) // 2],
        "tail": whole[:-1000],
    }
    path = tmp_path / "model"
    if damage != "missing":
        path.write_bytes(data[damage])
    with pytest.raises(BundleError) as error:
        get_format(name).open(path, exported.spec)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "ort", "tflite", "coreml", "mlmodel"])
def test_open_model_without_the_specs_names_is_refused(name: str, exported: Bundle) -> None:
    skip_unless_here(name)
    with pytest.raises(BundleError, match=r"no 'waveform', only spectrogram"):
        get_format(name).open(exported.artifact(name).path, ModelSpec(architecture="mobilevit", form="waveform"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "ort"])
@pytest.mark.parametrize("precision", get_format("onnx").precisions)
def test_batched_formats_take_several_clips(name: str, precision: Precision, exported: Bundle) -> None:
    skip_unless_here(name)
    assert "spectrogram" in get_format(name).batched
    inputs = np.concatenate(exported.golden().inputs(exported.spec)[:3])
    run = get_format(name).open(exported.artifact(name, precision=precision).path, exported.spec)
    predictions = run(inputs)
    assert predictions.shape == (3, 2)
    one_by_one = np.concatenate([run(one[None]) for one in inputs])
    # Dynamic ranges are those of the whole batch.
    assert np.abs(predictions - one_by_one).max() < (0.06 if precision == "int8-dynamic" else PARITY)


def test_timed_here_is_false_for_core_ml_off_the_mac_alone() -> None:
    untimed = {name for name in format_names() if not get_format(name).timed_here}
    assert untimed == (set() if sys.platform == "darwin" else {"coreml", "mlmodel"})


def test_require_packages_names_the_command_that_installs_one() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_package: pip install 'sentio-mobile\[tflite\]'"):
        require_packages(get_format("tflite"), ("no_such_package",))


def test_write_artifact_refuses_what_the_format_cannot_write(tmp_path: Path) -> None:
    class Nothing:
        def write(self, *_: object) -> None: ...

    tflite, spec = get_format("tflite"), ModelSpec(architecture="mobilevit")
    with pytest.raises(ConversionError, match="tflite has no int8-full for the form waveform"):
        write_artifact(tflite, Nothing(), spec=spec.in_form("waveform"), folder=tmp_path, precision="int8-full")
    with pytest.raises(ConversionError, match="tflite int8 needs songs to measure ranges on"):
        write_artifact(tflite, Nothing(), spec=spec, folder=tmp_path, precision="int8")


def test_format_is_frozen_and_consistent() -> None:
    onnx = get_format("onnx")
    assert isinstance(onnx, Format)
    with pytest.raises(dataclasses.FrozenInstanceError):
        onnx.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="must begin with a dot"):
        dataclasses.replace(onnx, suffix="onnx")
    with pytest.raises(ValueError, match="calibrated of onnx names int8-full"):
        dataclasses.replace(onnx, calibrated=("int8-full",))


def _spec_of(metadata: str | None) -> ModelSpec:
    assert metadata is not None
    return ModelSpec.from_dict(json.loads(metadata))


@pytest.mark.slow
@pytest.mark.parametrize("precision", get_format("onnx").precisions)
def test_onnx_names_shapes_operators_and_metadata(precision: Precision, exported: Bundle) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exported.artifact("onnx", precision=precision).path)
    onnx.checker.check_model(model)
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"spectrogram": ["batch", 3, 224, 224], "emotion": ["batch", 2]}
    assert ("", 18) in [(opset.domain, opset.version) for opset in model.opset_import]
    assert _spec_of({item.key: item.value for item in model.metadata_props}[SPEC_KEY]) == exported.spec


FLOAT32, FLOAT16, INT32, INT8, CUSTOM = 0, 1, 2, 9, 32
"""Of TensorFlow Lite's schema: types of tensors, and the code of operations that it lacks."""


@pytest.mark.slow
@pytest.mark.parametrize("precision", get_format("tflite").precisions)
def test_tflite_names_types_operations_and_metadata(precision: Precision, exported: Bundle) -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    from sentio_mobile.formats.tflite_file import metadata_of, read

    path = exported.artifact("tflite", precision=precision).path
    (signature,) = Interpreter(model_path=str(path)).get_signature_list().values()
    assert signature == {"inputs": ["spectrogram"], "outputs": ["emotion"]}
    model = read(path)
    # TensorFlow's own operations are custom too.
    assert not [code for code in model.operatorCodes if code.customCode or CUSTOM in (code.builtinCode,)]
    assert _spec_of(metadata_of(model, SPEC_KEY)) == exported.spec
    (graph,) = model.subgraphs
    assert list(graph.tensors[graph.inputs[0]].shape) == [1, 3, 224, 224]
    ends = {graph.tensors[i].type for i in (*graph.inputs, *graph.outputs)}
    types = {tensor.type for tensor in graph.tensors}
    if precision == "int8-full":
        assert ends == {INT8}
        assert not types & {FLOAT16, FLOAT32}
    else:
        assert ends == {FLOAT32}
        assert precision == "fp32" or len(types) > len({*ends, INT32})
