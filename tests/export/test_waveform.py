"""Artifacts that are fed PCM give the answers of the reference front end, also for sounds that break front ends."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.bundle.golden import clip_of_excerpt, hard_sounds
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.errors import ConversionError
from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import Artifact, AudioSpec, ModelSpec

pytestmark = pytest.mark.slow

PARITY = 1e-4


def artifact_of(name: str, waveforms: Mapping[str, Artifact]) -> Artifact:
    if name not in waveforms:
        pytest.skip(f"the packages of {name} are not installed")
    return waveforms[name]


@pytest.fixture(scope="module")
def clips() -> dict[str, NDArray[np.float32]]:
    """Clips of PCM [n_samples] by what they are."""
    spec = AudioSpec()
    music = np.rint(render(draw_songs(1, seed=11)[0], spec.sample_rate)[:88_200] * 32_767).astype(np.int16)
    sounds = {"music": (music, spec.n_samples), **hard_sounds(music, spec)}
    noise = np.random.default_rng(0).normal(0, 0.1, spec.n_samples).astype(np.float32)
    return {"noise": noise, **{name: clip_of_excerpt(*sound, spec) for name, sound in sounds.items()}}


@pytest.fixture(scope="module")
def wanted(loaded: Checkpoint, clips: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """PyTorch's answers after the reference front end."""
    answers = {}
    for name, clip in clips.items():
        given = torch.from_numpy(to_input(clip_to_image(clip, loaded.spec.audio), loaded.spec))
        with torch.no_grad():
            answers[name] = loaded.model(given).numpy()
    spread = np.std(np.concatenate(list(answers.values())), axis=0)
    assert spread.min() > 0.05, "answers that are all alike would prove nothing"
    return answers


@pytest.mark.parametrize("name", format_names())
def test_answers_as_the_reference_front_end_and_pytorch_do(
    name: str,
    waveforms: dict[str, Artifact],
    loaded: Checkpoint,
    clips: dict[str, NDArray[np.float32]],
    wanted: dict[str, NDArray[np.float32]],
) -> None:
    run = get_format(name).open(artifact_of(name, waveforms).path, loaded.spec.in_form("waveform"), 1)
    diff = {what: float(np.abs(run(clip[None]) - wanted[what]).max()) for what, clip in clips.items()}
    assert max(diff.values()) < PARITY, diff


@pytest.mark.parametrize("name", format_names())
def test_artifact_says_what_it_is(name: str, waveforms: dict[str, Artifact]) -> None:
    artifact = artifact_of(name, waveforms)
    assert (artifact.format, artifact.precision, artifact.form) == (name, "fp32", "waveform")
    assert artifact.path.name == f"mobilevit-waveform-fp32{get_format(name).suffix}"


def test_tflite_needs_built_in_operations_only(waveforms: dict[str, Artifact]) -> None:
    path = artifact_of("tflite", waveforms).path
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (signature,) = interpreter.get_signature_list().values()
    assert signature == {"inputs": ["waveform"], "outputs": ["emotion"]}
    assert list(interpreter.get_input_details()[0]["shape"]) == [1, 661_500]
    operations = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not [name for name in operations if name.startswith("Flex") or name.upper() != name]


def test_onnx_names_shapes_and_operations(waveforms: dict[str, Artifact]) -> None:
    path = artifact_of("onnx", waveforms).path
    import onnx

    model = onnx.load(path)
    (given,) = model.graph.input
    assert (given.name, [d.dim_value for d in given.type.tensor_type.shape.dim]) == ("waveform", [1, 661_500])
    assert {node.domain for node in model.graph.node} == {""}
    # No runtime for browsers or phones can be counted on to have Fourier transforms.
    assert not {"STFT", "DFT", "MelWeightMatrix"} & {node.op_type for node in model.graph.node}


def test_a_front_end_that_the_graph_cannot_hold_is_one_clear_line(loaded: Checkpoint, tmp_path: Path) -> None:
    odd = ModelSpec(
        architecture="mobilevit", settings=loaded.spec.settings, audio=AudioSpec(n_fft=1000, hop_length=333)
    )
    Checkpoint(model=loaded.model, spec=odd).save(tmp_path / "checkpoint")
    with pytest.raises(ConversionError, match=r"onnx waveform conversion failed: .*n_fft") as caught:
        convert(
            tmp_path / "checkpoint",
            ConversionJob(format="onnx", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=200,
        )
    assert "\n" not in str(caught.value)
