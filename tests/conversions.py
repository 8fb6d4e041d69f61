"""Conversions of one small trained student, each made once in a test run however many tests and processes need it."""

from __future__ import annotations

import fcntl
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 (after coremltools, which may import tensorflow, it crashes)
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.records import replace as replace_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.bundle.golden import Golden, clip_of_excerpt, make_golden
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import BuildResult, build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, ConversionResult, convert
from sentio_mobile.formats.base import ConvertedModel, missing_packages, write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import head_weights
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import Artifact, Form, ModelSpec, Precision

STUDENT = ROOT / "export" / "golden" / "student"
"""A checkpoint of the student that all these conversions are of."""

HERE = tuple(name for name in format_names() if not missing_packages(get_format(name).converters))
"""Formats whose converters are installed."""

SHORT_S = 3.0
"""Length of clips for which a front end is converted in a tenth of the time."""


@contextmanager
def shared_folder(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder that all processes of a test run share, for one of them at a time."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / "shared" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def shared_golden(factory: pytest.TempPathFactory) -> Golden:
    """The student's golden vectors."""
    with shared_folder(factory, "golden") as store:
        path, loaded = store / "golden.safetensors", student()
        if not path.exists():
            make_golden(loaded.model, loaded.spec).save(path)
        return Golden.load(path, loaded.spec)


def build_shared(
    factory: pytest.TempPathFactory,
    recipe: ExportRecipe,
    *,
    out: Path,
    data: PreparedData | None = None,
    keep_refused: bool = False,
) -> BuildResult:
    """`build_bundle` of the student, with conversions and golden vectors that were made before."""
    with shared_conversions(factory):
        return build_bundle(STUDENT, recipe, out=out, data=data, keep_refused=keep_refused)


@contextmanager
def shared_conversions(factory: pytest.TempPathFactory) -> Iterator[None]:
    """Within it `build_bundle`, whoever calls it for the student, takes conversions that were made before."""

    def shared_convert(checkpoint: Path, job: ConversionJob, *, folder: Path, **options: object) -> ConversionResult:
        with shared_folder(factory, f"{job.format}-{job.form}") as store:
            suffix = get_format(job.format).suffix
            stored = {precision: store / f"student-{job.form}-{precision}{suffix}" for precision in job.precisions}
            if missing := tuple(precision for precision, path in stored.items() if not path.exists()):
                part = replace_record(job, precisions=missing, stem="student")
                result = convert(checkpoint, part, folder=store, **options)  # type: ignore[arg-type]
                assert not result.failures
            paths = [folder / f"{job.stem}-{job.form}-{precision}{suffix}" for precision in job.precisions]
            for source, path in zip(stored.values(), paths, strict=True):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, path)
            artifacts = [
                Artifact(job.format, precision, job.form, path)
                for precision, path in zip(job.precisions, paths, strict=True)
            ]
            return ConversionResult(tuple(artifacts), {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "convert", shared_convert)
        patch.setattr(build_module, "make_golden", lambda *_: shared_golden(factory))
        yield


def student() -> Checkpoint:
    """The trained student, its norms folded."""
    loaded = Checkpoint.load(STUDENT)
    fold_norms(loaded.model.eval())
    return loaded


def predictions(model: nn.Module, images: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """PyTorch's predictions for images [n, height, width]: valence and arousal [n, 2]."""
    with torch.inference_mode():
        inputs = np.concatenate([to_input(image, spec) for image in images])
        outputs: NDArray[np.float32] = model(torch.from_numpy(inputs)).numpy()
    return outputs


@dataclass(frozen=True)
class ConvertibleStudent:
    """A student, its golden vectors, and artifacts of it that are written in this process, without a worker."""

    loaded: Checkpoint
    golden: Golden
    options: QuantizationOptions
    converted: dict[tuple[str, Form], ConvertedModel] = field(default_factory=dict)

    def write(
        self,
        name: str,
        precision: Precision,
        folder: Path,
        *,
        form: Form = "spectrogram",
        options: QuantizationOptions | None = None,
    ) -> Artifact:
        """Write an artifact of a format; the network is converted once for each form."""
        spec, format_ = self.loaded.spec.in_form(form), get_format(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # converters warn a lot, which in a worker goes to the log
            if (name, form) not in self.converted:
                self.converted[name, form] = format_.convert(in_form(self.loaded.model, spec), spec)
            return write_artifact(
                format_,
                self.converted[name, form],
                spec=spec,
                folder=folder,
                precision=precision,
                options=options or self.options,
            )


def convertible(golden: Golden, calibration: Calibration, *, swapped: bool = False) -> ConvertibleStudent:
    """The student, or with `swapped` its double that gives arousal first."""
    loaded = student()
    if swapped:
        with torch.no_grad():
            for name in ("output.weight", "output.bias"):
                weight = loaded.model.get_parameter(name)
                weight.copy_(weight.flip(0))
        golden = replace(golden, output=golden.output[:, ::-1].copy())
    options = QuantizationOptions(calibration, head=head_weights(loaded.model))
    return ConvertibleStudent(loaded, golden, options)


def short_student(golden: Golden) -> ConvertibleStudent:
    """The student, fed clips of `SHORT_S` seconds, with activation ranges measured on the same images.

    It is for tests of the front end; how well ranges hold for other songs does not matter there.
    """
    loaded = student()
    audio = replace_record(loaded.spec.audio, seconds=SHORT_S)
    spec = replace_record(loaded.spec, audio=audio)
    length = np.minimum(golden.length, audio.n_samples)
    clips = [clip_of_excerpt(excerpt, n, audio) for excerpt, n in zip(golden.excerpt, length, strict=True)]
    images = np.stack([clip_to_image(clip, audio) for clip in clips])
    short = Golden(excerpt=golden.excerpt, length=length, image=images, output=predictions(loaded.model, images, spec))
    assert min(short.spread) > 0.1, "outputs that are all alike would prove nothing"
    options = QuantizationOptions(Calibration(images), head=head_weights(loaded.model))
    return ConvertibleStudent(Checkpoint(model=loaded.model, spec=spec), short, options)


def skip_unless_here(name: str) -> None:
    """Skip a test of a format whose packages are not installed."""
    if name not in HERE:
        pytest.skip(f"the packages of {name} are not installed")
