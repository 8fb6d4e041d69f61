"""Accuracy on songs: an artifact that orders songs worse than fp32 fails."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.image import clip_to_input, clip_to_mel
from sentio_mobile.bundle.accuracy import measure_accuracy, predict_split
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.song_audio import find_window_audio, read_clips
from sentio_mobile.errors import DataError
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import spec_of
from sentio_mobile.spec import Artifact, AudioSpec

INT8 = Artifact("onnx", "int8", "spectrogram", Path("x.onnx"))
LABELS = np.random.default_rng(0).uniform(-0.8, 0.8, (40, 2)).astype(np.float32)
FP32 = (0.9 * LABELS + np.random.default_rng(1).normal(0, 0.1, LABELS.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("predictions", "loss"),
    [
        (0.5 * FP32 + 0.5 * FP32.mean(axis=0), r"0\.2\d\d"),
        (np.where(np.arange(40)[:, None] == 7, np.float32(np.nan), FP32), "undefined"),
        (FP32[:, ::-1], r"[01]\.\d\d\d"),
        (np.tile(FP32.mean(axis=0), (40, 1)), r"0\.9\d\d"),
    ],
    ids=["pushed to the mean", "one is no number", "swapped", "all alike"],
)
def test_measure_accuracy_of_predictions_that_order_songs_worse_fails(
    predictions: NDArray[np.float32], loss: str
) -> None:
    targets = load_targets()
    found = measure_accuracy(INT8, LABELS, predictions=predictions, fp32_predictions=FP32, split="val", targets=targets)
    assert found.verdict == "fail"
    assert re.fullmatch(rf"loses {loss} of mean CCC on 40 val songs, more than 0\.01", found.reason), found.reason
    same = measure_accuracy(INT8, LABELS, predictions=FP32, fp32_predictions=FP32, split="val", targets=targets)
    assert same.verdict == "pass"


def test_measure_accuracy_with_an_undefined_ccc_fails() -> None:
    alike = np.full_like(LABELS, 0.25)
    found = measure_accuracy(
        INT8, alike, predictions=alike, fp32_predictions=alike, split="val", targets=load_targets()
    )
    assert found.verdict == "fail"
    assert found.loss["mean"].value is None
    json.dumps(to_plain(found), allow_nan=False)


@pytest.mark.slow
def test_predict_split_runs_one_song_at_a_time_because_dynamic_ranges_would_be_those_of_the_batch(
    exported: Bundle, data: PreparedData
) -> None:
    run = get_format("onnx").open(exported.artifact("onnx", precision="int8-dynamic").path, exported.spec)
    inputs: list[NDArray[np.float32]] = []

    def recording(one: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs.append(one)
        return run(one)

    found = predict_split(recording, data, split="val", spec=exported.spec, progress=NoProgress(), name="onnx")
    assert {one.shape for one in inputs} == {(1, 3, 224, 224)}
    assert len(inputs) == len(data.split("val")) == len(found)
    together = run(np.concatenate(inputs))
    assert np.abs(found - together).max() > 1e-4, "or it would not matter"


def test_predict_split_in_the_form_waveform_reads_the_prepared_windows(
    deam: Path, data: PreparedData, tmp_path: Path
) -> None:
    """A stand-in for a model predicts from its input; PCM that became an image must be the image of the store."""
    spec = spec_of(MobileViTSettings(), data.audio)
    options = {"split": "val", "progress": NoProgress(), "name": "stand-in"}

    def of_image(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return image.mean(axis=(2, 3))[:, :2]

    def of_sound(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        return of_image(clip_to_input(pcm[0], spec))

    images = predict_split(of_image, data, spec=spec, **options)
    sound = predict_split(of_sound, data, spec=spec.in_form("waveform"), music=deam, **options)
    assert images.std(axis=0).min() > 0.01
    np.testing.assert_allclose(sound, images, atol=1e-3)
    with pytest.raises(DataError, match="keeps no PCM"):
        predict_split(of_sound, data, spec=spec.in_form("waveform"), **options)
    with pytest.raises(DataError, match=r"give the folder that .* was prepared from as --music"):
        predict_split(of_sound, data, spec=spec.in_form("waveform"), music=tmp_path, **options)


def test_find_window_audio_reads_all_windows_of_a_song(tmp_path: Path) -> None:
    deam = tmp_path / "deam"
    write_deam(deam, 12, seed=3, audio_format="wav")
    audio = AudioSpec(seconds=5.0)
    recipe = DataRecipe(windows=3, perturb=1, fractions=(0.5, 0.25, 0.25))
    assert prepare(deam, tmp_path / "data", recipe=recipe, audio=audio) == []
    data = open_data(tmp_path / "data")
    windows = find_window_audio(data, "val", deam, pooled=True)
    assert {len(song) for song in windows} == {3}
    rows = data.split("val").windows
    for song, row in zip(windows, rows, strict=True):
        for window, i in zip(song, row, strict=True):
            found = clip_to_mel(read_clips(window, audio)[0], audio)
            np.testing.assert_allclose(found, data.mels[i].astype(np.float32), atol=2e-3)
