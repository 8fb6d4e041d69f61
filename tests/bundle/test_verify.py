"""A bundle that is right passes; each planted fault is found."""

import dataclasses
import json
import shutil
from pathlib import Path

import conversions
import numpy as np
import pytest
import torch
from conversions import STUDENT, ConvertibleStudent, build_shared
from support import artifact_entry, write_manifest

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import replace
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.parity import measure_parity
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.bundle.verify import Verification, verify
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import BundleError
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The student as one TorchScript artifact, which is quick to make and to run."""
    out = tmp_path_factory.mktemp("bundles") / "bundle"
    result = build_shared(tmp_path_factory, ExportRecipe(formats=("torchscript",), forms=("spectrogram",)), out=out)
    assert (result.failed, result.refused) == ({}, {})
    return out


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def verified(exported: Bundle, data: PreparedData) -> Verification:
    return verify(exported, songs=data)


def rehash(folder: Path) -> Bundle:
    """What somebody would do who changes a file and wants the hashes to agree."""
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()))
    return open_bundle(folder)


def put(path: Path, place: Path) -> None:
    """Move an artifact, a file or a folder, in the place of another."""
    if place.is_dir():
        shutil.rmtree(place)
    shutil.move(path, place)


def test_verify_good_bundle_passes(small_bundle: Path) -> None:
    found = verify(open_bundle(small_bundle))
    assert found.passed
    assert [result.verdict for result in found.results] == ["pass"]
    assert min(found.spread) > 0.1
    assert found.results[0].max_diff is not None
    assert found.results[0].max_diff < 1e-4
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in small_bundle.rglob("*"))


def test_verify_every_format_and_precision(verified: Verification) -> None:
    targets = load_targets()
    assert verified.spread_ok
    for result in verified.results:
        assert result.max_diff is not None, result
        assert result.tolerance == targets.parity[result.precision]
        # So few weights lose more in 8 bits than a real student: the gate may refuse one.
        assert (result.verdict == "pass") == (result.reason == "")
        assert result.verdict == "pass" or result.precision in ("int8", "int8-full"), result
        assert result.max_diff < 2 * targets.parity[result.precision], result
        assert result.std_ratio is not None
        assert result.std_ratio > 0.9


def test_verify_with_songs_judges_by_the_loss_of_ccc(verified: Verification, data: PreparedData) -> None:
    passed = [result.label for result in verified.results if result.verdict == "pass"]
    assert [one.label for one in verified.accuracy] == passed
    for one in verified.accuracy:
        loss = one.loss["mean"].value
        assert loss is not None
        assert (one.verdict == "pass") == (loss <= one.max_loss)
        assert (one.songs, one.split) == (len(data.split("test")), "test")
    assert verified.passed == all(one.verdict == "pass" for one in (*verified.results, *verified.accuracy))


def test_verify_model_with_the_same_output_for_everything_fails(copy: Path, tmp_path: Path) -> None:
    bundle = open_bundle(copy)
    flat = conversions.convertible(bundle.golden(), Calibration(bundle.golden().images(bundle.spec.audio)[:1]))
    with torch.no_grad():
        flat.loaded.model.get_parameter("output.weight").zero_()
    put(flat.write("torchscript", "fp32", tmp_path).path, bundle.artifact("torchscript").path)
    golden = bundle.golden()
    output = conversions.predictions(flat.loaded.model, golden.images(bundle.spec.audio), bundle.spec)
    dataclasses.replace(golden, output=output).save(copy / "golden.safetensors")
    found = verify(rehash(copy))
    assert found.results[0].verdict == "pass"
    assert not found.spread_ok
    assert not found.passed


def test_verify_swapped_outputs_fail(copy: Path, tmp_path: Path) -> None:
    bundle = open_bundle(copy)
    swapped = conversions.convertible(
        bundle.golden(), Calibration(bundle.golden().images(bundle.spec.audio)[:1]), swapped=True
    )
    put(swapped.write("torchscript", "fp32", tmp_path).path, bundle.artifact("torchscript").path)
    found = verify(rehash(copy))
    assert found.results[0].verdict == "fail"
    assert "differs from PyTorch" in found.results[0].reason
    assert not found.passed


@pytest.mark.exhaustive
def test_verify_swapped_outputs_fail_in_every_format_and_precision(
    exported: Bundle, exported_copy: Path, calibration: Calibration, tmp_path: Path
) -> None:
    swapped = conversions.convertible(exported.golden(), calibration, swapped=True)
    for artifact in exported.artifacts:
        put(swapped.write(artifact.format, artifact.precision, tmp_path).path, exported_copy / artifact.path.name)
    found = verify(rehash(exported_copy))
    assert {result.verdict for result in found.results} == {"fail"}, found
    assert {result.reason.split(" by ")[0] for result in found.results} == {"differs from PyTorch"}
    assert len(found.results) == len(exported.artifacts)
    assert not found.passed


def test_verify_one_changed_weight_is_refused_by_its_hash_and_fails_parity(
    exported: Bundle, exported_copy: Path, verified: Verification
) -> None:
    weights = Checkpoint.load(STUDENT).model.get_parameter("output.weight")[0].detach().numpy()
    changed = [artifact for artifact in exported.artifacts if artifact.precision in ("fp32", "fp16")]
    for artifact in changed:
        place = exported_copy / artifact.path.name
        for file in [one for one in place.rglob("*") if one.is_file()] if place.is_dir() else [place]:
            content = bytearray(file.read_bytes())
            stored = weights.astype("<f4" if artifact.precision == "fp32" else "<f2")
            start = content.find(stored.tobytes())
            if start >= 0:
                # The upper bit of an exponent is in a number's last byte.
                content[start + (int(np.abs(stored).argmax()) + 1) * stored.itemsize - 1] ^= 0x40
                file.write_bytes(content)
                break
        else:
            pytest.fail(f"{artifact.label} does not hold the weights as they are")
        with pytest.raises(BundleError, match="SHA-256 differs"):
            open_bundle(exported_copy)
        rehash(exported_copy)
    labels = {artifact.label for artifact in changed}
    for before, after in zip(verified.results, verify(open_bundle(exported_copy)).results, strict=True):
        assert (before.verdict, after.verdict) == ("pass", "fail") if before.label in labels else before == after


def test_parity_of_a_front_end_that_is_a_little_off_fails(short: ConvertibleStudent, tmp_path: Path) -> None:
    spec = short.loaded.spec
    off_spec = replace(spec, audio=replace(spec.audio, f_max=7900.0))
    off = dataclasses.replace(short, loaded=dataclasses.replace(short.loaded, spec=off_spec), converted={})
    for writer, verdict in ((short, "pass"), (off, "fail")):
        artifact = writer.write("torchscript", "fp32", tmp_path, form="waveform")
        assert measure_parity(artifact, short.golden, spec=spec, targets=load_targets()).verdict == verdict


def test_verify_output_that_is_no_number_fails(copy: Path) -> None:
    bundle = open_bundle(copy)
    golden = bundle.golden()
    image = golden.images(bundle.spec.audio).copy()
    image[0] = np.nan
    dataclasses.replace(golden, image=image).save(copy / "golden.safetensors")
    assert verify(rehash(copy)).results[0].verdict == "fail"


def test_open_bundle_refuses_tampering_before_anything_is_read(copy: Path, tmp_path: Path) -> None:
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
