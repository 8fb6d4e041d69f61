"""A real bundle of a tiny network with made-up scores, and ways to change what it says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.benchmarks.gates import load_budgets
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.benchmarks.run import benchmark
from sentio_mobile.bundle.bundle import EVALUATION, Bundle, open_bundle
from sentio_mobile.bundle.golden import Golden, clip_of_excerpt
from sentio_mobile.bundle.verify import Verification, verify
from sentio_mobile.errors import BundleError
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, ConversionResult
from sentio_mobile.formats.base import write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.agreement import retention
from sentio_mobile.metrics.evaluation import Evaluation, TeacherEvaluation, evaluate
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec, DataOrigin, Form, ModelSpec

HOSTILE = '<script>alert("x")</script>'


def made_up_evaluation(songs: int = 60) -> Evaluation:
    """Scores of a teacher and of a student that is a little worse, and curves that rise."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(-0.8, 0.8, (songs, 2)).astype(np.float32)
    teacher = np.clip(truth * 0.85 + rng.normal(0, 0.15, truth.shape), -1, 1).astype(np.float32)
    student = np.clip(truth * 0.85 + rng.normal(0, 0.18, truth.shape), -1, 1).astype(np.float32)
    ids = (HOSTILE, *(f"song-{i:03d}" for i in range(1, songs)))
    # The hostile song is answered worst, so that it stands in the list of the worst.
    student[0] = -np.sign(truth[0])
    return Evaluation(
        test=evaluate(ids, truth, student, seed=0),
        teacher=TeacherEvaluation(
            test=evaluate(ids, truth, teacher, seed=0),
            spec=ModelSpec(architecture="vit"),
            parameters=85_800_000,
            history=made_up_history(0.9, 12),
        ),
        retention=retention(truth, student, teacher, seed=0),
    )


def made_up_history(best: float, epochs: int) -> tuple[dict[str, float | None], ...]:
    """Rows as the trainer writes them."""
    return tuple(
        {
            "epoch": epoch,
            "train_loss": 1 / (1 + epoch),
            "val_ccc_valence": best * 0.9 * (1 - 0.7**epoch),
            "val_ccc_arousal": best * (1 - 0.6**epoch),
            "val_ccc": best * 0.95 * (1 - 0.65**epoch),
        }
        for epoch in range(epochs)
    )


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """TorchScript and ONNX of a tiny student, with every optional part there."""
    return make_bundle(tmp_path_factory.mktemp("benchmarks"), ("torchscript", "onnx"))


def convert_here(checkpoint: Path, job: ConversionJob, *, folder: Path, **_: object) -> ConversionResult:
    """Convert in this process: one of its own takes seconds to import torch."""
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec, format_ = loaded.spec.in_form(job.form), get_format(job.format)
        converted = format_.convert(in_form(loaded.model, spec), spec)
        return ConversionResult(
            tuple(write_artifact(format_, converted, spec=spec, folder=folder, precision=p) for p in job.precisions),
            {},
        )


def quick_golden(model: nn.Module, spec: ModelSpec, progress: Progress | None = None) -> Golden:
    """Golden vectors from tones in noise: rendering music takes most of a minute."""
    rng, time = np.random.default_rng(0), np.arange(spec.audio.n_samples)
    tones = [np.sin(time * step) * 10_000 + rng.normal(0, 10**i, len(time)) for i, step in enumerate((0.01, 0.1, 1))]
    excerpt = np.stack([*tones, tones[0] * (time < 9000), tones[1] * (time > 9000), tones[2] / 50]).astype(np.int16)
    length = np.full(len(excerpt), spec.audio.n_samples, dtype=np.int32)
    picture = np.stack([clip_to_image(clip_of_excerpt(one, length[0], spec.audio), spec.audio) for one in excerpt])
    with torch.inference_mode():
        inputs = np.concatenate([to_input(one, spec) for one in picture])
        return Golden(excerpt=excerpt, length=length, image=picture, output=model(torch.from_numpy(inputs)).numpy())


def make_bundle(
    place: Path, formats: tuple[str, ...], songs: int = 60, forms: tuple[Form, ...] = ("spectrogram",)
) -> Bundle:
    """Build a bundle from a network whose answers are spread over the plane without any training."""
    settings = MobileViTSettings(
        stem_widths=(8, 8, 8), layers=1, heads=2, head_width=8, width=16, mlp_width=16, output_width=8
    )
    spec = spec_of(settings, AudioSpec(seconds=2.0, image_size=(32, 32)))
    torch.manual_seed(1)
    model = build(spec).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        answers = torch.atanh(torch.from_numpy(quick_golden(model, spec).output))
        model.output.weight.mul_(0.4 / answers.std(dim=0)[:, None])
        model.output.bias.sub_(answers.mean(dim=0)).mul_(0.4 / answers.std(dim=0))
    origin = DataOrigin(
        labels="generated",
        source="music",
        fingerprint="f" * 64,
        songs={"train": 480, "val": 60, "test": songs},
        split_seed=0,
    )
    checkpoint = Checkpoint(
        model=model,
        spec=spec,
        recipe={"seed": 7, "epochs": 12},
        history=made_up_history(0.8, 12),
        evaluation=made_up_evaluation(songs),
        data=origin,
    )
    checkpoint.save(place / "checkpoint")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "make_golden", quick_golden)
        patch.setattr(build_module, "convert", convert_here)
        built = build_bundle(place / "checkpoint", ExportRecipe(formats=formats, forms=forms), out=place / "bundle")
    assert not built.failed
    return open_bundle(place / "bundle")


@pytest.fixture(scope="session")
def verification(bundle: Bundle) -> Verification:
    return verify(bundle)


@pytest.fixture(scope="session")
def measured(bundle: Bundle) -> Benchmark:
    budgets = load_budgets()
    once = replace(budgets, measurement=replace(budgets.measurement, cold_starts=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sentio_mobile.benchmarks.run.load_budgets", lambda: once)
        return benchmark(bundle, runs=50)


@pytest.fixture
def saying(bundle: Bundle, tmp_path: Path) -> Callable[..., Bundle]:
    """The bundle with another evaluation, or with other manifest keys, in a folder of its own."""

    def change(evaluation: dict[str, Any] | None = None, **manifest: object) -> Bundle:
        whole = read_json(bundle.folder / EVALUATION, BundleError) if evaluation is None else evaluation
        write_json(tmp_path / EVALUATION, whole)
        return replace(bundle, folder=tmp_path, manifest=replace(bundle.manifest, **manifest))

    return change
