"""A bundle that is right passes; each planted fault is found."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import artifact_entry, write_manifest

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import replace
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.errors import BundleError, ConversionError, MissingExtraError, OutputError
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import BuildResult, build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, ConversionResult
from sentio_mobile.formats.base import require_packages, write_artifact
from sentio_mobile.formats.forms import Waveform
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint

pytestmark = pytest.mark.slow

PICTURES = ExportRecipe(formats=("torchscript",), forms=("spectrogram",))


@pytest.fixture(scope="module")
def made(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "bundle"
    assert build_bundle(checkpoint, PICTURES, out=out) == BuildResult({}, {})
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def rehash(folder: Path) -> None:
    """What somebody would do who changes a file and wants the hashes to agree."""
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()))


def changed(checkpoint: Path, out: Path, scale: float, swap: bool) -> Path:
    """A checkpoint with another last layer."""
    loaded = Checkpoint.load(checkpoint)
    with torch.no_grad():
        for name in ("output.weight", "output.bias"):
            weight = loaded.model.get_parameter(name)
            weight.copy_(scale * (weight.flip(0) if swap else weight))
    loaded.save(out)
    return out


def test_a_good_bundle_passes_and_its_golden_outputs_are_spread(made: Path) -> None:
    found = verify(open_bundle(made))
    assert found.passed
    assert [result.verdict for result in found.results] == ["pass"]
    assert min(found.spread) > 0.1
    assert found.results[0].max_diff is not None
    assert found.results[0].max_diff < 1e-4
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in made.rglob("*"))


def test_a_model_that_answers_the_same_for_everything_fails(checkpoint: Path, tmp_path: Path) -> None:
    flat = changed(checkpoint, tmp_path / "flat", scale=0.0, swap=False)
    build_bundle(flat, PICTURES, out=tmp_path / "bundle")
    found = verify(open_bundle(tmp_path / "bundle"))
    assert found.results[0].verdict == "pass"
    assert not found.spread_ok
    assert not found.passed


def test_swapped_outputs_are_found(checkpoint: Path, copy: Path, tmp_path: Path) -> None:
    swapped = changed(checkpoint, tmp_path / "swapped", scale=1.0, swap=True)
    build_bundle(swapped, PICTURES, out=tmp_path / "other")
    right, wrong = (open_bundle(place).artifact("torchscript").path for place in (copy, tmp_path / "other"))
    shutil.copy(wrong, right)
    rehash(copy)
    found = verify(open_bundle(copy))
    assert found.results[0].verdict == "fail"
    assert "differs from PyTorch" in found.results[0].reason
    assert not found.passed


def test_a_front_end_that_is_a_little_off_is_found(checkpoint: Path, copy: Path) -> None:
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model)
    spec, torchscript = loaded.spec.in_form("waveform"), get_format("torchscript")
    off = replace(spec, audio=replace(spec.audio, f_max=7900.0))
    manifest = json.loads((copy / "manifest.json").read_text())
    for heard, verdict in ((spec, "pass"), (off, "fail")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = write_artifact(
                torchscript, torchscript.convert(Waveform(loaded.model, heard), spec), spec=spec, folder=copy
            )
        manifest["artifacts"] = [artifact_entry("torchscript", "waveform", "fp32", made.path.name)]
        write_manifest(copy, manifest)
        found = verify(open_bundle(copy))
        assert [(result.form, result.verdict) for result in found.results] == [("waveform", verdict)]


def test_an_answer_that_is_no_number_fails(copy: Path) -> None:
    golden = open_bundle(copy).golden()
    image = golden.image.copy()
    image[0] = np.nan
    replace(golden, image=image).save(copy / "golden.safetensors")
    rehash(copy)
    assert verify(open_bundle(copy)).results[0].verdict == "fail"


def test_tampering_is_refused_before_anything_is_read(copy: Path, tmp_path: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())

    def refused(change: dict[str, object], fault: str) -> None:
        (copy / "manifest.json").write_text(json.dumps({**manifest, **change}))
        with pytest.raises(BundleError, match=fault) as caught:
            open_bundle(copy)
        assert "\n" not in str(caught.value)

    (tmp_path / "secret").write_text("x")
    entry = {"sha256": sha256(tmp_path / "secret"), "bytes": 1}
    refused({"files": {"../secret": entry}}, "no path inside the bundle")
    refused({"files": {**manifest["files"], "gone.onnx": entry}}, "is missing")
    refused({"schema": 99}, "upgrade")
    refused({"spec": {}}, "is damaged")
    refused({"artifacts": [artifact_entry("torchscript", "midi", "fp32", "x")]}, "form must be .* not 'midi'")
    refused({"artifacts": [artifact_entry("torchscript", "spectrogram", "fp32", "../secret")]}, "no path inside")
    refused({"artifacts": [artifact_entry("torchscript", "spectrogram", "fp32", "stray")]}, "has no hash")
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(BundleError, match="must be a table"):
        open_bundle(copy)


def test_a_conversion_that_fails_costs_itself_alone(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = build_module.convert

    def convert(checkpoint: Path, job: ConversionJob, **where: Any) -> ConversionResult:
        if job.format == "onnx":
            raise ConversionError("onnx spectrogram conversion failed: killed by signal 9; the log is onnx.log")
        return real(checkpoint, job, **where)

    monkeypatch.setattr(build_module, "convert", convert)
    both = replace(PICTURES, formats=("onnx", "torchscript"))
    failed = build_bundle(checkpoint, both, out=tmp_path / "bundle").failed
    assert list(failed) == ["onnx spectrogram fp32"]
    opened = open_bundle(tmp_path / "bundle")
    assert [artifact.format for artifact in opened.artifacts] == ["torchscript"]
    assert opened.manifest.failed == failed
    with pytest.raises(ConversionError, match="no format could be converted"):
        build_bundle(checkpoint, replace(PICTURES, formats=("onnx",)), out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_existing_bundle_is_left_alone(made: Path, checkpoint: Path) -> None:
    before = (made / "manifest.json").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        build_bundle(checkpoint, PICTURES, out=made)
    assert (made / "manifest.json").read_bytes() == before


def test_a_missing_package_is_named_with_the_command_that_brings_it() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_package: pip install 'sentio-mobile\[tflite\]'"):
        require_packages(get_format("tflite"), ("no_such_package",))
