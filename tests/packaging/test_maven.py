"""android/ and the real ONNX Runtime, Android and TensorFlow Lite, as far as Maven Central has them."""

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from conversions import build_shared

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.spec import Precision

sys.path.insert(0, str(Path(__file__).parent / "android"))
from kotlin_tools import ANDROID, compile_kotlin, library, need_kotlin
from maven import VERIFY, Measured, NotServedError, declarations, measure

RECORD = ROOT / "benchmarks" / "baselines" / "onnxruntime-jvm.json"
LIBRARIES = ("sentio-core", "sentio-android", "sentio-litert", "sentio-onnx")
GPU_FACTORY = Path("org", "tensorflow", "lite", "gpu", "GpuDelegateFactory.java")


@contextmanager
def served() -> Iterator[None]:
    """Skip the test where Maven or an artifact is missing."""
    try:
        yield
    except NotServedError as error:
        pytest.skip(str(error))


def test_the_build_has_the_versions_of_the_gradle_build() -> None:
    catalogue = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())["versions"]
    properties = ElementTree.parse(VERIFY / "pom.xml").getroot().find("{*}properties")
    assert properties is not None
    names = {"kotlin.version": "kotlin", "coroutines.version": "coroutines", "onnxruntime.version": "onnxruntime"}
    found = {names[name]: node.text for node in properties if (name := node.tag.partition("}")[2]) in names}
    assert found == {name: catalogue[name] for name in names.values()}


def test_the_record_is_within_what_an_export_may_have() -> None:
    record = msgspec.json.decode(RECORD.read_bytes())
    models = {name: msgspec.convert(one, Measured) for name, one in record["models"].items()}
    precisions = {one.artifact.rpartition(" ")[2] for one in models.values()}
    assert precisions >= {"fp32", "fp16", "int8"}
    for name, one in models.items():
        assert one.vectors >= 4, name
        assert one.max_diff <= load_targets().tolerance(one.artifact.rpartition(" ")[2]), name
    version = re.search(r'^onnxruntime = "(.+)"$', (ANDROID / "gradle/libs.versions.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert record["onnxruntime"] == version[1]


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
def test_kotlin_gives_the_golden_answers_on_the_real_onnx_runtime(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic")
    recipe = ExportRecipe(formats=("onnx",), forms=("waveform",), precisions=precisions)
    build_shared(tmp_path_factory, recipe, out=tmp_path / "student", keep_refused=True)
    bundles = [open_bundle(tmp_path / "student"), open_bundle(ROOT / "models" / "default")]
    with served():
        found = measure(bundles, tmp_path)
    assert {one.artifact for one in found.values()} == {
        *(f"onnx waveform {precision}" for precision in precisions),
        "onnx spectrogram int8",
    }
    for one in found.values():
        assert one.vectors >= 4
        assert one.max_diff <= load_targets().tolerance(one.artifact.rpartition(" ")[2])
    worst = {one.artifact: one.max_diff for one in found.values()}
    assert worst["onnx waveform fp32"] < worst["onnx waveform fp16"] < worst["onnx waveform int8-dynamic"]


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
def test_the_library_calls_what_the_real_classes_have(tmp_path: Path) -> None:
    """One class is missing there, and stands in a declaration of ours: `GpuDelegateFactory`."""
    need_kotlin()
    with served():
        jars = declarations(tmp_path)
    assert len(jars) == 5
    ours = tmp_path / "declared" / GPU_FACTORY
    ours.parent.mkdir(parents=True)
    shutil.copyfile(Path(__file__).parent / "android" / "stubs" / "runtimes" / GPU_FACTORY, ours)
    jars += [library("kotlinx-coroutines-core-jvm"), library("annotations-13.0")]
    sources = [ANDROID / name / "src" / "main" / "kotlin" for name in LIBRARIES]
    compiled = compile_kotlin("real", [tmp_path / "declared", *sources], jars, "-Xexplicit-api=strict")
    assert compiled.code == 0, compiled.said
    # A call that is not there must be found.
    wrong = tmp_path / "wrong" / "Wrong.kt"
    wrong.parent.mkdir()
    wrong.write_text("internal fun wrong(codec: android.media.MediaCodec) = codec.outputFormats\n")
    compiled = compile_kotlin("wrong", [wrong.parent], jars)
    assert "unresolved reference 'outputFormats'" in compiled.said
