"""One artifact of a bundle is opened by its own hash; whatever else is read of the bundle is hashed then."""

from pathlib import Path

import pytest
from support import MakeBundle

from sentio_mobile._internal.records import replace
from sentio_mobile.bundle.bundle import EVALUATION, GOLDEN, Bundle, find_artifact, open_bundle
from sentio_mobile.bundle.keys import make_key
from sentio_mobile.bundle.manifest import ArtifactEntry, Manifest
from sentio_mobile.bundle.sign import open_trusted, sign
from sentio_mobile.errors import BundleError, CheckFailedError

WEIGHTS = "mobilevit-spectrogram-int8.mlpackage/Data/weight.bin"
NETWORK = "mobilevit-waveform-fp32.onnx"


@pytest.fixture
def folder(make_bundle: MakeBundle) -> Path:
    return make_bundle("bundle")


def onnx(manifest: Manifest) -> ArtifactEntry:
    return find_artifact(manifest, Path("bundle"), format_name="onnx", form="waveform")


def open_onnx(folder: Path) -> Bundle:
    return open_bundle(folder, onnx)


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_damage_elsewhere_does_not_hinder_and_is_never_given_out(folder: Path) -> None:
    change(folder / WEIGHTS)
    change(folder / GOLDEN)
    with pytest.raises(BundleError, match="SHA-256 differs"):
        open_bundle(folder)
    bundle = open_onnx(folder)
    assert [artifact.label for artifact in bundle.artifacts] == ["onnx waveform fp32"]
    assert bundle.artifact("onnx", "waveform").path == folder / NETWORK
    assert bundle.evaluation().val is not None
    with pytest.raises(BundleError, match=r"weight.bin: is not the file .*SHA-256 differs"):
        bundle.artifact("coreml")
    with pytest.raises(BundleError, match=rf"{GOLDEN}: is not the file"):
        bundle.golden()


def test_what_is_missing_elsewhere_does_not_hinder(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=r"weight.bin: is missing"):
        open_onnx(folder).artifact("coreml")


def test_a_folder_that_lists_no_evaluation_has_an_empty_one(folder: Path) -> None:
    bundle = open_onnx(folder)
    files = {name: entry for name, entry in bundle.manifest.files.items() if name != EVALUATION}
    app = replace(bundle, manifest=replace(bundle.manifest, files=files))
    (folder / EVALUATION).unlink()
    assert app.evaluation().held_out is None
    with pytest.raises(BundleError, match=r"evaluation.json"):
        bundle.evaluation()


def test_damaged_artifact_is_not_opened(folder: Path) -> None:
    change(folder / NETWORK)
    with pytest.raises(BundleError, match=rf"{NETWORK}: is not the file"):
        open_onnx(folder)


def test_one_artifact_of_a_signed_bundle_is_hashed_and_nothing_may_be_added(folder: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    public, _ = make_key(key)
    sign(folder, key)
    change(folder / WEIGHTS)
    assert len(open_trusted(folder, public, onnx).artifacts) == 1
    (folder / "more.bin").write_bytes(b"more")
    with pytest.raises(CheckFailedError, match=r"more\.bin"):
        open_trusted(folder, public, onnx)
    (folder / "more.bin").unlink()
    change(folder / NETWORK)
    with pytest.raises(BundleError, match=rf"{NETWORK}: is not the file"):
        open_trusted(folder, public, onnx)
