import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.errors import BundleError
from sentio_mobile.formats.base import SPEC_KEY
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import Artifact, ModelSpec

pytestmark = pytest.mark.slow

PARITY = 1e-4


def artifact_of(name: str, artifacts: dict[str, Artifact]) -> Artifact:
    if name not in artifacts:
        pytest.skip(f"the packages of {name} are not installed")
    return artifacts[name]


@pytest.mark.parametrize("name", format_names())
def test_answers_as_pytorch_does(
    name: str,
    artifacts: dict[str, Artifact],
    loaded: Checkpoint,
    images: NDArray[np.float32],
    answers: NDArray[np.float32],
) -> None:
    run = get_format(name).open(artifact_of(name, artifacts).path, loaded.spec, 1)
    found = [run(image[None]) for image in images]
    assert {(answer.shape, answer.dtype.name) for answer in found} == {((1, 2), "float32")}
    assert np.abs(np.concatenate(found) - answers).max() < PARITY


@pytest.mark.parametrize("name", format_names())
def test_artifact_says_what_it_is(name: str, artifacts: dict[str, Artifact]) -> None:
    artifact = artifact_of(name, artifacts)
    assert (artifact.format, artifact.precision, artifact.form) == (name, "fp32", "spectrogram")
    assert artifact.path.name == f"mobilevit-spectrogram-fp32{get_format(name).suffix}"
    assert artifact.path.is_dir() == (name == "coreml")


@pytest.mark.parametrize("name", format_names())
def test_nothing_of_the_exporting_machine_is_inside(name: str, artifacts: dict[str, Artifact]) -> None:
    path = artifact_of(name, artifacts).path
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    here = [str(Path(__file__).parents[2]), sys.prefix, str(path.parent)]
    for file in files:
        data = file.read_bytes()
        assert not [place for place in here if place.encode() in data]


def test_onnx_names_shapes_and_metadata(artifacts: dict[str, Artifact], loaded: Checkpoint) -> None:
    path = artifact_of("onnx", artifacts).path
    import onnx

    model = onnx.load(path)
    (given,), (taken,) = model.graph.input, model.graph.output
    sizes = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert (given.name, sizes) == ("spectrogram", ["batch", 3, 224, 224])
    sizes = [d.dim_param or d.dim_value for d in taken.type.tensor_type.shape.dim]
    assert (taken.name, sizes) == ("emotion", ["batch", 2])
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    spec = {item.key: item.value for item in model.metadata_props}[SPEC_KEY]
    assert ModelSpec.from_dict(json.loads(spec)) == ModelSpec.from_dict(json.loads(json.dumps(loaded.spec.to_dict())))


def test_onnx_takes_several_clips_at_once(
    artifacts: dict[str, Artifact], images: NDArray[np.float32], answers: NDArray[np.float32], loaded: Checkpoint
) -> None:
    run = get_format("onnx").open(artifact_of("onnx", artifacts).path, loaded.spec, 1)
    assert np.abs(run(images) - answers).max() < PARITY


def test_tflite_names_shapes_and_operations(artifacts: dict[str, Artifact]) -> None:
    path = artifact_of("tflite", artifacts).path
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (signature,) = interpreter.get_signature_list().values()
    assert signature == {"inputs": ["spectrogram"], "outputs": ["emotion"]}
    (given,), (taken,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (list(given["shape"]), given["dtype"]) == ([1, 3, 224, 224], np.float32)
    assert (list(taken["shape"]), taken["dtype"]) == ([1, 2], np.float32)
    assert "spectrogram" in given["name"]
    assert "emotion" in taken["name"]
    operations = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert "CONV_2D" in operations
    assert not [name for name in operations if name.startswith("Flex") or name.upper() != name]


def test_coreml_target_and_descriptions(artifacts: dict[str, Artifact]) -> None:
    model = artifact_of("coreml", artifacts).path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    data = model.read_bytes()
    assert data[:2] == b"\x08\x06"  # specification 6: iOS 15
    for words in (b"valence, arousal, each from -1 to 1", b"db80", SPEC_KEY.encode()):
        assert words in data


@pytest.mark.parametrize("name", ["torchscript", "ptl", "onnx", "ort", "tflite", "mlmodel"])
@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "head", "half", "tail"])
def test_damaged_file_is_one_clear_line(
    name: str, damage: str, artifacts: dict[str, Artifact], loaded: Checkpoint, tmp_path: Path
) -> None:
    whole = artifact_of(name, artifacts).path.read_bytes()
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
        get_format(name).open(path, loaded.spec, 1)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["onnx", "ort", "tflite", "coreml", "mlmodel"])
def test_another_models_names_are_refused(name: str, artifacts: dict[str, Artifact]) -> None:
    path = artifact_of(name, artifacts).path
    with pytest.raises(BundleError, match=r"no 'waveform', only spectrogram"):
        get_format(name).open(path, ModelSpec(architecture="mobilevit", form="waveform"), 1)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself reads the package")
@pytest.mark.parametrize("file", ["Manifest.json", "Data/com.apple.CoreML/model.mlmodel", "weights"])
@pytest.mark.parametrize("keep", [None, 0, 300, -2])
def test_damaged_package_is_one_clear_line(
    file: str, keep: int | None, artifacts: dict[str, Artifact], loaded: Checkpoint, tmp_path: Path
) -> None:
    package = tmp_path / "model.mlpackage"
    shutil.copytree(artifact_of("coreml", artifacts).path, package)
    place = package / ("Data/com.apple.CoreML/weights/weight.bin" if file == "weights" else file)
    data = place.read_bytes()
    place.unlink()
    if keep is not None:
        place.write_bytes(data[:keep])
    with pytest.raises(BundleError) as error:
        get_format("coreml").open(package, loaded.spec, 1)
    assert str(package) in str(error.value)
    assert "\n" not in str(error.value)


def test_only_core_ml_off_the_mac_is_not_timed() -> None:
    timed = {name: get_format(name).timed_here for name in format_names()}
    assert {name for name, is_timed in timed.items() if not is_timed} == (
        set() if sys.platform == "darwin" else {"coreml", "mlmodel"}
    )
