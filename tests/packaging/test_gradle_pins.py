"""The versions an Android build starts from: what the vendors' tables allow, and a wrapper that is Gradle's own."""

import random
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.resources import ROOT

sys.path.insert(0, str(Path(__file__).parent / "android"))
import apk_parts
from pages import PAGE, alignments, downloaded, faults, has_readelf, main, offsets

ANDROID = ROOT / "android"
WRAPPER = ANDROID / "gradle" / "wrapper"

# https://gradle.org/release-checksums/, of the versions that the tables below name.
PUBLISHED = {
    "9.4.1": {
        "bin": "2ab2958f2a1e51120c326cad6f385153bb11ee93b3c216c5fccebfdfbb7ec6cb",
        "wrapper": "55243ef57851f12b070ad14f7f5bb8302daceeebc5bce5ece5fa6edb23e1145c",
    },
}

# https://developer.android.com/build/releases/agp-9-2-0-release-notes, "Compatibility": the least Gradle, the least JDK
# and the highest API level. Android Studio opens every plugin from 4.0 to its own version (the page about-agp there).
AGP = {"9.2": {"gradle": (9, 4, 1), "jdk": 17, "api": 36}}

# https://developer.android.com/build/kotlin-support: the least R8 that reads what a Kotlin compiler writes. Each AGP
# brings the R8 of its own number.
R8 = {"2.4": (9, 1, 29)}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


@pytest.fixture
def versions() -> dict[str, str]:
    return tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())["versions"]


@pytest.fixture
def wrapper() -> dict[str, str]:
    lines = (WRAPPER / "gradle-wrapper.properties").read_text().splitlines()
    return {key: value.replace("\\:", ":") for key, _, value in (line.partition("=") for line in lines)}


def test_the_wrapper_is_the_one_that_gradle_published(wrapper: dict[str, str]) -> None:
    found = re.fullmatch(
        r"https://services\.gradle\.org/distributions/gradle-([\d.]+)-bin\.zip", wrapper["distributionUrl"]
    )
    assert found is not None
    published = PUBLISHED[found[1]]
    assert wrapper["distributionSha256Sum"] == published["bin"]
    assert sha256(WRAPPER / "gradle-wrapper.jar") == published["wrapper"]
    with zipfile.ZipFile(WRAPPER / "gradle-wrapper.jar") as jar:
        manifest = jar.read("META-INF/MANIFEST.MF").decode()
    # The script starts the jar by its manifest.
    assert "Main-Class: org.gradle.wrapper.GradleWrapperMain" in manifest
    assert '-jar "$APP_HOME/gradle/wrapper/gradle-wrapper.jar"' in (ANDROID / "gradlew").read_text()
    windows = (ANDROID / "gradlew.bat").read_bytes()
    assert rb'-jar "%APP_HOME%\gradle\wrapper\gradle-wrapper.jar"' in windows
    assert windows.count(b"\n") == windows.count(b"\r\n")


def test_the_versions_fit_by_the_vendors_tables(versions: dict[str, str], wrapper: dict[str, str]) -> None:
    agp = AGP[versions["agp"].rpartition(".")[0]]
    assert numbers(wrapper["distributionUrl"]) >= agp["gradle"]
    assert int(versions["compileSdk"]) <= agp["api"]
    assert int(versions["targetSdk"]) <= int(versions["compileSdk"])
    daemon = (ANDROID / "gradle" / "gradle-daemon-jvm.properties").read_text()
    assert "toolchainVersion=21\n" in daemon
    assert agp["jdk"] <= 21
    kotlin = versions["kotlin"].rpartition(".")[0]
    assert numbers(versions["agp"]) >= R8[kotlin]


def test_kotlin_is_the_one_that_is_built_in() -> None:
    scripts = "".join(path.read_text() for path in ANDROID.glob("**/*.kts"))
    assert "kotlin.android" not in scripts
    assert "kotlin-android" not in (ANDROID / "gradle" / "libs.versions.toml").read_text()


def test_the_runtimes_are_of_the_16_kb_page_kind(versions: dict[str, str]) -> None:
    # Before these, some of their libraries are laid out for pages of 4 KB, which Google Play refuses.
    assert numbers(versions["litert"]) >= (1, 4, 2)
    assert numbers(versions["onnxruntime"]) >= (1, 27)


RUNTIMES = ("litert-runtime", "litert-gpu-runtime", "onnxruntime")
"""Libraries of the catalogue that bring native code."""

reads_libraries = pytest.mark.skipif(not has_readelf(), reason="no readelf: `apt-get install binutils`")


@reads_libraries
@pytest.mark.parametrize("name", RUNTIMES)
def test_native_libraries_are_laid_out_for_pages_of_16_kb(name: str, versions: dict[str, str], tmp_path: Path) -> None:
    entry = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())["libraries"][name]
    group, module = entry["module"].split(":")
    version = versions[entry["version"]["ref"]]
    archives = downloaded(group, module, version)
    if not archives:
        pytest.skip(f"{group}:{module}:{version} is not in Gradle's cache; `./gradlew :demo:assemble` fetches it")
    for archive in archives:
        found = alignments(archive, tmp_path)
        assert found, archive
        assert {library: size for library, size in found.items() if size < PAGE} == {}


