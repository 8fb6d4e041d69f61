"""Whole packages in every precision that the export may have, converted here and executed without Core ML."""

import shutil
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 (after coremltools, which may import tensorflow, it crashes)
from conversions import ConvertibleStudent, student
from numpy.typing import NDArray
from safetensors.numpy import load_file

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.coreml_base import trace
from sentio_mobile.formats.coreml_interpreter.mil_run import MilRunner
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint

GOLDEN = ROOT / "export" / "golden"
RANDOM = np.random.default_rng(7)

pytestmark = pytest.mark.filterwarnings("ignore")  # those of torch's tracer and of coremltools


def numbers(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def ct() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("coremltools")


@pytest.fixture(scope="module")
def sounds() -> NDArray[np.float32]:
    """The golden clips [sounds, samples]."""
    golden = load_file(GOLDEN / "golden.safetensors")
    clips = np.zeros((len(golden["length"]), Checkpoint.load(GOLDEN / "student").spec.audio.n_samples), np.float32)
    for clip, excerpt, length in zip(clips, golden["excerpt"], golden["length"], strict=True):
        clip[:length] = np.resize(excerpt, length) / np.float32(32768)
    return clips


@pytest.fixture(scope="module")
def pictures(sounds: NDArray[np.float32]) -> NDArray[np.float32]:
    spec = Checkpoint.load(GOLDEN / "student").spec
    return np.concatenate([clip_to_input(clip, spec) for clip in sounds])


@pytest.fixture(scope="module")
def answers() -> NDArray[np.float32]:
    """What the student answers for the golden clips."""
    found = load_file(GOLDEN / "golden.safetensors")["output"]
    assert found.std(axis=0).min() > 0.2, "answers that are all alike would prove nothing"
    return found


def converter(ct: ModuleType) -> Callable[[str, object], Any]:
    """A function of a deployment target's name and a precision that converts the golden student."""
    loaded = student()
    spec, traced = loaded.spec, trace(loaded.model, loaded.spec)

    def converted(target: str, precision: object) -> Any:
        return ct.convert(
            traced,
            inputs=[ct.TensorType(name=spec.input_name, shape=spec.input_shape, dtype=np.float32)],
            outputs=[ct.TensorType(name=spec.output_name, dtype=np.float32)],
            convert_to="mlprogram",
            minimum_deployment_target=getattr(ct.target, target),
            compute_precision=precision,
            skip_model_load=True,
        )

    return converted


def compressed(ct: ModuleType, package: Any, way: str) -> Any:
    from coremltools.optimize import coreml as cto

    if way == "int8":
        how: object = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=512)
        return cto.linear_quantize_weights(package, cto.OptimizationConfig(how))
    if way == "int8-asymmetric":
        how = cto.OpLinearQuantizerConfig(mode="linear", granularity="per_tensor", weight_threshold=512)
        return cto.linear_quantize_weights(package, cto.OptimizationConfig(how))
    if way == "int4-blocks":
        how = cto.OpLinearQuantizerConfig(dtype="int4", granularity="per_block", block_size=16, weight_threshold=512)
        return cto.linear_quantize_weights(package, cto.OptimizationConfig(how))
    how = cto.OpPalettizerConfig(mode="uniform", nbits=int(way.removeprefix("palette")), weight_threshold=512)
    return cto.palettize_weights(package, cto.OptimizationConfig(how))


# Target, precision, what is done to the weights, and how far the answers may then be from PyTorch's.
KINDS: dict[str, tuple[str, str, str, float]] = {
    "fp32": ("iOS15", "FLOAT32", "", 1e-5),
    "fp16": ("iOS17", "FLOAT16", "", 5e-3),
    "int8": ("iOS15", "FLOAT32", "int8", 0.02),
    "fp16-int8": ("iOS16", "FLOAT16", "int8", 0.02),
    "int8-asymmetric": ("iOS17", "FLOAT32", "int8-asymmetric", 0.05),
    "palette6": ("iOS16", "FLOAT16", "palette6", 0.05),
    "int4-iOS18": ("iOS18", "FLOAT16", "int4-blocks", 0.3),
    "palette4-iOS18": ("iOS18", "FLOAT16", "palette4", 0.2),
}


