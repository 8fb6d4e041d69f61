"""Core ML's files: the systems that read them, what Xcode shows, an order that no process chose, and damage."""

import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conversions import build_shared, skip_unless_here

from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.parity import measure_parity
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.errors import BundleError
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.formats.base import SPEC_KEY
from sentio_mobile.formats.coreml_base import PROGRAM, CoreMLFormat
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


@pytest.fixture
def core_ml_bundles(exported: Bundle, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Both formats, in the form `spectrogram` in every precision, and in the form `waveform` as apps carry it."""
    for name in ("coreml", "mlmodel"):
        skip_unless_here(name)
    recipe = ExportRecipe(formats=("coreml", "mlmodel"), forms=("waveform",), precisions=("fp32", "fp16"))
    build_shared(tmp_path_factory, recipe, out=tmp_path / "waveform", keep_refused=True)
    return [exported, open_bundle(tmp_path / "waveform")]


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML is a part of Apple's systems")
@pytest.mark.timeout(3000)
def test_core_ml_itself_gives_the_golden_answers(core_ml_bundles: list[Bundle]) -> None:
    """Those of PyTorch, and those of the numpy code that stands for Core ML on other systems."""
    targets, labels = load_targets(), set()
    for bundle in core_ml_bundles:
        golden = bundle.golden()
        for artifact in bundle.artifacts:
            model = get_format(artifact.format)
            if not isinstance(model, CoreMLFormat):
                continue
            labels.add(artifact.label)
            found = measure_parity(artifact, golden, spec=bundle.spec, targets=targets)
            print(f"measured: {artifact.label}: off by {found.max_diff_text}")
            if artifact.precision in ("fp32", "fp16"):
                assert (found.verdict, found.reason) == ("pass", ""), artifact.label
            spec = bundle.spec.in_form(artifact.form)
            core_ml, numpy = model.open(artifact.path, spec), model.interpret(artifact.path, spec)
            for one in list(golden.inputs(spec))[:2]:
                np.testing.assert_allclose(core_ml(one), numpy(one), atol=targets.tolerance(artifact.precision))
    assert labels >= {
        f"{name} {form} {precision}"
        for name in ("coreml", "mlmodel")
        for form in ("spectrogram", "waveform")
        for precision in ("fp32", "fp16")
    }
