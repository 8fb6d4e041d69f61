"""Core ML's files: the systems that read them, what Xcode shows, an order that no process chose, and damage."""

import shutil
import sys
import warnings
from pathlib import Path

import pytest
from conversions import skip_unless_here

from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.base import SPEC_KEY
from sentio_mobile.formats.coreml_base import PROGRAM
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Precision

pytestmark = pytest.mark.slow

WEIGHTS = PROGRAM.parent / "weights" / "weight.bin"


@pytest.mark.parametrize(
    ("name", "precision", "version"),
    [
        ("coreml", "fp32", 6),  # iOS 15
        ("coreml", "fp16", 6),
        ("coreml", "int8", 7),  # iOS 16
        ("mlmodel", "fp32", 4),  # iOS 13
        ("mlmodel", "fp16", 4),
    ],
)
def test_specification_version_descriptions_and_order(
    name: str, precision: Precision, version: int, exported: Bundle
) -> None:
    skip_unless_here(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto = pytest.importorskip("coremltools.proto.Model_pb2")
    path = exported.artifact(name, precision=precision).path
    content = (path / PROGRAM if path.is_dir() else path).read_bytes()
    assert content[:2] == bytes([8, version])
    for words in (b"valence, arousal, each from -1 to 1", b"db80", SPEC_KEY.encode()):
        assert words in content
    assert proto.Model.FromString(content).SerializeToString(deterministic=True) == content


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself reads the package")
@pytest.mark.parametrize("file", [Path("Manifest.json"), PROGRAM, WEIGHTS], ids=lambda path: path.name)
@pytest.mark.parametrize("kept", [None, 0, 300, -2])
def test_open_damaged_package_is_one_line(file: Path, kept: int | None, exported: Bundle, tmp_path: Path) -> None:
    skip_unless_here("coreml")
    package = tmp_path / "model.mlpackage"
    shutil.copytree(exported.artifact("coreml").path, package)
    data = (package / file).read_bytes()
    (package / file).unlink()
    if kept is not None:
        (package / file).write_bytes(data[:kept])
    with pytest.raises(BundleError) as error:
        get_format("coreml").open(package, exported.spec)
    assert str(package) in str(error.value)
    assert "\n" not in str(error.value)