def exhaustive_but(names: Iterable[str], *quick: str) -> list[Any]:
    """Parameters of which the others prove again what the quick ones prove."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.exhaustive) for name in names]


@pytest.fixture(scope="module")
def packages(ct: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any]]:
    """The golden student in a kind, converted when it is first asked for."""
    convert = converter(ct)
    folder = tmp_path_factory.mktemp("packages")
    made: dict[str, tuple[Path, Any]] = {}

    def package(name: str) -> tuple[Path, Any]:
        if name not in made:
            target, precision, way, _ = KINDS[name]
            plain = convert(target, getattr(ct.precision, precision))
            made[name] = folder / f"{name}.mlpackage", compressed(ct, plain, way) if way else plain
            made[name][1].save(str(made[name][0]))
        return made[name]

    return package


def answered(path: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    runner = MilRunner(path, "spectrogram", "emotion")
    return np.concatenate([runner(given[None]) for given in inputs])


@pytest.mark.slow
@pytest.mark.parametrize("name", exhaustive_but(KINDS, "fp16", "fp16-int8", "palette6", "int4-iOS18"))
def test_package_answers_as_pytorch_does(
    packages: Callable[[str], tuple[Path, Any]],
    name: str,
    pictures: NDArray[np.float32],
    answers: NDArray[np.float32],
) -> None:
    path, _ = packages(name)
    found = answered(path, pictures)
    assert found.dtype == np.float32
    assert np.abs(found - answers).max() < KINDS[name][3]


@pytest.mark.slow
def test_arithmetic_in_16_bits_is_that_of_pytorch(
    packages: Callable[[str], tuple[Path, Any]], pictures: NDArray[np.float32]
) -> None:
    model = Checkpoint.load(GOLDEN / "student").model
    fold_norms(model)
    with torch.no_grad():
        wanted = model.half()(torch.from_numpy(pictures).half()).float().numpy()
    assert np.abs(answered(packages("fp16")[0], pictures) - wanted).max() < 5e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    exhaustive_but([name for name, (_, _, way, _) in KINDS.items() if way], "fp16-int8", "palette6", "int4-iOS18"),
)
def test_narrow_weights_are_what_the_converter_decompresses(
    ct: ModuleType,
    packages: Callable[[str], tuple[Path, Any]],
    name: str,
    pictures: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    from coremltools.optimize import coreml as cto

    path, package = packages(name)
    cto.decompress_weights(package).save(str(tmp_path / "plain.mlpackage"))
    assert np.abs(answered(path, pictures) - answered(tmp_path / "plain.mlpackage", pictures)).max() < 2e-6


def records(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and size of the numbers of each record in a file of weights."""
    for offset in range(64, len(data) - 63, 64):
        sentinel, _, size, start = struct.unpack_from("<IIQQ", data, offset)
        if sentinel == 0xDEADBEEF and start == offset + 64:
            yield start, size


@pytest.mark.slow
@pytest.mark.parametrize("name", exhaustive_but(["fp32", "fp16", "int8", "palette6", "palette4-iOS18"], "palette6"))
def test_every_record_of_the_weights_is_read(
    packages: Callable[[str], tuple[Path, Any]], name: str, pictures: NDArray[np.float32], tmp_path: Path
) -> None:
    """One byte is changed in one record after another: an exponent where a record holds floating-point numbers."""
    copy = Path(shutil.copytree(packages(name)[0], tmp_path / "model.mlpackage"))
    weights = copy / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    whole = weights.read_bytes()
    before = answered(copy, pictures[:2])
    found = list(records(whole))
    assert len(found) >= 10
    for start, size in found:
        # A weight of a unit that no clip wakes changes nothing: more than one place is tried.
        for place in np.linspace(1, size - 1, 12).astype(int) | 1:
            data = bytearray(whole)
            data[start + min(place, size - 1)] ^= 0x44
            weights.write_bytes(data)
            if not np.array_equal(answered(copy, pictures[:2]), before, equal_nan=True):
                break
        else:
            pytest.fail(f"nothing depends on the record of {size} bytes at {start}")


