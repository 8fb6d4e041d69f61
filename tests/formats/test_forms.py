"""Artifacts that take PCM predict as the reference front end and PyTorch do, also for sounds that break front ends."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from conversions import STUDENT, ConvertibleStudent, skip_unless_here
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.golden import clip_of_excerpt, hard_sounds
from sentio_mobile.bundle.parity import measure_parity
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.errors import InputError
from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.forms import Waveform
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import Artifact, AudioSpec, ModelSpec, Precision

pytestmark = pytest.mark.slow

PARITY = 1e-4
Clips = dict[str, NDArray[np.float32]]


def hard_clips(spec: AudioSpec) -> Clips:
    """Music, noise, and the sounds that break front ends, as clips of PCM [n_samples]."""
    music = np.rint(render(draw_songs(1, seed=11)[0], spec.sample_rate)[:88_200] * 32_767).astype(np.int16)
    sounds = {"music": (music, spec.n_samples), **hard_sounds(music, spec)}
    noise = np.random.default_rng(0).normal(0, 0.1, spec.n_samples).astype(np.float32)
    return {"noise": noise, **{name: clip_of_excerpt(*sound, spec) for name, sound in sounds.items()}}


def differences(artifact: Artifact, loaded: Checkpoint, clips: Clips) -> dict[str, float]:
    """Largest difference from PyTorch after the reference front end, clip by clip."""
    run = get_format(artifact.format).open(artifact.path, loaded.spec.in_form("waveform"))
    with torch.no_grad():
        expected = {
            name: loaded.model(torch.from_numpy(clip_to_input(clip, loaded.spec))).numpy()
            for name, clip in clips.items()
        }
    spread = np.std(np.concatenate(list(expected.values())), axis=0)
    assert spread.min() > 0.05, "predictions that are all alike would prove nothing"
    return {name: float(np.abs(run(clip[None]) - expected[name]).max()) for name, clip in clips.items()}


@pytest.fixture(scope="module")
def clips(short: ConvertibleStudent) -> Clips:
    return hard_clips(short.loaded.spec.audio)


@pytest.mark.parametrize("name", format_names())
def test_waveform_artifact_predicts_as_the_reference_front_end(
    name: str, short: ConvertibleStudent, clips: Clips, tmp_path: Path
) -> None:
    skip_unless_here(name)
    artifact = short.write(name, "fp32", tmp_path, form="waveform")
    assert (artifact.format, artifact.precision, artifact.form) == (name, "fp32", "waveform")
    assert artifact.path.name == f"mobilevit-waveform-fp32{get_format(name).suffix}"
    found = differences(artifact, short.loaded, clips)
    assert max(found.values()) < PARITY, found
    _check_operations(artifact, short.loaded.spec.audio.n_samples)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", format_names())
def test_waveform_artifact_of_whole_clips_predicts_as_the_reference_front_end(name: str, tmp_path: Path) -> None:
    skip_unless_here(name)
    job = ConversionJob(format=name, form="waveform")
    result = convert(STUDENT, job, folder=tmp_path, log=tmp_path / "log", timeout_s=280)
    loaded = Checkpoint.load(STUDENT)
    found = differences(result.artifacts[0], loaded, hard_clips(loaded.spec.audio))
    assert max(found.values()) < PARITY, found
    _check_operations(result.artifacts[0], loaded.spec.audio.n_samples)


def _check_operations(artifact: Artifact, n_samples: int) -> None:
    """Only operations that every runtime has, and one input of PCM."""
    if artifact.format == "onnx":
        import onnx

        model = onnx.load(artifact.path)
        domains = [opset.domain for opset in model.opset_import]
        assert len(domains) == len(set(domains)), "some readers refuse two versions of one domain"
        (value,) = model.graph.input
        assert (value.name, [d.dim_value for d in value.type.tensor_type.shape.dim]) == ("waveform", [1, n_samples])
        assert {node.domain for node in model.graph.node} == {""}
        # Runtimes for browsers and phones need not have Fourier transforms.
        assert not {"STFT", "DFT", "MelWeightMatrix"} & {node.op_type for node in model.graph.node}
    if artifact.format == "tflite":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(artifact.path))
        interpreter.allocate_tensors()
        (signature,) = interpreter.get_signature_list().values()
        assert signature == {"inputs": ["waveform"], "outputs": ["emotion"]}
        assert list(interpreter.get_input_details()[0]["shape"]) == [1, n_samples]
        operations = {operation["op_name"] for operation in interpreter._get_ops_details()}
        assert not [name for name in operations if name.startswith("Flex") or name.upper() != name]


@pytest.mark.parametrize(
    ("name", "precision", "stored"),
    [
        ("onnx", "int8", "int8"),
        ("tflite", "int8", "int8"),
        ("coreml", "fp16", "float16"),
        ("mlmodel", "fp16", "float16"),
    ],
)
def test_network_is_quantized_and_the_front_end_is_not(
    name: str, precision: Precision, stored: str, short: ConvertibleStudent, exported: Bundle, tmp_path: Path
) -> None:
    skip_unless_here(name)
    format_ = get_format(name)
    artifact = short.write(name, precision, tmp_path, form="waveform")
    network = Counter(format_.stored_numbers(exported.artifact(name, precision=precision).path))
    joined = Counter(format_.stored_numbers(artifact.path))
    assert joined[stored] == network[stored]
    # Converters share some of its constants, and fold others into one.
    front_end = sum(constant.numel() for constant in FrontEnd(short.loaded.spec).buffers())
    assert joined["float32"] - network["float32"] > 0.9 * front_end
    parity = measure_parity(artifact, short.golden, spec=short.loaded.spec, targets=load_targets())
    assert parity.verdict == "pass", parity


def test_front_end_that_the_graph_cannot_hold_is_one_line() -> None:
    audio = replace(AudioSpec(), n_fft=1000, hop_length=333)
    with pytest.raises(InputError, match="n_fft") as caught:
        Waveform(torch.nn.Identity(), ModelSpec(architecture="mobilevit", audio=audio))
    assert "\n" not in str(caught.value)
