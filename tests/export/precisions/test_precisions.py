"""Every precision that a format promises, as its tools really write it."""

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.parity import measure_parity
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.bundle.verify import Verification, verify
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.formats.base import SPEC_KEY
from sentio_mobile.formats.coreml_base import PROGRAM
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.formats.tflite_file import metadata_of, read
from sentio_mobile.quantization.layer_choice import quantizable_layers
from sentio_mobile.spec import Artifact, ModelSpec, Precision

Subject = Any
"""Of conftest.py, which tests do not import."""

pytestmark = pytest.mark.slow

FLOAT32, FLOAT16, INT32, INT8, CUSTOM = 0, 1, 2, 9, 32
"""Of TensorFlow Lite's schema: types of tensors, and the code of operations that it lacks."""

NARROW: dict[Precision, tuple[str, ...]] = {
    "fp32": ("float32",),
    "fp16": ("float16",),
    "int8-dynamic": ("int8",),
    "int8": ("int8",),
    "int8-full": ("int8",),
}

SCALES = 1500
"""More numbers than rounding needs beside the weights: a scale and a zero point for each output channel."""

JOINED: tuple[tuple[str, Precision], ...] = (
    ("onnx", "int8"),
    ("tflite", "int8"),
    ("coreml", "fp16"),
    ("mlmodel", "fp16"),
)


@pytest.fixture(scope="module")
def found(bundle: Bundle, data: PreparedData) -> Verification:
    return verify(bundle, songs=data)


def numbers(artifact: Artifact) -> Counter[str]:
    return Counter(get_format(artifact.format).stored_numbers(artifact.path))


def precisions_of(name: str) -> tuple[Precision, ...]:
    return get_format(name).precisions_of("spectrogram")


def operations_that_are_not_built_in(model: Any) -> list[object]:
    """Of a TensorFlow Lite model; those of TensorFlow itself are custom too."""
    return [
        code.customCode
        for code in model.operatorCodes
        if code.customCode or CUSTOM in (code.builtinCode, code.deprecatedBuiltinCode)
    ]


def test_what_a_format_promises_is_made_or_said_to_have_failed(bundle: Bundle) -> None:
    promised = {
        f"{name} spectrogram {precision}"
        for name in {artifact.format for artifact in bundle.artifacts}
        for precision in get_format(name).precisions_of("spectrogram")
    }
    assert bundle.manifest.failed == {}
    assert {artifact.label for artifact in bundle.artifacts} == promised
    assert len(promised) > len(format_names())


def test_the_manifest_says_of_each_artifact_why_it_was_refused_or_that_it_was_not(bundle: Bundle) -> None:
    refused = bundle.manifest.refused
    for entry in bundle.manifest.artifacts:
        label, accuracy = entry.label, entry.accuracy
        reason = entry.parity.reason or (accuracy.reason if accuracy else "")
        assert refused.get(label) == (f"{label} is refused: {reason}" if reason else None)
        if not entry.parity.reason:
            assert accuracy is not None
            loss = accuracy.loss["mean"].value
            assert loss is not None
            assert (loss <= load_targets().loss[entry.precision]) == (accuracy.verdict == "pass"), label
    assert not [label for label in refused if not label.split()[-1].startswith("int8")]
    assert "MODEL_CARD.md" in bundle.manifest.files


def test_answers_are_pytorchs_but_for_the_precision(found: Verification) -> None:
    targets = load_targets()
    assert found.spread_ok
    for result in found.results:
        assert result.max_diff is not None, result
        assert result.tolerance == targets.parity[result.precision]
        # So few weights on so few songs lose more by rounding than a real student: the gate may refuse one.
        rounded = result.precision in ("int8", "int8-full")
        assert (result.verdict == "pass") == (result.reason == "")
        assert result.verdict == "pass" or rounded, result
        assert result.max_diff < 2 * targets.parity[result.precision], result
        assert result.std_ratio is not None
        assert result.std_ratio > 0.9


def test_the_verdict_on_songs_is_what_is_lost_there(found: Verification, data: PreparedData) -> None:
    right = [result.label for result in found.results if result.verdict == "pass"]
    assert [one.label for one in found.accuracy] == right
    for one in found.accuracy:
        lost = one.loss["mean"].value
        assert lost is not None
        assert (one.verdict == "pass") == (lost <= one.max_loss)
        assert (one.songs, one.split) == (len(data.split("test")), "test")
    assert found.passed == all(one.verdict == "pass" for one in (*found.results, *found.accuracy))


@pytest.mark.parametrize("name", [name for name in format_names() if name != "ort"])  # nothing counts an .ort's numbers
def test_weights_are_as_narrow_as_the_name_says(name: str, bundle: Bundle, swapped: Subject) -> None:
    layers = quantizable_layers(swapped.loaded.model)
    parameters = sum(p.numel() for p in swapped.loaded.model.parameters())
    for precision in precisions_of(name):
        counted = numbers(bundle.artifact(name, precision=precision))
        left = {
            # ONNX Runtime rounds no convolution by what an activation holds at the moment.
            ("onnx", "int8-dynamic"): {n for n, layer in layers.items() if not isinstance(layer, nn.Linear)},
            ("onnx", "int8"): set(swapped.rounding.head),
        }.get((name, precision), set())
        weights = sum(layer.weight.numel() for n, layer in layers.items() if n not in left)
        narrow, wide = sum(counted[kind] for kind in NARROW[precision]), counted["float32"]
        assert narrow >= weights, (precision, counted)
        # The positions of tokens, which no layer has, are narrower too where a runtime can widen them.
        weights += swapped.loaded.model.position.numel() if name in ("onnx", "tflite") else 0
        assert precision == "fp32" or wide <= parameters - weights + SCALES, (precision, counted)


