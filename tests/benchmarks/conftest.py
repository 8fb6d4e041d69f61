"""A real bundle of a tiny network with planted metrics, and a way to change its evaluation and manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from quick_export import export_quickly, quick_golden

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.gates import load_budgets
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.benchmarks.run import benchmark
from sentio_mobile.bundle.bundle import EVALUATION, Bundle
from sentio_mobile.bundle.verify import Verification, verify
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.metrics.agreement import retention
from sentio_mobile.metrics.evaluation import Evaluation, TeacherEvaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec, DataOrigin, Form, ModelSpec

HOSTILE = '<script>alert("x")</script>'


def planted_evaluation(songs: int = 60) -> Evaluation:
    """The evaluation of a teacher and of a student that is a little worse, with rising learning curves."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(-0.8, 0.8, (songs, 2)).astype(np.float32)
    teacher = np.clip(truth * 0.85 + rng.normal(0, 0.15, truth.shape), -1, 1).astype(np.float32)
    student = np.clip(truth * 0.85 + rng.normal(0, 0.18, truth.shape), -1, 1).astype(np.float32)
    ids = (HOSTILE, *(f"song-{i:03d}" for i in range(1, songs)))
    # The hostile song has the largest error, so that it is among the worst songs.
    student[0] = -np.sign(truth[0])
    return Evaluation(
        test=evaluate(ids, truth, student, seed=0),
        teacher=TeacherEvaluation(
            test=evaluate(ids, truth, teacher, seed=0),
            spec=ModelSpec(architecture="vit"),
            parameters=85_800_000,
            history=planted_history(0.9, 12),
        ),
        retention=retention(truth, student, teacher, seed=0),
    )


def planted_history(best: float, epochs: int) -> tuple[dict[str, float | None], ...]:
    """Rows of a history, as the trainer writes them."""
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


def make_bundle(
    place: Path, formats: tuple[str, ...], songs: int = 60, forms: tuple[Form, ...] = ("spectrogram",)
) -> Bundle:
    """Build a bundle of a network whose predictions are spread over the plane without any training."""
    settings = MobileViTSettings(
        stem_widths=(8, 8, 8), layers=1, heads=2, head_width=8, width=16, mlp_width=16, output_width=8
    )
    spec = spec_of(settings, AudioSpec(seconds=2.0, image_size=(32, 32)))
    torch.manual_seed(1)
    model = build(spec).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        outputs = torch.atanh(torch.from_numpy(quick_golden(model, spec).output))
        model.output.weight.mul_(0.4 / outputs.std(dim=0)[:, None])
        model.output.bias.sub_(outputs.mean(dim=0)).mul_(0.4 / outputs.std(dim=0))
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
        history=planted_history(0.8, 12),
        evaluation=planted_evaluation(songs),
        data=origin,
    )
    checkpoint.save(place / "checkpoint")
    return export_quickly(place / "checkpoint", place / "bundle", ExportRecipe(formats=formats, forms=forms))


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
def changed_bundle(bundle: Bundle, tmp_path: Path) -> Callable[..., Bundle]:
    """The bundle with another evaluation, or with other manifest keys, in a folder of its own."""

    def change(evaluation: dict[str, Any] | None = None, **manifest: object) -> Bundle:
        whole = json.loads((bundle.folder / EVALUATION).read_text()) if evaluation is None else evaluation
        write_json(tmp_path / EVALUATION, whole)
        return replace(bundle, folder=tmp_path, manifest=replace(bundle.manifest, **manifest))

    return change
