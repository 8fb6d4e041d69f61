"""A planted fault for each check that an artifact must pass before it gets into a bundle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conversions import ConvertibleStudent, skip_unless_here

import sentio_mobile._internal.records as records
from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.bundle.accuracy import Accuracy, measure_accuracy
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.export import gates
from sentio_mobile.export.gates import check_stored, run_gates
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Artifact, Precision

UNTOUCHED: dict[tuple[str, Precision], tuple[str, str]] = {
    ("onnx", "int8"): ("sentio_mobile.formats.onnx_quantize.quantize", "int8 or uint8"),
    ("onnx", "fp16"): ("sentio_mobile.formats.onnx_quantize.quantize", "float16"),
    ("tflite", "int8"): ("sentio_mobile.formats.tflite_quantize.quantize", "int8 or uint8"),
    ("coreml", "int8"): ("sentio_mobile.formats.coreml.quantize_weights", "int8 or uint8"),
    ("mlmodel", "fp16"): ("coremltools.models.neural_network.quantization_utils.quantize_weights", "float16"),
}
"""What quantizes the weights of an artifact, and the types that they should then have."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), UNTOUCHED)
def test_run_gates_refuses_what_a_tool_left_unquantized(
    name: str, precision: Precision, convertible: ConvertibleStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_unless_here(name)
    place, types = UNTOUCHED[name, precision]
    convertible.write(name, "fp32", tmp_path)  # what converting imports comes before the patch
    monkeypatch.setattr(place, lambda network, *_, **__: network)
    artifact = convertible.write(name, precision, tmp_path)
    (result,) = run_gates([artifact], convertible.loaded, golden=convertible.golden, data=None, progress=NoProgress())
    assert result.parity.verdict == "pass", "only the type of its weights is wrong"
    assert result.refusal.startswith("only 0% of as many numbers as the network has weights, ")
    assert result.refusal.endswith(f", are {types}")


def test_check_stored_lets_a_twentieth_of_the_weights_stay_in_floating_point() -> None:
    def refusal(int8: int) -> str | None:
        return check_stored("int8", {"float32": 9, "int8": int8}, weights=1000, targets=load_targets())

    assert refusal(950) is None
    assert refusal(949) == "only 95% of as many numbers as the network has weights, 1,000, are int8 or uint8"


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.0, 0.05], ids=["silence", "much too soft"])
@pytest.mark.parametrize(("name", "precision"), [("onnx", "int8"), ("tflite", "int8"), ("tflite", "int8-full")])
def test_run_gates_refuses_ranges_of_other_sounds(
    name: str,
    precision: Precision,
    factor: float,
    convertible: ConvertibleStudent,
    calibration: Calibration,
    tmp_path: Path,
) -> None:
    skip_unless_here(name)
    options = replace(convertible.options, calibration=Calibration(factor * calibration.images[:4]))
    artifact = convertible.write(name, precision, tmp_path, options=options)
    (result,) = run_gates([artifact], convertible.loaded, golden=convertible.golden, data=None, progress=NoProgress())
    assert result.refusal == result.parity.reason
    assert result.refusal.startswith("differs from PyTorch by ")


@pytest.mark.slow
def test_run_gates_refuses_a_wrong_front_end_and_not_its_network(
    exported: Bundle, short: ConvertibleStudent, tmp_path: Path
) -> None:
    spec = records.replace(short.loaded.spec, image_mean=(0.4, 0.4, 0.4))
    off = replace(short, loaded=replace(short.loaded, spec=spec), converted={})
    artifacts = [exported.artifact("onnx", precision="fp16"), off.write("onnx", "fp16", tmp_path, form="waveform")]
    spectrogram, waveform = run_gates(artifacts, short.loaded, golden=short.golden, data=None, progress=NoProgress())
    assert waveform.refusal.startswith("differs from PyTorch by ")
    assert spectrogram.refusal == ""


@pytest.mark.slow
def test_run_gates_refuses_a_network_that_loses_too_much_on_songs_in_both_forms(
    exported: Bundle, short: ConvertibleStudent, deam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = DataRecipe(fractions=(0.6, 0.2, 0.2))
    assert prepare(deam, tmp_path / "data", recipe=recipe, audio=short.loaded.spec.audio) == []
    songs = open_data(tmp_path / "data")
    artifacts = [short.write("onnx", "fp16", tmp_path, form="waveform"), exported.artifact("onnx", precision="fp16")]

    def results(music: Path | None = None) -> list[gates.GateResult]:
        return run_gates(artifacts, short.loaded, golden=short.golden, data=songs, progress=NoProgress(), music=music)

    assert [one.refusal for one in results()] == ["", ""]
    assert [one.accuracy is None for one in results()] == [True, False]
    # With the songs' sound, the artifact that takes PCM is judged too.
    of_sound, of_image = (one.accuracy for one in results(deam))
    assert of_sound is not None
    assert of_image is not None
    assert (of_sound.form, of_sound.songs, of_sound.verdict) == ("waveform", 8, "pass")
    assert of_sound.ccc["mean"].value == pytest.approx(of_image.ccc["mean"].value, abs=0.01)

    def against_labels(artifact: Artifact, labels: np.ndarray, **options: Any) -> Accuracy:
        """Accuracy as if fp32 made no mistake."""
        return measure_accuracy(artifact, labels, **{**options, "fp32_predictions": labels})

    monkeypatch.setattr(gates, "measure_accuracy", against_labels)
    waveform, spectrogram = results()
    assert "of mean CCC on 8 val songs, more than 0.002" in spectrogram.refusal
    assert waveform.refusal == f"the same network in the form spectrogram: {spectrogram.refusal}"
