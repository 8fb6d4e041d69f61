"""Predictions that are averaged over the windows of a song, in training, prediction and export."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.errors import CheckpointError, DataError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ASTSettings
from sentio_mobile.spec import FORMS, AudioSpec
from sentio_mobile.teacher.attention_rollout import explain
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.fit import predict

SHORT = AudioSpec(seconds=3.0, image_size=(128, 130))
MODEL = ASTSettings(layers=2, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))


@pytest.fixture(scope="module")
def windowed(deam: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Songs of four windows each."""
    out = tmp_path_factory.mktemp("windowed") / "data"
    assert prepare(deam, out, recipe=DataRecipe(fractions=(0.6, 0.2, 0.2), windows=4), audio=SHORT) == []
    return open_data(out)


@pytest.fixture(scope="module")
def recipe() -> TeacherRecipe:
    return TeacherRecipe(
        model=MODEL, training=TrainingSettings(epochs=2, batch_size=8, learning_rate=2e-3), audio=SHORT, pooling="mean"
    )


@pytest.fixture(scope="module")
def checkpoint(windowed: PreparedData, recipe: TeacherRecipe, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    out = tmp_path_factory.mktemp("ast") / "ckpt"
    train_teacher(windowed, recipe, out=out)
    return Checkpoint.load(out)


def test_predict_mean_over_windows(checkpoint: Checkpoint, windowed: PreparedData) -> None:
    assert checkpoint.spec.pooling == "mean"
    test = windowed.split("test")
    assert test.windows.shape[1] == 4
    clips = torch.from_numpy(np.asarray(windowed.mels[test.windows.reshape(-1)], dtype=np.float32))
    with torch.inference_mode():
        expected = checkpoint.model(to_input_batch(clips, checkpoint.spec)).view(len(test), 4, 2).mean(dim=1)
    predicted = predict(checkpoint.model, checkpoint.spec, windowed, "test")
    np.testing.assert_allclose(predicted, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(checkpoint.evaluation.test.predictions, predicted, atol=1e-4)
    alone = predict(checkpoint.model, replace(checkpoint.spec, pooling=None), windowed, "test")
    assert np.abs(alone - predicted).max() > 1e-5


def test_predictor_equals_mean_of_windows(checkpoint: Checkpoint, deam: Path) -> None:
    song = next(deam.rglob("*.wav"))

    def run(inputs: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return checkpoint.model(torch.from_numpy(inputs)).numpy()

    predictor = Predictor(spec=checkpoint.spec, run=run, batch=4)
    moments = list(predictor.trajectory(song, every=SHORT.seconds))
    prediction = predictor.predict(song)
    assert len(moments) > 3
    assert prediction.valence == pytest.approx(np.mean([moment.valence for moment in moments]), abs=1e-6)
    assert (prediction.start, prediction.end) == (0, moments[-1].end)
    import soundfile

    pcm, rate = soundfile.read(song, dtype="float32")
    mono = pcm if pcm.ndim == 1 else pcm.mean(axis=1)
    assert predictor.predict_pcm(mono, rate).arousal == pytest.approx(prediction.arousal, abs=2e-3)


@pytest.mark.slow
def test_export_pooled_predictions(checkpoint: Checkpoint, deam: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "ckpt")
    assert not build_bundle(tmp_path / "ckpt", ExportRecipe(formats=("onnx",)), out=tmp_path / "bundle").failed
    song = next(deam.rglob("*.wav"))

    def run(inputs: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return checkpoint.model(torch.from_numpy(inputs)).numpy()

    expected = Predictor(spec=checkpoint.spec, run=run, batch=4).predict(song)
    for form in FORMS:
        predicted = Predictor.open(tmp_path / "bundle", form=form).predict(song)
        assert (predicted.valence, predicted.arousal) == pytest.approx((expected.valence, expected.arousal), abs=1e-4)
        assert predicted.end == expected.end


def test_explain_grid_of_ast(checkpoint: Checkpoint, deam: Path) -> None:
    explanation = explain(checkpoint, next(deam.rglob("*.wav")))
    assert explanation.rollout.shape == (8, 9)
    assert (explanation.rollout > 0).all()
    # 130 frames fill eight patches and the beginning of a ninth, which is cut at the end of the image.
    assert explanation.covered == (1, 144 / 130)


def test_train_teacher_other_front_end(data: PreparedData, recipe: TeacherRecipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="prepare the songs with `data prepare --recipe`"):
        train_teacher(data, recipe, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_train_teacher_incompatible_start(
    windowed: PreparedData, recipe: TeacherRecipe, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    for name, value in (("heads", 4), ("norm_eps", 1e-12)):
        other = replace(recipe, model=replace(MODEL, **{name: value}))
        with pytest.raises(CheckpointError, match=f"the teacher to start from has {name}"):
            train_teacher(windowed, other, out=tmp_path / "out", start=checkpoint)