@pytest.mark.parametrize("name", [name for name in format_names() if name not in ("torchscript", "ptl")])
def test_files_are_smaller_by_the_weights_that_became_narrow(name: str, bundle: Bundle, swapped: Subject) -> None:
    weights = sum(layer.weight.numel() for layer in quantizable_layers(swapped.loaded.model).values())
    whole = bundle.size(bundle.artifact(name))
    for precision in precisions_of(name)[1:]:
        saved = whole - bundle.size(bundle.artifact(name, precision=precision))
        # Of 2 or 3 bytes a weight some go to the operations that round.
        assert saved > 0.6 * weights * (2 if precision == "fp16" else 3), (precision, saved)


@pytest.mark.parametrize("precision", get_format("onnx").precisions_of("spectrogram"))
def test_onnx_keeps_names_spec_and_free_batch_and_ort_agrees(precision: Precision, bundle: Bundle) -> None:
    onnx = pytest.importorskip("onnx")
    artifact = bundle.artifact("onnx", precision=precision)
    model = onnx.load(artifact.path)
    onnx.checker.check_model(model)
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"spectrogram": ["batch", 3, 224, 224], "emotion": ["batch", 2]}
    spec = {item.key: item.value for item in model.metadata_props}[SPEC_KEY]
    assert ModelSpec.from_dict(json.loads(spec)) == bundle.spec
    given = np.concatenate(bundle.golden().inputs(bundle.spec)[:3])
    answers = [
        get_format(name).open(bundle.artifact(name, precision=precision).path, bundle.spec, 1)(given)
        for name in ("onnx", "ort")
    ]
    assert answers[0].shape == (3, 2)
    assert np.abs(answers[0] - answers[1]).max() < 1e-3


@pytest.mark.parametrize("precision", get_format("tflite").precisions_of("spectrogram"))
def test_tflite_has_built_in_operations_only_and_integers_throughout_where_it_says_so(
    precision: Precision, bundle: Bundle
) -> None:
    pytest.importorskip("ai_edge_litert")
    model = read(bundle.artifact("tflite", precision=precision).path)
    assert operations_that_are_not_built_in(model) == []
    spec = metadata_of(model, SPEC_KEY)
    assert spec is not None
    assert ModelSpec.from_dict(json.loads(spec)) == bundle.spec
    (graph,) = model.subgraphs
    ends = {graph.tensors[i].type for i in (*graph.inputs, *graph.outputs)}
    types = {tensor.type for tensor in graph.tensors}
    if precision == "int8-full":
        assert ends == {INT8}
        assert not types & {FLOAT16, FLOAT32}
    else:
        assert ends == {FLOAT32}
        assert precision == "fp32" or len(types) > len({*ends, INT32})


@pytest.mark.parametrize(
    ("name", "precision", "version"),
    [
        ("coreml", "fp32", 6),
        ("coreml", "fp16", 6),
        ("coreml", "int8", 7),
        ("mlmodel", "fp32", 4),
        ("mlmodel", "fp16", 4),
    ],
)
def test_apples_systems_read_it_from_the_version_on_that_is_promised(
    name: str, precision: Precision, version: int, bundle: Bundle
) -> None:
    path = bundle.artifact(name, precision=precision).path
    content = path / PROGRAM if path.is_dir() else path
    assert content.read_bytes()[:2] == bytes([8, version])


@pytest.mark.parametrize(("name", "precision"), JOINED)
def test_a_network_is_rounded_and_the_front_end_before_it_is_not(
    name: str, precision: Precision, short: Subject, bundle: Bundle, tmp_path: Path
) -> None:
    artifact = short.write_joined(name, precision, tmp_path)
    network, joined = numbers(bundle.artifact(name, precision=precision)), numbers(artifact)
    (kind,) = NARROW[precision]
    assert joined[kind] == network[kind]
    # Converters share some of its constants, and fold others into one.
    front_end = sum(constant.numel() for constant in FrontEnd(short.loaded.spec).buffers())
    assert joined["float32"] - network["float32"] > 0.9 * front_end
    parity = measure_parity(artifact, short.golden, spec=short.loaded.spec, targets=load_targets())
    assert parity.verdict == "pass", parity
    if name == "tflite":
        assert operations_that_are_not_built_in(read(artifact.path)) == []


def test_core_ml_files_have_an_order_that_no_process_chose(bundle: Bundle) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto = pytest.importorskip("coremltools.proto.Model_pb2")
    for artifact in bundle.artifacts:
        if artifact.format in ("coreml", "mlmodel"):
            path = artifact.path / PROGRAM if artifact.path.is_dir() else artifact.path
            content = path.read_bytes()
            assert proto.Model.FromString(content).SerializeToString(deterministic=True) == content


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("torchscript", "fp32"),
        ("ptl", "fp32"),
        ("onnx", "int8"),
        ("tflite", "int8"),
        ("coreml", "int8"),
        ("mlmodel", "fp16"),
    ],
)
def test_the_same_conversion_is_written_as_the_same_bytes(
    name: str, precision: Precision, swapped: Subject, tmp_path: Path
) -> None:
    contents = []
    for turn in ("first", "second"):
        (tmp_path / turn).mkdir()
        path = swapped.write(name, precision, tmp_path / turn).path
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        contents.append({file.relative_to(tmp_path / turn): file.read_bytes() for file in files})
    assert contents[0] == contents[1]
    assert get_format(name).varies is None


def test_the_manifest_says_whose_bytes_vary(bundle: Bundle) -> None:
    varying = {entry.format for entry in bundle.manifest.artifacts if entry.varies}
    assert varying == {"ort"} & {artifact.format for artifact in bundle.artifacts}
