"""android/ and the real ONNX Runtime, Compose, Android and TensorFlow Lite, as far as Maven Central has them."""

import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import msgspec
import numpy as np
import pytest
from conversions import build_shared

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.spec import Precision

sys.path.insert(0, str(Path(__file__).parent / "android"))
from kotlin_tools import ANDROID, Compiled, compile_kotlin, library, need_kotlin
from maven import SCREENS, VERIFY, Measured, compose_jars, declarations, maven, measure, served

RECORD = ROOT / "benchmarks" / "baselines" / "onnxruntime-jvm.json"
STUBS = Path(__file__).parent / "android" / "stubs"
LIBRARIES = ("sentio-core", "sentio-android", "sentio-library", "sentio-litert", "sentio-onnx")
GPU_FACTORY = Path("org", "tensorflow", "lite", "gpu", "GpuDelegateFactory.java")


@pytest.mark.parametrize("project", [VERIFY, SCREENS], ids=lambda path: path.name)
def test_the_build_has_the_versions_of_the_gradle_build(project: Path) -> None:
    catalogue = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())["versions"]
    properties = ElementTree.parse(project / "pom.xml").getroot().find("{*}properties")
    assert properties is not None
    names = {"kotlin.version": "kotlin", "coroutines.version": "coroutines", "onnxruntime.version": "onnxruntime"}
    names |= {"work.version": "work"}
    found = {names[name]: node.text for node in properties if (name := node.tag.partition("}")[2]) in names}
    assert found == {name: catalogue[name] for name in found}
    assert found.keys() >= {"kotlin", "coroutines"}


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


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compiled, list[Path]]:
    """The library, compiled against the real classes, and these.

    One class is missing there, and stands in a declaration of ours: `GpuDelegateFactory`.
    """
    need_kotlin()
    folder = tmp_path_factory.mktemp("real")
    with served():
        jars = declarations(folder)
    assert len(jars) == 7
    ours = folder / "declared" / GPU_FACTORY
    ours.parent.mkdir(parents=True)
    shutil.copyfile(STUBS / "runtimes" / GPU_FACTORY, ours)
    jars += [library("kotlinx-coroutines-core-jvm"), library("annotations-13.0")]
    sources = [ANDROID / name / "src" / "main" / "kotlin" for name in LIBRARIES]
    return compile_kotlin("real", [folder / "declared", *sources], jars, "-Xexplicit-api=strict"), jars


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
def test_the_library_calls_what_the_real_classes_have(real: tuple[Compiled, list[Path]], tmp_path: Path) -> None:
    compiled, jars = real
    assert compiled.code == 0, compiled.said
    # A call that is not there must be found.
    wrong = tmp_path / "wrong" / "Wrong.kt"
    wrong.parent.mkdir()
    wrong.write_text("internal fun wrong(codec: android.media.MediaCodec) = codec.outputFormats\n")
    compiled = compile_kotlin("wrong", [wrong.parent], jars)
    assert "unresolved reference 'outputFormats'" in compiled.said


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
def test_the_demo_calls_what_the_library_and_compose_have(real: tuple[Compiled, list[Path]], tmp_path: Path) -> None:
    """Compose is the real one, for desktops; activities and what lives with them are stubs, which nobody checks."""
    compiled, jars = real
    with served():
        jars = [compiled.folder, *jars, *compose_jars()]
    demo = ANDROID / "demo" / "src" / "main"
    command = ["java", SCREENS / "src" / "generate" / "WriteR.java", demo / "res", tmp_path / "R" / "R.kt"]
    subprocess.run(command, check=True)
    sources = [STUBS / "androidx", tmp_path / "R", demo / "kotlin"]
    compiled = compile_kotlin("demo", sources, jars, f"-Xplugin={library('compose-compiler-plugin')}")
    assert compiled.code == 0, compiled.said


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
def test_the_demo_s_screens_are_drawn_and_their_texts_seen_whole(tmp_path: Path) -> None:
    """That the checks find faults is tested beside them, by the same build."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the canvas in android/verify/screens/pom.xml is that of Linux on x86_64")
    with served():
        maven("test", f"-Dsentio.screens={tmp_path}", project=SCREENS)
    pictures = {path.stem: matplotlib.image.imread(path) for path in tmp_path.glob("*.png")}
    for phone, width in {"light": 720, "dark": 720, "large": 720, "wide": 1680}.items():
        for state in ("loading", "idle", "listening", "result", "error", "benchmark"):
            picture = pictures[f"{state} {phone}"][:, :, :3]
            assert picture.shape[1] == width
            ground = float(np.median(picture))
            assert ground < 0.2 if phone == "dark" else ground > 0.9
            # Words and lines stand out from it.
            assert 0.002 < float(np.mean(np.abs(picture - ground) > 0.4)) < 0.3
