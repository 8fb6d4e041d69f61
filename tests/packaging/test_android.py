"""android/: what can be proved of it without Google's SDK, by the real Kotlin compiler, JUnit and aapt2."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import sentio_mobile
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.models.checkpoint import Checkpoint

sys.path.insert(0, str(Path(__file__).parent / "android"))
from kotlin_reference import write_reference
from kotlin_tools import ANDROID, Compiled, compile_kotlin, junit, library, need_kotlin
from platform_stubs import Platform, imports_of, words_of

GOLDEN = ROOT / "export" / "golden"
STUBS = Path(__file__).parent / "android" / "stubs"
CORE = ANDROID / "sentio-core"
DEMO = ANDROID / "demo"
ON_A_PHONE = DEMO / "src" / "androidTest" / "kotlin"
RESOURCES = DEMO / "src" / "main" / "res"
BACKENDS = ("sentio-litert", "sentio-onnx")
LIBRARIES = ("sentio-core", "sentio-android", *BACKENDS)
TOOLS = "{http://schemas.android.com/tools}"
NAME = "{http://schemas.android.com/apk/res/android}name"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
COROUTINES = "kotlinx-coroutines-core-jvm"

compiles = pytest.mark.timeout(900)


def main_of(module: str) -> Path:
    return ANDROID / module / "src" / "main" / "kotlin"


def kotlin_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.kt"))


def gradle_properties() -> dict[str, str]:
    lines = (ANDROID / "gradle.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def modules() -> list[str]:
    settings = (ANDROID / "settings.gradle.kts").read_text()
    fixed = re.findall(r'":([\w-]+)"', settings)
    return [*fixed, *BACKENDS]


@pytest.fixture(scope="module")
def core() -> Compiled:
    """sentio-core with its tests, as one."""
    need_kotlin()
    jars = [library(COROUTINES), library("kotlin-test"), library("kotlin-test-junit"), *junit()]
    return compile_kotlin("core", [main_of("sentio-core"), CORE / "src" / "test" / "kotlin"], jars)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Android's classes, as far as the project uses them, made from the signatures of chaquopy-stubs-android."""
    try:
        files = importlib.metadata.files("chaquopy-stubs-android") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("no chaquopy-stubs-android: `pip install chaquopy-stubs-android`")
    root = next(Path(str(file.locate())) for file in files if file.match("android-stubs/__init__.pyi")).parents[1]
    ours = kotlin_files(main_of("sentio-android"), ON_A_PHONE)
    folder = tmp_path_factory.mktemp("platform")
    imported = imports_of([*ours, *kotlin_files(STUBS / "instrumentation")])
    for name, text in Platform(root).java(imported, words_of(ours)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's manifest and resources, compiled and linked by aapt2."""
    if shutil.which("aapt2") is None or not FRAMEWORK.is_file():
        pytest.skip("no aapt2 or no framework: `apt-get install aapt android-framework-res`")
    folder = tmp_path_factory.mktemp("resources")
    (folder / "values").mkdir()
    name = gradle_properties()["sentio.appName"]
    # What Gradle adds: a resource of the build file, the package, and that nodes are removed.
    text = f'<resources><string name="app_name">{name}</string></resources>'
    (folder / "values" / "gradle.xml").write_text(text)
    manifest = ET.parse(DEMO / "src" / "main" / "AndroidManifest.xml")
    root = manifest.getroot()
    root.set("package", "org.sentiomobile.demo")
    for node in [node for node in root if node.get(f"{TOOLS}node") == "remove"]:
        root.remove(node)
    manifest.write(folder / "AndroidManifest.xml")
    subprocess.run(["aapt2", "compile", "-o", folder / "res.zip", "--dir", RESOURCES], check=True)
    subprocess.run(["aapt2", "compile", "-o", folder, folder / "values" / "gradle.xml"], check=True)
    link = ["aapt2", "link", "-I", FRAMEWORK, "--manifest", folder / "AndroidManifest.xml"]
    link += ["--min-sdk-version", "26", "--target-sdk-version", "36", "-o", folder / "linked.apk"]
    subprocess.run([*link, folder / "values_gradle.arsc.flat", folder / "res.zip"], check=True)
    return folder


@pytest.fixture(scope="module")
def layer(platform: Path) -> Compiled:
    """The libraries, without their tests; all that is public must say so, with its type."""
    sources = [platform, STUBS / "runtimes", *(main_of(name) for name in LIBRARIES)]
    jars = [library(COROUTINES), library("annotations-13.0")]
    return compile_kotlin("layer", sources, jars, "-Xexplicit-api=strict")


@compiles
def test_core_passes_its_own_tests(core: Compiled, tmp_path: Path) -> None:
    assert core.code == 0, core.said
    write_reference(tmp_path)
    files = kotlin_files(CORE / "src" / "test" / "kotlin")
    names = [f"org.sentiomobile.core.{path.stem}" for path in files if path.stem.endswith("Test")]
    wanted = sum(path.read_text().count("@Test\n") for path in files)
    names_of_jars = (COROUTINES, "kotlin-stdlib", "kotlin-test", "kotlin-test-junit")
    jars = [*map(library, names_of_jars), *junit()]
    command = ["java", "-Xmx384m", f"-Dsentio.android={ANDROID}", f"-Dsentio.python={tmp_path}"]
    command += ["-cp", os.pathsep.join(map(str, [core.folder, *jars])), "org.junit.runner.JUnitCore", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert wanted > 60
    assert f"OK ({wanted} tests)" in done.stdout
    # Tests skip themselves where files are not there; these are.
    for measured in ("worst level", "front end", "from 48000 Hz"):
        assert f"measured: {measured}" in done.stdout
    check_answers(tmp_path)


def check_answers(folder: Path) -> None:
    """What Kotlin's front end feeds a model, run by PyTorch: PCM to answer, over both languages."""
    student = Checkpoint.load(GOLDEN / "student")
    golden = load_file(GOLDEN / "golden.safetensors")
    assert len(list(folder.glob("input *.f32"))) == len(golden["output"]) >= 9
    for sound, wanted in enumerate(golden["output"]):
        given = np.fromfile(folder / f"input {sound}.f32", "<f4").reshape(student.spec.input_shape)
        with torch.inference_mode():
            answer = student.model(torch.from_numpy(given)).numpy()
        np.testing.assert_allclose(answer, wanted[None], atol=1e-4)


@compiles
@pytest.mark.exhaustive
def test_the_layer_calls_what_android_has(layer: Compiled) -> None:
    assert layer.code == 0, layer.said


@compiles
@pytest.mark.exhaustive
def test_the_tests_on_a_phone_call_what_the_layer_has(layer: Compiled, platform: Path, tmp_path: Path) -> None:
    jars = [layer.folder, library(COROUTINES), library("annotations-13.0"), *junit()]
    stubs = [platform, STUBS / "instrumentation"]
    compiled = compile_kotlin("on a phone", [*stubs, ON_A_PHONE], jars)
    assert compiled.code == 0, compiled.said
    # Before Android 11, methods have no blanks in their names.
    assert re.findall(r"fun `[^`]*`", "".join(path.read_text() for path in kotlin_files(ON_A_PHONE))) == []
    # A call that is not there is found.
    wrong = tmp_path / "wrong"
    shutil.copytree(ON_A_PHONE, wrong)
    for path in kotlin_files(wrong):
        path.write_text(path.read_text().replace("sentio.checkDevice()", "sentio.checkPhone()"))
    assert "unresolved reference 'checkPhone'" in compile_kotlin("wrong on a phone", [*stubs, wrong], jars).said


def test_manifest_and_resources_link(linked: Path) -> None:
    command = ["aapt2", "dump", "badging", linked / "linked.apk"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "application-label:'Sentio'" in said
    assert "launchable-activity: name='org.sentiomobile.demo.MainActivity'" in said
    assert re.findall(r"uses-permission: name='([^']+)'", said) == ["android.permission.RECORD_AUDIO"]


def test_core_knows_nothing_of_android() -> None:
    files = kotlin_files(CORE / "src")
    assert len(files) > 25
    assert not imports_of(files)
    assert not [path for path in files if re.search(r"\bandroidx?\.", path.read_text().replace("sentio.android", ""))]


def test_nothing_asks_for_the_network() -> None:
    manifests = [path for path in ANDROID.rglob("AndroidManifest.xml") if "build" not in path.parts]
    assert len(manifests) == 5
    asked = [node for path in manifests for node in ET.parse(path).getroot().iter("uses-permission")]
    granted = {node.get(NAME) for node in asked if node.get(f"{TOOLS}node") != "remove"}
    music = {"android.permission.READ_MEDIA_AUDIO", "android.permission.READ_EXTERNAL_STORAGE"}
    assert granted == {"android.permission.RECORD_AUDIO"} | music
    removed = {node.get(NAME) for node in asked} - granted
    assert "android.permission.INTERNET" in removed


def test_gradle_files_fit_together() -> None:
    properties = gradle_properties()
    assert properties["sentio.applicationId"] == "org.sentiomobile.demo"
    assert properties["sentio.appName"] == "Sentio"
    assert properties["sentio.backends"] == "litert"
    assert properties["version"] == sentio_mobile.__version__
    assert properties["group"] == "org.sentiomobile"
    catalogue = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())
    known = {f"libs.{name.replace('-', '.')}" for name in catalogue["libraries"]}
    known |= {f"libs.plugins.{name.replace('-', '.')}" for name in catalogue["plugins"]}
    known |= {f"libs.versions.{name.replace('-', '.')}" for name in catalogue["versions"]}
    used = set()
    for folder in [ANDROID, *(ANDROID / name for name in modules())]:
        text = (folder / "build.gradle.kts").read_text()
        used |= set(re.findall(r"(?<![\w.])libs\.[a-z0-9.]+[a-zA-Z0-9]+?(?=\)|\.get\()", text))
        for project in re.findall(r'project\(":([\w-]+)"\)', text):
            assert project in modules()
    assert used <= known
    entries = [*catalogue["libraries"].values(), *catalogue["plugins"].values()]
    named = [entry["version"]["ref"] for entry in entries if "version" in entry]
    referenced = {f"libs.versions.{name.replace('-', '.')}" for name in named}
    assert known == used | referenced


def test_the_library_is_published_from_one_place() -> None:
    for name in (*LIBRARIES, "sentio-library"):
        text = (ANDROID / name / "build.gradle.kts").read_text()
        assert 'apply(from = "../gradle/publish.gradle.kts")' in text
        assert "withSourcesJar()" in text
        assert not re.search(r"^\s*(group|version)\s*=", text, re.MULTILINE)


def test_back_ends_are_found_by_their_names() -> None:
    for name in BACKENDS:
        services = ANDROID / name / "src" / "main" / "resources" / "META-INF" / "services"
        found = (services / "org.sentiomobile.core.model.BackendFactory").read_text().split()
        rules = (ANDROID / name / "consumer-rules.pro").read_text()
        for factory in found:
            path = main_of(name) / f"{factory.replace('.', '/')}.kt"
            assert f"class {path.stem} : BackendFactory" in path.read_text()
            assert f"-keep class {factory} {{ <init>(); }}" in rules


def test_the_model_that_the_demo_carries_is_whole_and_stored_for_mapping() -> None:
    bundle = open_bundle(DEMO / "src" / "main" / "assets" / "sentio")
    assert [artifact.format for artifact in bundle.artifacts] == ["tflite", "onnx"]
    assert len(bundle.golden().output) == 4
    kept = re.search(r"noCompress \+= listOf\(([^)]*)\)", (DEMO / "build.gradle.kts").read_text())
    assert kept is not None
    suffixes = set(re.findall(r'"(\w+)"', kept[1]))
    assert {artifact.path.suffix[1:] for artifact in bundle.artifacts} | {"safetensors"} == suffixes


def test_every_resource_exists_and_is_used() -> None:
    code = "\n".join(path.read_text() for path in kotlin_files(main_of("demo")))
    xml = "\n".join(path.read_text() for path in [*RESOURCES.rglob("*.xml"), DEMO / "src/main/AndroidManifest.xml"])
    strings = {node.get("name"): node.text or "" for node in ET.parse(RESOURCES / "values/strings.xml").getroot()}
    used = set(re.findall(r"R\.string\.(\w+)", code))
    assert used == set(strings)
    drawables = {path.stem for path in (RESOURCES / "drawable").iterdir()}
    assert set(re.findall(r"(?:R\.drawable\.|@drawable/)(\w+)", code + xml)) == drawables
    for name, arguments in calls(code, "stringResource"):
        placeholders = set(re.findall(r"%(\d)\$", strings[name]))
        assert len(placeholders) == arguments, f"{name} takes {len(placeholders)}, is given {arguments}"


def calls(code: str, function: str) -> list[tuple[str, int]]:
    """The string that each call shows, and how many arguments it fills in."""
    found = []
    for match in re.finditer(rf"{function}\(\s*R\.string\.(\w+)", code):
        depth, commas, at, last = 1, 0, match.end(), ""
        while depth:
            letter = code[at]
            depth += (letter in "([{") - (letter in ")]}")
            commas += letter == "," and depth == 1
            last = letter if letter.strip() and depth else last
            at += 1
        found.append((match[1], commas - (last == ",")))
    return found


def test_files_are_short_and_name_no_other_place() -> None:
    files = [*kotlin_files(ANDROID), *ANDROID.rglob("*.kts"), *ANDROID.rglob("*.toml")]
    assert [path for path in files if len(path.read_text().splitlines()) > 320] == []
    for path in files:
        assert not re.search(r'"/(?:work|home|root|tmp|usr)/', path.read_text()), path
        assert str(ROOT) not in path.read_text()
