"""What tests of several rooms need: prepared songs, models small enough to train in seconds, and a bundle."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Before numpy and torch are imported, by whatever is imported here. Arrays in tests are small: a second thread gains
# nothing, and where other work runs it waits by spinning, which made a test of two seconds take a hundred.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings
from support import Refused, Sentio

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

if TYPE_CHECKING:
    from conversions import ConvertibleStudent

    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.quantization.calibration import Calibration

SONGS = 40

FUZZ_CASES = {"test": 25, "all": 60, "fuzz": 300}
"""Cases of a property of tests/fuzz, of which there are about eighty: 2,000 cases in `make test`, 4,800 in
`make test-all`, 24,000 by `make fuzz`. Profiles of hypothesis are chosen before those tests are read."""

for name, cases in FUZZ_CASES.items():
    settings.register_profile(
        name,
        max_examples=cases,
        # Time is the harness's affair, and the same cases come each time but with `make fuzz`.
        deadline=None,
        derandomize=name != "fuzz",
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        print_blob=True,
    )
settings.load_profile("test")


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
def loudness_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with the encoders `loudness` and `loudness-tags`; see toy_encoder.py."""
    site = tmp_path / "site"
    facts = site / "toy_encoder-1.0.dist-info"
    facts.mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("toy_encoder.py"), site / "loudness_encoder.py")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-encoder\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[sentio_mobile.encoders]\nloudness = loudness_encoder:Loudness\n"
        "loudness-tags = loudness_encoder:LoudnessTags\n"
    )
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("loudness_encoder", None)


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
    """Runs `sentio-mobile` and expects this status and one line on stderr that has these words; gives the line.

    With `after`, lines that begin with one of these words, such as those of progress, may stand before it.
    """

    def run(words: str, *arguments: object, status: int = 2, after: tuple[str, ...] = ()) -> str:
        result = sentio(*arguments)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        *before, line = result.stderr.splitlines(keepends=True)
        assert all(after and one.startswith(after) for one in before), result.stderr
        assert line.startswith("Error: ")
        assert words in line
        return line

    return run


# Conversions, which are slow, of the one student in conversions.py. Imported when asked for: that brings torch.


@pytest.fixture(scope="session")
def exported(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> "Bundle":
    """The student in every format and precision, in the form `spectrogram`, with all that was refused.

    All processes of a test run open the same folder: `exported_copy` is there to be changed.
    """
    from conversions import HERE, build_shared, shared_folder

    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.export.config import ExportRecipe
    from sentio_mobile.spec import PRECISIONS

    with shared_folder(tmp_path_factory, "exported") as store:
        if not (store / "bundle").exists():
            recipe = ExportRecipe(formats=HERE, forms=("spectrogram",), precisions=PRECISIONS)
            build_shared(tmp_path_factory, recipe, out=store / "bundle", data=data, keep_refused=True)
        return open_bundle(store / "bundle")


@pytest.fixture
def exported_copy(exported: "Bundle", tmp_path: Path) -> Path:
    """Its folder, to be damaged."""
    return Path(shutil.copytree(exported.folder, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def calibration(data: PreparedData) -> "Calibration":
    """Images of training songs."""
    from conversions import student

    from sentio_mobile.quantization.calibration import collect_calibration

    return collect_calibration(data, student().spec)


@pytest.fixture(scope="session")
def convertible(tmp_path_factory: pytest.TempPathFactory, calibration: "Calibration") -> "ConvertibleStudent":
    """The student, to be written anew."""
    import conversions

    return conversions.convertible(conversions.shared_golden(tmp_path_factory), calibration)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> "ConvertibleStudent":
    """The student with a front end for short clips, to be written anew."""
    import conversions

    return conversions.short_student(conversions.shared_golden(tmp_path_factory))