@pytest.mark.slow
def test_truncated_weights_are_refused(packages: Callable[[str], tuple[Path, Any]], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(packages("palette6")[0], tmp_path / "model.mlpackage"))
    weights = copy / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    weights.write_bytes(weights.read_bytes()[:-600])
    with pytest.raises(BundleError, match="truncated"):
        MilRunner(copy, "spectrogram", "emotion")


@pytest.mark.slow
def test_damaged_specification_is_refused(packages: Callable[[str], tuple[Path, Any]], tmp_path: Path) -> None:
    """Bytes are changed here and there: what cannot be executed any more ends in one line, and never otherwise."""
    copy = Path(shutil.copytree(packages("palette6")[0], tmp_path / "model.mlpackage"))
    model = copy / "Data" / "com.apple.CoreML" / "model.mlmodel"
    whole = model.read_bytes()
    given = np.zeros((1, 3, 224, 224), np.float32)
    faults: list[str] = []
    for place in RANDOM.integers(0, len(whole), 120):
        data = bytearray(whole)
        data[place] ^= 1 << RANDOM.integers(8)
        for damaged in (bytes(data), whole[:place]):
            model.write_bytes(damaged)
            try:
                MilRunner(copy, "spectrogram", "emotion")(given)
            except BundleError as error:
                faults.append(str(error))
    assert len(faults) > 120
    assert not [fault for fault in faults if "\n" in fault]


@pytest.mark.slow
@pytest.mark.parametrize("old", ["constexpr_lut_to_dense", "softmax"])
def test_unknown_operation_is_named(packages: Callable[[str], tuple[Path, Any]], old: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(packages("palette6")[0], tmp_path / "model.mlpackage"))
    model = copy / "Data" / "com.apple.CoreML" / "model.mlmodel"
    new = old[:-1] + "_"
    kind = bytes([0x0A, len(old)])
    data = model.read_bytes()
    assert kind + old.encode() in data
    model.write_bytes(data.replace(kind + old.encode(), kind + new.encode()))
    with pytest.raises(BundleError, match=f"needs the operation '{new}'.*known: add, ") as caught:
        MilRunner(copy, "spectrogram", "emotion")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_input_that_does_not_fit_is_refused(packages: Callable[[str], tuple[Path, Any]]) -> None:
    with pytest.raises(BundleError, match="declared"):
        MilRunner(packages("fp16")[0], "spectrogram", "emotion")(np.zeros((1, 4, 224, 224), np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["FLOAT32", "FLOAT16"])
def test_quantized_activations(ct: ModuleType, precision: str, tmp_path: Path) -> None:
    from coremltools.converters.mil import Builder as mb

    weight, scale, zero = numbers(3, 8), np.float32(0.02), np.int8(-3)

    @mb.program(input_specs=[mb.TensorSpec((2, 8))], opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        narrow = mb.quantize(input=x, scale=scale, zero_point=zero, output_dtype="int8")
        turned = mb.reshape(x=narrow, shape=np.int32([2, 8]))
        wide = mb.dequantize(input=turned, scale=scale, zero_point=zero)
        return mb.linear(x=wide, weight=weight, name="y")

    package = ct.convert(
        program,
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=getattr(ct.precision, precision),
        skip_model_load=True,
    )
    path = tmp_path / "model.mlpackage"
    package.save(str(path))
    x = 2 * numbers(2, 8)
    found = MilRunner(path, "x", "y")(x)
    steps = np.clip(np.rint(x / scale) + zero, -128, 127)
    wanted = (steps - zero) * scale @ weight.T
    # In 16 bits a number between two steps may go to either.
    assert np.abs(found - wanted).max() < (1e-5 if precision == "FLOAT32" else 0.1)


@pytest.mark.slow
def test_front_end_stays_in_32_bits_beside_a_network_in_16(short: ConvertibleStudent, tmp_path: Path) -> None:
    path = short.write("coreml", "fp16", tmp_path, form="waveform").path
    kinds = [operation.kind for operation in MilRunner(path, "waveform", "emotion").operations]
    assert kinds.count("cast") == 2
    assert kinds.index("log") < kinds.index("cast") < kinds.index("conv")
