"""Small bundles, put together by hand: what a release needs reads a bundle's manifest, and runs no model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from support import MakeBundle, Sentio, artifact_entry, manifest_facts, write_manifest

from sentio_mobile._internal.records import write_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import EVALUATION, GOLDEN
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit", settings={"width": 64}, audio=AudioSpec(image_size=(14, 14)))

ARTIFACTS = {
    "mobilevit-waveform-fp32.onnx": ("onnx", "fp32", "waveform"),
    "mobilevit-spectrogram-int8.mlpackage": ("coreml", "int8", "spectrogram"),
}

Edit = Callable[[Path, dict[str, Any]], None]
"""Changes the files of a bundle that has no manifest yet, and what its manifest will say."""


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    """Predictions close to the labels, for 12 validation and 20 test songs."""
    random = np.random.default_rng(5)
    found = {}
    for split, n in (("val", 12), ("test", 20)):
        truth = random.uniform(-0.8, 0.8, (n, 2)).astype(np.float32)
        answers = (0.7 * truth + random.normal(0, 0.2, (n, 2))).astype(np.float32)
        found[split] = evaluate(tuple(f"{split}-{i}" for i in range(n)), truth, answers, seed=0)
    return Evaluation(**found)


@pytest.fixture
def facts() -> dict[str, Any]:
    """A manifest as plain values, without its files."""
    entries = [artifact_entry(name, form, precision, path) for path, (name, precision, form) in ARTIFACTS.items()]
    provenance = {
        "checkpoint_sha256": "1b" * 32,
        "recipe": {"training": {"epochs": 40, "learning_rate": 0.003}},
        "data": {
            "labels": "rated",
            "source": "DEAM",
            "fingerprint": "f8" * 32,
            "songs": {"train": 168, "val": 12, "test": 20},
            "split_seed": 0,
        },
        "calibration": None,
        "keep_float": [],
    }
    versions = {"python": "3.11.7", "torch": "2.14.1"}
    return manifest_facts(SPEC, entries, licence="MIT", provenance=provenance, versions=versions)


@pytest.fixture
def make_bundle(tmp_path: Path, facts: dict[str, Any], evaluation: Evaluation) -> MakeBundle:
    """Makes a bundle of this name, edited before its files are hashed."""

    def make(name: str, edit: Edit = lambda folder, facts: None) -> Path:
        folder, stated = tmp_path / name, json.loads(json.dumps(facts))
        package = folder / "mobilevit-spectrogram-int8.mlpackage"
        (package / "Data").mkdir(parents=True)
        (package / "Manifest.json").write_text("{}")
        (package / "Data" / "weight.bin").write_bytes(bytes(range(200)))
        (folder / "mobilevit-waveform-fp32.onnx").write_bytes(bytes(1000))
        sounds = load_file(ROOT / "export" / "golden" / "golden.safetensors")
        vectors = {"excerpt": sounds["excerpt"][:, :2000], "image": sounds["picture"].astype(np.float32)}
        Golden(**vectors, length=sounds["length"], output=sounds["output"]).save(folder / GOLDEN)
        write_record(folder / EVALUATION, evaluation)
        edit(folder, stated)
        write_manifest(folder, stated)
        return folder

    return make


@pytest.fixture
def sentio(sentio: Sentio) -> Sentio:
    """Runs `sentio-mobile bundle`."""
    return lambda *arguments: sentio("bundle", *arguments)
