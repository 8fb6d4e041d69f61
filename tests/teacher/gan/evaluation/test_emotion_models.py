"""The models that predict valence and arousal of samples."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import CheckpointError, DataError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.gan.evaluation.clips import generated_clips, real_clips
from sentio_mobile.teacher.gan.evaluation.emotion_models import fit_linear_model, open_teacher_model
from sentio_mobile.teacher.gan.evaluation.evaluate import evaluate_gan
from sentio_mobile.teacher.train import train_teacher


@pytest.mark.slow
def test_teacher_model_predicts_as_its_checkpoint_does(
    songs: PreparedData, test_mels: NDArray[np.float32], tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    training = replace(tiny_teacher.training, epochs=2)
    train_teacher(songs, replace(tiny_teacher, training=training), out=tmp_path / "ckpt")
    model = open_teacher_model(tmp_path / "ckpt", songs)
    assert "training songs of the same data" in model.description
    test = real_clips(songs, "test")
    predictions = model.predict(test, NoProgress())
    assert predictions.labels.shape == (len(test), 2)
    assert predictions.states.shape == (len(test), 32)
    saved = Checkpoint.load(tmp_path / "ckpt").evaluation.test.predictions
    np.testing.assert_allclose(predictions.labels, saved, atol=1e-3)
    found = evaluate_gan(
        generated_clips("songs", test_mels, test.labels), songs, emotion_model=model, seed=0, progress=NoProgress()
    )
    assert found.consistency.real_split == "val"
    assert found.consistency.state == "the teacher's last hidden state"
    assert not found.memorization.is_memorized
    other = replace(songs, sheet=replace(songs.sheet, audio=replace(songs.audio, hop_length=256)))
    with pytest.raises(DataError, match="another front end"):
        open_teacher_model(tmp_path / "ckpt", other)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        open_teacher_model(tmp_path, songs)


def test_fit_linear_model_too_few_or_equal_songs_are_refused(songs: PreparedData) -> None:
    val = real_clips(songs, "val")
    with pytest.raises(DataError, match="too few to fit a model"):
        fit_linear_model(val.subset(np.arange(5)), songs.audio, NoProgress())
    same = replace(val, labels=np.zeros_like(val.labels))
    with pytest.raises(DataError, match="all equal or missing"):
        fit_linear_model(same, songs.audio, NoProgress())
