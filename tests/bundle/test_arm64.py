"""Artifacts on emulated ARM64. What needs no userland runs everywhere: there a stand-in emulator is this Python."""

import fcntl
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from sentio_mobile.bundle.arm64 import inside, place, setup
from sentio_mobile.bundle.arm64.run import Arm64
from sentio_mobile.cli.machine import arm64 as command
from sentio_mobile.errors import BundleError, ConversionError, InputError, OutputError
from sentio_mobile.spec import Artifact, ModelSpec

SPEC = ModelSpec(architecture="tiny")
SHAPE = (1, 3, 4, 4)
INPUTS = [np.random.default_rng(seed).uniform(-2, 2, SHAPE).astype(np.float32) for seed in range(5)]


def weights(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.2, (48, 2)).astype(np.float32)


def expected(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([np.tanh(given.reshape(1, 48) @ weight) for given in INPUTS])


def write_onnx(path: Path, weight: NDArray[np.float32], output: str = "emotion") -> Artifact:
    """tanh(flatten(x) @ weight)."""
    nodes = [
        onnx.helper.make_node("Flatten", ["spectrogram"], ["flat"]),
        onnx.helper.make_node("MatMul", ["flat", "weight"], ["product"]),
        onnx.helper.make_node("Tanh", ["product"], [output]),
    ]
    ends = (("spectrogram", SHAPE), (output, (1, 2)))
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in ends]
    graph = onnx.helper.make_graph(
        nodes, "tiny", values[:1], values[1:], [onnx.numpy_helper.from_array(weight, "weight")]
    )
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return Artifact("onnx", "fp32", "spectrogram", path)


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def stand_in(tmp_path: Path) -> Arm64:
    """An `Arm64` whose emulator drops its options and runs this Python."""
    emulator = tmp_path / "emulator"
    emulator.write_text(f'#!/bin/sh\nshift 5\nexec {sys.executable} "$@"\n')
    emulator.chmod(0o755)
    return Arm64(tmp_path / "root", str(emulator), tmp_path / "logs", timeout_s=120.0)


