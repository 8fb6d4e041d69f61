"""Songs become a probe and labels through the public functions, and teachers predict in place of bundles."""

import json
from pathlib import Path

import numpy as np
import pytest
from probes import QUICK
from support import Refused, Sentio

import sentio_mobile
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import find_split_audio
from sentio_mobile.evaluation.evaluated_model import open_model
from sentio_mobile.inference import model_of, teacher_model
from sentio_mobile.models.checkpoint import SHEET as CHECKPOINT_SHEET
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.probe.probe import SHEET as PROBE_SHEET
from sentio_mobile.training.callbacks import SPEC


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A student that was not trained."""
    settings = MobileViTSettings(
        stem_widths=(8, 8, 8), layers=1, heads=2, head_width=8, width=16, mlp_width=16, output_width=8
    )
    spec = spec_of(settings, AudioSpec(seconds=2.0, image_size=(32, 32)))
    Checkpoint(model=build(spec), spec=spec, recipe={}).save(tmp_path / "student")
    return tmp_path / "student"


def test_names_of_sheets_are_those_of_their_rooms() -> None:
    assert model_of.TRAINING_SPEC == SPEC
    assert (teacher_model.PROBE_SHEET, teacher_model.CHECKPOINT_SHEET) == (PROBE_SHEET, CHECKPOINT_SHEET)


@pytest.mark.usefixtures("loudness_encoder")
def test_songs_become_a_probe_that_labels_and_predicts(
    data: PreparedData, deam: Path, tmp_path: Path, sentio: Sentio, refused: Refused
) -> None:
    file, folder = tmp_path / "embeddings.safetensors", tmp_path / "probe"
    known = sentio_mobile.embed([(data, deam)], out=file, encoder="loudness", workers=1)
    assert known.info.name == "loudness"
    probe = sentio_mobile.train_probe(data=data.folder, embeddings=file, out=folder, recipe=QUICK)
    labels = sentio_mobile.label([folder], data=data, embeddings=known, out=tmp_path / "labels.csv")
    assert set(labels.by_clip) == {int(clip) for clip in data.store.checksums}
    clip, predicted = next(iter(probe.out_of_fold.by_clip.items()))
    assert labels.by_clip[clip] == pytest.approx(predicted, abs=1e-5)
    with pytest.raises(sentio_mobile.SentioError, match="hears embeddings of"):
        sentio_mobile.label([folder], data=data, out=tmp_path / "none.csv")

    song = find_split_audio(data, "test", deam)[0]
    emotion = sentio_mobile.load(folder).predict(song.path)
    row = data.split("test").rows[:1]
    expected = probe.predict(known.embeddings[known.rows_of(data.store.checksums[row], data.folder)])[0]
    assert (emotion.valence, emotion.arousal) == pytest.approx(tuple(expected.tolist()), abs=2e-3)
    assert emotion.uncertainty == probe.sheet.uncertainty

    result = sentio("predict", folder, song.path, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["valence"] == pytest.approx(emotion.valence, abs=1e-5)
    refused("is a teacher; give songs after it", "predict", folder)
    refused("has no formats, forms and precisions", "predict", folder, song.path, "--form", "waveform")
    refused("has no formats, forms and precisions", "predict", folder, song.path, "--format", "tflite")


def test_checkpoint_predicts_what_evaluation_measures(checkpoint: Path, tmp_path: Path) -> None:
    predictor = sentio_mobile.load(checkpoint, threads=1)
    rate = predictor.spec.audio.sample_rate
    pcm = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * rate).astype(np.float32)
    emotion = predictor.predict_pcm(pcm, rate)
    expected = open_model(checkpoint).predict_clips(pcm[None])[0]
    assert (emotion.valence, emotion.arousal) == pytest.approx(tuple(expected.tolist()), abs=1e-6)
    with pytest.raises(sentio_mobile.SentioError, match="no golden vectors"):
        predictor.check_device()
