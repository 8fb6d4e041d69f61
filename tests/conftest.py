"""What tests of several rooms need: a small prepared data set, and models small enough to train in seconds."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import Refused, Sentio

# Before torch is imported. Networks in tests are small: a second thread gains nothing, and where other work runs it
# waits by spinning, which made a test of two seconds take a hundred.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.training.config import TrainingSettings

SONGS = 40


@pytest.fixture(scope="session")
def deam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated music in DEAM's layout."""
    folder = tmp_path_factory.mktemp("music") / "deam"
    write_deam(folder, SONGS, seed=3, audio_format="wav")
    return folder


@pytest.fixture(scope="session")
def data(deam: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """The same, prepared."""
    out = tmp_path_factory.mktemp("prepared") / "data"
    assert prepare(deam, out, recipe=DataRecipe(fractions=(0.6, 0.2, 0.2)), audio=AudioSpec()) == []
    return open_data(out)


@pytest.fixture(scope="session")
def tiny_teacher() -> TeacherRecipe:
    """A ViT of few weights."""
    model = ViTSettings(layers=2, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))
    return TeacherRecipe(model=model, training=TrainingSettings(epochs=3, batch_size=8, learning_rate=2e-3))


@pytest.fixture(scope="session")
def tiny_student() -> DistillRecipe:
    """A MobileViT of few weights."""
    model = MobileViTSettings(
        stem_widths=(8, 16, 32), layers=2, heads=2, head_width=16, width=64, mlp_width=128, output_width=32
    )
    return DistillRecipe(model=model, training=TrainingSettings(epochs=3, batch_size=8, learning_rate=2e-3))


@pytest.fixture
def sentio() -> Sentio:
    """Runs `sentio-mobile` in this process, in a wide terminal."""

    def run(*arguments: object) -> Result:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def refused(sentio: Sentio) -> Refused:
    """Runs `sentio-mobile` and expects this status and one line on stderr that has these words; gives the line."""

    def run(words: str, *arguments: object, status: int = 2) -> str:
        result = sentio(*arguments)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1, result.stderr
        assert words in result.stderr
        return result.stderr

    return run
