"""Prepared songs for evaluations, and a set of samples that are real songs."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips, generated_clips, real_clips
from sentio_mobile.teacher.gan.evaluation.emotion_models import LinearEmotionModel, fit_linear_model
from sentio_mobile.teacher.gan.evaluation.evaluate import GanEvaluation, evaluate_gan

SHORT = replace(AudioSpec(), seconds=12.0)


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Enough generated music to fit a linear emotion model on its validation songs."""
    folder = tmp_path_factory.mktemp("evaluation")
    write_deam(folder / "deam", 150, seed=11, audio_format="wav")
    recipe = DataRecipe(fractions=(0.4, 0.4, 0.2), windows=2)
    assert prepare(folder / "deam", folder / "data", recipe=recipe, audio=SHORT) == []
    return open_data(folder / "data")


@pytest.fixture(scope="session")
def test_songs(songs: PreparedData) -> Clips:
    return real_clips(songs, "test")


@pytest.fixture(scope="session")
def test_mels(test_songs: Clips) -> NDArray[np.float32]:
    return np.stack(list(test_songs))


@pytest.fixture(scope="session")
def emotion_model(songs: PreparedData) -> LinearEmotionModel:
    """The linear model that evaluations fit by default, fitted once."""
    return fit_linear_model(real_clips(songs, "val"), songs.audio, NoProgress())


@pytest.fixture(scope="session")
def held_out(songs: PreparedData, test_songs: Clips, test_mels: NDArray[np.float32]) -> GanEvaluation:
    """The evaluation of real songs that nothing was trained on."""
    samples = generated_clips("planted", test_mels, test_songs.labels)
    return evaluate_gan(samples, songs, emotion_model=None, seed=0, progress=NoProgress())