def library(folder: Path, page: int) -> Path:
    """A library that is laid out for pages of so many bytes."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to make libraries with")
    made = folder / "libmade.so"
    (folder / "made.c").write_text("int made(void) { return 1; }\n")
    command = ["cc", "-shared", "-nostdlib", f"-Wl,-z,max-page-size={page}", "-o", made, folder / "made.c"]
    subprocess.run(command, check=True)
    return made


@reads_libraries
@pytest.mark.parametrize(("page", "fits"), [(4096, False), (PAGE, True), (65536, True)])
def test_a_library_that_is_laid_out_for_smaller_pages_is_found(page: int, fits: bool, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made.aar", "w") as archive:
        archive.write(library(tmp_path, page), "jni/x86_64/libmade.so")
        archive.writestr("jni/armeabi-v7a/libmade.so", b"32 bits: not read")
    found = alignments(tmp_path / "made.aar", tmp_path / "read")
    assert {name: size >= PAGE for name, size in found.items()} == {"jni/x86_64/libmade.so": fits}


NAME = "lib/x86_64/libmade.so"


def apk(folder: Path, page: int, before: int, kind: int = zipfile.ZIP_STORED) -> Path:
    """An APK of one library, which begins after so many bytes of something else."""
    path = folder / "made.apk"
    # An entry has 30 bytes and its name before its content.
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", bytes(before - 31 - 30 - len(NAME)))
        archive.write(library(folder, page), NAME, kind)
    return path


@reads_libraries
@pytest.mark.parametrize(
    ("page", "before", "kind", "said"),
    [
        (PAGE, PAGE, zipfile.ZIP_STORED, ""),
        (PAGE, PAGE + 4096, zipfile.ZIP_STORED, f"made.apk: {NAME} begins within a page, at byte 20480"),
        # It is unpacked when it is installed.
        (PAGE, PAGE + 4096, zipfile.ZIP_DEFLATED, ""),
        (4096, PAGE, zipfile.ZIP_STORED, f"made.apk: {NAME} is laid out for pages of 4096 bytes"),
    ],
)
def test_an_apk_that_such_phones_cannot_load_from_is_found(
    page: int, before: int, kind: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = apk(tmp_path, page, before, kind)
    assert offsets(made) == ({NAME: before} if kind == zipfile.ZIP_STORED else {})
    assert faults(made, tmp_path / "read") == ([said] if said else [])
    assert main([str(made)]) == (1 if said else 0)
    assert (said or "every library is laid out for pages of 16 KB") in capsys.readouterr().out


def test_an_apk_without_libraries_proves_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.apk", "w") as archive:
        archive.writestr("classes.dex", b"")
    assert faults(tmp_path / "empty.apk", tmp_path) == ["empty.apk: has no library for 64 bits"]


def test_the_parts_of_an_apk_add_up_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made.apk"
    noise = random.Random(0).randbytes
    entries = {
        "lib/arm64-v8a/libone.so": (noise(5000), zipfile.ZIP_STORED),
        "lib/arm64-v8a/libtwo.so": (bytes(3000), zipfile.ZIP_STORED),
        "lib/x86_64/libone.so": (noise(4000), zipfile.ZIP_STORED),
        "assets/sentio/emotion-fp32.tflite": (noise(2500), zipfile.ZIP_STORED),
        "assets/sentio/golden.safetensors": (noise(1500), zipfile.ZIP_STORED),
        "assets/sentio/manifest.json": (bytes(900), zipfile.ZIP_DEFLATED),
        "assets/sentio/MODEL_CARD.md": (bytes(100), zipfile.ZIP_DEFLATED),
        "classes.dex": (bytes(6000), zipfile.ZIP_DEFLATED),
        "res/ic.xml": (noise(300), zipfile.ZIP_STORED),
        "resources.arsc": (noise(200), zipfile.ZIP_STORED),
        "META-INF/services/org.sentiomobile.core.model.BackendFactory": (noise(10), zipfile.ZIP_STORED),
    }
    with zipfile.ZipFile(made, "w") as archive:
        for name, (content, kind) in entries.items():
            archive.writestr(name, content, kind)
    found = apk_parts.parts(made)
    assert sum(stored for stored, _ in found.values()) == made.stat().st_size
    assert sum(unpacked for _, unpacked in found.values()) == sum(len(content) for content, _ in entries.values())
    assert found["native code, arm64-v8a"] == (8000, 8000)
    assert found["native code, x86_64"] == (4000, 4000)
    assert found["model"] == (2500, 2500)
    assert found["golden vectors"] == (1500, 1500)
    assert found["resources"] == (500, 500)
    assert found["other files"] == (10, 10)
    stored, unpacked = found["code of the app and its libraries"]
    assert stored < unpacked == 6000
    assert found["manifest and card"][1] == 1000
    apk_parts.main([str(made)])
    assert f"| all | {made.stat().st_size:,} | |" in capsys.readouterr().out


def test_the_readme_says_what_the_demos_model_weighs() -> None:
    text = (ANDROID / "README.md").read_text()
    folder = ANDROID / "demo" / "src" / "main" / "assets" / "sentio"
    (model,) = folder.glob("*.tflite")
    for part, path in (("model", model), ("golden vectors", folder / "golden.safetensors")):
        found = re.search(rf"^\| {part} \| (\d\.\d) MB", text, re.MULTILINE)
        assert found is not None
        assert float(found[1]) == round(path.stat().st_size / 1e6, 1)
