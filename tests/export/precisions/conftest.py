"""What these tests share: a trained student's bundle of all precisions, its double with swapped outputs, and clips of
three seconds, for which a front end is converted in less time."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 (after coremltools, which may import tensorflow, it crashes)

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.golden import Golden, clip_of_excerpt
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.formats.base import ConvertedModel, missing_packages, write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration, collect_calibration
from sentio_mobile.quantization.layer_choice import head_weights
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import PRECISIONS, Artifact, Form, ModelSpec, Precision

STUDENT = ROOT / "export" / "golden" / "student"
SHORT_S = 3.0

HERE = tuple(name for name in format_names() if not missing_packages(get_format(name).converters))


@dataclass(frozen=True)
class Subject:
    """A network, the golden vectors that it must answer, and what its artifacts are written from."""

    loaded: Checkpoint
    golden: Golden
    rounding: QuantizationOptions
    converted: dict[tuple[str, Form], ConvertedModel]

    def write(
        self, name: str, precision: Precision, folder: Path, rounding: QuantizationOptions | None = None
    ) -> Artifact:
        """An artifact that is fed pictures."""
        return self._write(name, "spectrogram", precision, folder, rounding)

    def write_joined(self, name: str, precision: Precision, folder: Path) -> Artifact:
        """An artifact that is fed PCM."""
        return self._write(name, "waveform", precision, folder, None)

    def _write(
        self, name: str, form: Form, precision: Precision, folder: Path, rounding: QuantizationOptions | None
    ) -> Artifact:
        spec, format_ = self.loaded.spec.in_form(form), get_format(name)
        with silence():
            if (name, form) not in self.converted:
                self.converted[name, form] = format_.convert(in_form(self.loaded.model, spec), spec)
            return write_artifact(
                format_,
                self.converted[name, form],
                spec=spec,
                folder=folder,
                precision=precision,
                options=rounding or self.rounding,
            )


@contextmanager
def silence() -> Iterator[None]:
    """Converters warn of much; in a worker nobody hears it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def student() -> Checkpoint:
    """The trained student, its norms folded."""
    loaded = Checkpoint.load(STUDENT)
    fold_norms(loaded.model.eval())
    return loaded


@pytest.fixture(scope="session")
def bundle(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Every format in every precision that it has, fed pictures, by the real workers; nothing is left out."""
    out = tmp_path_factory.mktemp("bundles") / "bundle"
    recipe = ExportRecipe(formats=HERE, forms=("spectrogram",), precisions=PRECISIONS)
    build_bundle(STUDENT, recipe, out=out, data=data, keep_refused=True)
    return open_bundle(out)


@pytest.fixture
def copy(bundle: Bundle, tmp_path: Path) -> Path:
    """The bundle's folder, to be spoilt."""
    return Path(shutil.copytree(bundle.folder, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def calibration(data: PreparedData) -> Calibration:
    """Pictures of training songs."""
    return collect_calibration(data, student().spec)


@pytest.fixture(scope="session")
def swapped(bundle: Bundle, calibration: Calibration) -> Subject:
    """The student, but for its outputs: arousal comes first."""
    loaded, golden = student(), bundle.golden()
    with torch.no_grad():
        for name in ("output.weight", "output.bias"):
            weight = loaded.model.get_parameter(name)
            weight.copy_(weight.flip(0))
    golden = replace(golden, output=golden.output[:, ::-1].copy())
    return Subject(loaded, golden, rounding_of(loaded, calibration), {})


@pytest.fixture(scope="session")
def short(bundle: Bundle) -> Subject:
    """The student, fed the pictures of clips of three seconds, and ranges measured on the same pictures.

    Here it matters what becomes of the front end, and not how well ranges hold for other songs.
    """
    loaded, whole = student(), bundle.golden()
    audio = replace(loaded.spec.audio, seconds=SHORT_S)
    spec = replace(loaded.spec, audio=audio)
    length = np.minimum(whole.length, audio.n_samples)
    clips = [clip_of_excerpt(excerpt, n, audio) for excerpt, n in zip(whole.excerpt, length, strict=True)]
    pictures = np.stack([clip_to_image(clip, audio) for clip in clips])
    golden = Golden(excerpt=whole.excerpt, length=length, image=pictures, output=answers(loaded, pictures, spec))
    assert min(golden.spread) > 0.1, "answers that are all alike would prove nothing"
    return Subject(Checkpoint(model=loaded.model, spec=spec), golden, rounding_of(loaded, Calibration(pictures)), {})


def rounding_of(loaded: Checkpoint, calibration: Calibration) -> QuantizationOptions:
    """As a worker has it."""
    return QuantizationOptions(calibration, head=head_weights(loaded.model))


def answers(loaded: Checkpoint, pictures: np.ndarray, spec: ModelSpec) -> np.ndarray:
    with torch.no_grad():
        given = np.concatenate([to_input(picture, spec) for picture in pictures])
        found: np.ndarray = loaded.model(torch.from_numpy(given)).numpy()
    return found
