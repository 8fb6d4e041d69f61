"""A bundle that is right passes; each planted fault is found."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sentio_mobile.errors import BundleError, ConversionError, MissingExtraError, OutputError
from sentio_mobile.export import bundle as bundle_module
from sentio_mobile.export.bundle import build_bundle, open_bundle
from sentio_mobile.export.golden import Golden
from sentio_mobile.export.protocol import get_format, require
from sentio_mobile.export.verify import verify
from sentio_mobile.files import sha256
from sentio_mobile.spec import Artifact
from sentio_mobile.training.checkpoint import Checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "bundle"
    assert build_bundle(checkpoint, ("torchscript",), out) == {}
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def rehash(folder: Path) -> None:
    """What somebody would do who changes a file and wants the hashes to agree."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        entry["sha256"] = sha256(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))


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
    build_bundle(flat, ("torchscript",), tmp_path / "bundle")
    found = verify(open_bundle(tmp_path / "bundle"))
    assert found.results[0].verdict == "pass"
    assert not found.spread_ok
    assert not found.passed


def test_swapped_outputs_are_found(checkpoint: Path, copy: Path, tmp_path: Path) -> None:
    swapped = changed(checkpoint, tmp_path / "swapped", scale=1.0, swap=True)
    build_bundle(swapped, ("torchscript",), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "mobilevit-fp32.pt", copy / "mobilevit-fp32.pt")
    rehash(copy)
    found = verify(open_bundle(copy))
    assert found.results[0].verdict == "fail"
    assert "differs from PyTorch" in found.results[0].reason
    assert not found.passed


def test_an_answer_that_is_no_number_fails(copy: Path) -> None:
    golden = open_bundle(copy).golden()
    image = golden.image.copy()
    image[0] = np.nan
    Golden(image, golden.output).save(copy / "golden.safetensors")
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
    refused({"files": {"../secret": entry}}, "outside the bundle")
    refused({"files": {"gone.onnx": entry}}, "is missing")
    refused({"schema": 99}, "upgrade")
    refused({"spec": {}}, "is damaged")
    stray = [{"format": "torchscript", "precision": "fp32", "form": "spectrogram", "path": "../secret"}]
    refused({"artifacts": stray}, "has no hash")
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(BundleError, match="no JSON object"):
        open_bundle(copy)


def test_a_conversion_that_fails_costs_one_format(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bundle_module.convert

    def convert(checkpoint: Path, name: str, folder: Path, log: Path, timeout_s: float) -> Artifact:
        if name == "onnx":
            raise ConversionError("onnx conversion failed: killed by signal 9; the log is onnx.log")
        return real(checkpoint, name, folder, log, timeout_s)

    monkeypatch.setattr(bundle_module, "convert", convert)
    failed = build_bundle(checkpoint, ("onnx", "torchscript"), tmp_path / "bundle")
    assert list(failed) == ["onnx"]
    opened = open_bundle(tmp_path / "bundle")
    assert [artifact.format for artifact in opened.artifacts] == ["torchscript"]
    assert opened.manifest["failed"] == failed
    with pytest.raises(ConversionError, match="no format could be converted"):
        build_bundle(checkpoint, ("onnx",), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_existing_bundle_is_left_alone(made: Path, checkpoint: Path) -> None:
    before = (made / "manifest.json").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        build_bundle(checkpoint, ("torchscript",), made)
    assert (made / "manifest.json").read_bytes() == before


def test_a_missing_package_is_named_with_the_command_that_brings_it() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_package: pip install 'sentio-mobile\[tflite\]'"):
        require(get_format("tflite"), ("no_such_package",))