def with_emulator(arm64: Arm64, script: str) -> Arm64:
    Path(arm64.emulator).write_text(f"#!/bin/sh\n{script}\n")
    return arm64


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting up without tools and without a network."""

    def fetch(_apt: str, _part: Path) -> tuple[dict[str, str], list[Path]]:
        return {"libc6": "2.36-9"}, []

    monkeypatch.setattr(setup, "find_tools", lambda *tools: tools)
    monkeypatch.setattr(setup, "_fetch", fetch)
    monkeypatch.setattr(setup, "_fetch_wheels", lambda root, *_: (root / "wheels").mkdir())
    monkeypatch.setattr(setup, "_trial", lambda *_, **__: "3.11.2")


@pytest.mark.usefixtures("empty_path")
def test_missing_tools_are_one_line_that_names_their_packages(tmp_path: Path) -> None:
    said = CliRunner().invoke(command, ["setup", "--place", str(tmp_path / "arm64")])
    assert said.exit_code == 2
    assert len(said.stderr.splitlines()) == 1
    assert "apt-get install qemu-user-static apt dpkg" in said.stderr
    assert not list(tmp_path.iterdir())


def test_where_no_userland_stands_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sentio-mobile arm64 setup"):
        Arm64.at(tmp_path)


def test_the_default_place_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place.default_place() == tmp_path / "sentio-mobile" / "arm64"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert place.default_place() == Path.home() / ".cache" / "sentio-mobile" / "arm64"


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("step", ["_fetch", "_fetch_wheels", "_trial", "_move"])
def test_an_interrupted_setup_is_not_taken_for_complete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    there = tmp_path / "arm64"
    with monkeypatch.context() as patch:
        patch.setattr(setup, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            setup.setup(there)
    assert not setup.is_ready(there)
    setup.setup(there)
    assert setup.is_ready(there)
    assert (there / "wheels").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["arm64"]


@pytest.mark.usefixtures("steps")
def test_a_userland_of_other_versions_is_refused_and_made_anew(tmp_path: Path) -> None:
    there = tmp_path / "arm64"
    setup.setup(there)
    stamp = json.loads((there / place.STAMP).read_text())
    stamp["packages"]["numpy"] = "1.0"
    (there / place.STAMP).write_text(json.dumps(stamp))
    with pytest.raises(InputError, match=r"its numpy is 1\.0"):
        place.require_ready(there)
    setup.setup(there)
    place.require_ready(there)


@pytest.mark.usefixtures("steps")
def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="exists already"):
        setup.setup(tmp_path)
    assert (tmp_path / "thesis.txt").is_file()


@pytest.mark.usefixtures("steps")
def test_two_setups_do_not_work_in_one_place(tmp_path: Path) -> None:
    part = tmp_path / ".arm64.part"
    part.mkdir()
    with (part / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another setup"):
            setup.setup(tmp_path / "arm64")


def test_a_step_that_fails_is_one_line_with_its_error(tmp_path: Path) -> None:
    script = "echo Reading; echo 'E: Unable to locate package python3'; echo bye; exit 100"
    with pytest.raises(InputError, match=r"sh: E: Unable to locate package python3; the log is .*plan\.log"):
        setup._step(["/bin/sh", "-c", script], tmp_path, "plan")


def test_quantization_rounds_saturates_and_comes_back() -> None:
    details = {"dtype": np.int8, "quantization": (0.02, 10)}
    values = np.array([[-10.0, -0.2, 0.0, 0.029, 0.031, 10.0]], np.float32)
    stored = inside.to_tensor(values, details)
    assert stored.dtype == np.int8
    assert stored.tolist() == [[-128, 0, 10, 11, 12, 127]]
    back = inside.from_tensor(stored, details)
    assert back.dtype == np.float32
    assert np.abs(back - values)[0, 1:5].max() <= 0.01 + 1e-6
    assert back[0, -1] == pytest.approx(0.02 * 117)


def test_a_tensor_of_floats_passes_unchanged() -> None:
    details = {"dtype": np.float32, "quantization": (0.0, 0)}
    assert np.array_equal(inside.to_tensor(INPUTS[0], details), INPUTS[0])
    assert np.array_equal(inside.from_tensor(INPUTS[0], details), INPUTS[0])


def test_all_inputs_are_answered_in_order(stand_in: Arm64, tmp_path: Path) -> None:
    artifact = write_onnx(tmp_path / "tiny.onnx", weights(0))
    answers = stand_in.run(artifact, SPEC.in_form("waveform"), INPUTS)
    assert answers.shape == (5, 2)
    assert np.abs(answers - expected(weights(0))).max() < 1e-6
    assert (stand_in.logs / "tiny.onnx.log").read_text().count("input ") == 5


def test_nothing_of_this_machines_environment_goes_in(
    stand_in: Arm64, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/x86")
    seen = tmp_path / "seen"
    with pytest.raises(ConversionError):
        with_emulator(stand_in, f"export -p > {seen}; exit 1").run(
            write_onnx(tmp_path / "tiny.onnx", weights(0)), SPEC, INPUTS
        )
    assert "OMP_NUM_THREADS" in seen.read_text()
    assert "x86" not in seen.read_text()


def test_a_damaged_artifact_is_a_bundle_error(stand_in: Arm64, tmp_path: Path) -> None:
    for format_name in ("onnx", "tflite"):
        path = tmp_path / f"damaged.{format_name}"
        path.write_bytes(b"no model at all")
        with pytest.raises(BundleError, match="does not run on ARM64") as caught:
            stand_in.run(Artifact(format_name, "fp32", "spectrogram", path), SPEC, INPUTS)
        assert len(str(caught.value).splitlines()) == 1


def test_an_output_of_another_name_is_a_bundle_error(stand_in: Arm64, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="it has no 'emotion', only mood"):
        stand_in.run(write_onnx(tmp_path / "tiny.onnx", weights(0), output="mood"), SPEC, INPUTS)


def test_a_format_without_a_runtime_is_refused(stand_in: Arm64, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="onnx, ort, tflite can"):
        stand_in.run(Artifact("coreml", "fp32", "spectrogram", tmp_path / "x.mlpackage"), SPEC, INPUTS)


@pytest.mark.parametrize(
    ("script", "cause"), [("kill -SEGV $$", "killed by SIGSEGV"), ("exit 7", "exit status 7"), ("sleep 60", "no end")]
)
def test_an_emulator_that_dies_or_hangs_is_a_conversion_error(
    stand_in: Arm64, tmp_path: Path, script: str, cause: str
) -> None:
    arm64 = with_emulator(stand_in, script)
    arm64 = Arm64(arm64.root, arm64.emulator, arm64.logs, timeout_s=1.0 if script.startswith("sleep") else 60.0)
    with pytest.raises(ConversionError, match=cause):
        arm64.run(write_onnx(tmp_path / "tiny.onnx", weights(0)), SPEC, INPUTS)


@pytest.fixture(scope="module")
def emulated() -> Arm64:
    """The real thing, in the user's cache folder."""
    try:
        return Arm64.at()
    except InputError as error:
        pytest.skip(f"no emulated ARM64 here: {error}")


@pytest.mark.slow
def test_onnx_answers_on_arm64_and_a_wrong_model_is_noticed(emulated: Arm64, tmp_path: Path) -> None:
    right = emulated.run(write_onnx(tmp_path / "right.onnx", weights(0)), SPEC, INPUTS)
    assert np.abs(right - expected(weights(0))).max() < 1e-6
    wrong = emulated.run(write_onnx(tmp_path / "wrong.onnx", weights(1)), SPEC, INPUTS)
    assert np.abs(wrong - expected(weights(0))).max() > 0.1
    assert np.abs(wrong - expected(weights(1))).max() < 1e-6


@pytest.mark.slow
def test_tflite_answers_on_arm64_in_floats_and_in_integers(emulated: Arm64, tmp_path: Path) -> None:
    path, whole = tmp_path / "tiny.tflite", tmp_path / "tiny-int8.tflite"
    write_tflite(path, weights(0))
    write_int8(path, whole)
    answers = emulated.run(Artifact("tflite", "fp32", "spectrogram", path), SPEC, INPUTS)
    assert np.abs(answers - expected(weights(0))).max() < 1e-6
    coarse = emulated.run(Artifact("tflite", "int8-full", "spectrogram", whole), SPEC, INPUTS)
    # Coarse because of its 256 levels, and only so coarse.
    assert 1e-4 < np.abs(coarse - expected(weights(0))).max() < 0.05


def write_tflite(path: Path, weight: NDArray[np.float32]) -> None:
    """The same network as `write_onnx` writes."""
    import litert_torch
    import torch

    class Tiny(torch.nn.Module):
        def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            flat = inputs["spectrogram"].reshape(1, 48)
            return {"emotion": torch.tanh(torch.nn.functional.linear(flat, torch.from_numpy(weight.T.copy())))}

    litert_torch.convert(Tiny().eval(), sample_kwargs={"spectrogram": torch.zeros(SHAPE)}).export(str(path))


def write_int8(path: Path, out: Path) -> None:
    """A `.tflite` file with integers from end to end, calibrated on `INPUTS`."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.recipe_manager import RecipeManager
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    recipes = RecipeManager()
    recipes.load_quantization_recipe(recipe.static_wi8_ai8())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantizing keeps all tensors, which LiteRT warns of
        calibrator = Calibrator(str(path), num_threads=1, qsv_update_func=min_max_update)
        calibrator.calibrate({"serving_default": [{"spectrogram": given} for given in INPUTS]}, recipes)
        quantizing = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
        quantizing.quantize(calibrator.get_model_qsvs()).export_model(str(out))
    interpreter = Interpreter(model_path=str(out))
    assert [end["dtype"] for end in interpreter.get_input_details() + interpreter.get_output_details()] == [np.int8] * 2
