"""The Swift package and the demo's Xcode project, as far as they can be judged without Apple's tools.

Where a Swift compiler is, the core is built and tested for real, and the rest is compiled against declarations of
Apple's frameworks. Each check is shown a fault that it must find.
"""

from __future__ import annotations

import json
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.packaging.swift_package import lay_out

pytest.importorskip("tree_sitter_swift", reason="tree-sitter-swift is not installed; pip install '.[dev]'")
pytest.importorskip("pbxproj", reason="pbxproj is not installed; pip install '.[dev]'")

HELPERS = Path(__file__).parent / "ios"
sys.path.insert(0, str(HELPERS))

import ios_parity  # noqa: E402
import ios_project  # noqa: E402
import ios_source  # noqa: E402
import ios_toolchain  # noqa: E402
import ios_typings  # noqa: E402

PROJECTS = Path(__file__).resolve().parents[2]
IOS = PROJECTS / "ios"

sys.path.insert(0, str(IOS / "Scripts"))
import make_icon  # noqa: E402
import make_project  # noqa: E402


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder, to be damaged."""
    return Path(shutil.copytree(IOS, tmp_path / "ios", ignore=shutil.ignore_patterns(".build")))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r} to replace"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_swift_file_parses_and_keeps_to_its_frameworks_and_systems() -> None:
    assert len(ios_source.swift_files(IOS)) > 30
    assert ios_source.faults(IOS) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("Sources/SentioCore/PCM.swift", "public enum PCM {", "public enum PCM {{", "does not parse"),
        ("Demo/PlaneView.swift", "ZStack {", "ZStack (", "does not parse"),
        ("Sources/SentioCore/PCM.swift", "import Foundation", "import UIKit", "imports UIKit"),
        ("Sources/SentioKit/Microphone.swift", "import SentioCore", "import SwiftUI", "imports SwiftUI"),
        (
            *("Sources/SentioKit/ComputeUnits.swift", "if #available(iOS 16.0, macOS 13.0, *) {", "if true {"),
            "cpuAndNeuralEngine came with iOS 16",
        ),
        (
            *("Sources/SentioKit/Placement.swift", "guard #available(iOS 17.4,", "guard #available(iOS 17.0,"),
            "MLComputePlan came with iOS 17.4",
        ),
        ("Demo/ProofScreen.swift", "if #available(iOS 16.0, *) {", "if true {", "ShareLink came with iOS 16"),
        (
            *("Sources/SentioKit/MicrophonePermission.swift", "#available(iOS 17.0, *)", "#available(iOS 15.0, *)"),
            "AVAudioApplication came with iOS 17",
        ),
        (
            *(
                "Sources/SentioCore/Stopwatch.swift",
                "struct Stopwatch {",
                "struct Stopwatch {\n    let a: ContinuousClock",
            ),
            "ContinuousClock came with iOS 16",
        ),
    ],
)
def test_faults_in_swift_files_are_found(copy: Path, name: str, old: str, new: str, said: str) -> None:
    replace(copy / name, old, new)
    assert any(said in fault and fault.startswith(name) for fault in ios_source.faults(copy))


@pytest.fixture
def headers() -> Path:
    """Apple's headers as TypeScript knows them."""
    folder = PROJECTS / "tests/mobile-tools/node_modules/@nativescript/types-ios"
    if not folder.is_dir():
        pytest.skip("no @nativescript/types-ios: `make mobile-tools` installs it from npm")
    return folder


def test_the_declarations_say_what_apples_headers_say(headers: Path) -> None:
    for framework in ios_typings.FRAMEWORKS:
        types = ios_typings.swift_types((HELPERS / "stubs" / f"{framework}.swift").read_text(encoding="utf-8"))
        assert len(types) > 10
        assert sum(len(one.members) for one in types.values()) > 20
    assert ios_typings.faults(HELPERS / "stubs", headers) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("compileModel(at modelURL: URL) throws", "makeModel(at modelURL: URL) throws", "MLModel.makeModel: is in no"),
        ("class MLModelDescription", "class MLModelWords", "MLModelWords: is in no header"),
        (
            "@available(iOS 17.4, macOS 14.4, *)\npublic final class",
            "@available(iOS 16.0, *)\npublic final class",
            "MLComputePlan: came with iOS 17.4, not 16.0",
        ),
    ],
)
def test_faults_in_declarations_are_found(headers: Path, old: str, new: str, said: str, tmp_path: Path) -> None:
    stubs = Path(shutil.copytree(HELPERS / "stubs", tmp_path / "stubs"))
    replace(stubs / "CoreML.swift", old, new)
    assert any(said in fault for fault in ios_typings.faults(stubs, headers))


def test_names_are_as_new_as_apples_headers_say(headers: Path) -> None:
    known = {
        name: one.since
        for names in ios_typings.FRAMEWORKS.values()
        for framework in names
        for name, one in ios_typings.typings(headers, framework).items()
    }
    checked = {name: since for name, since in ios_source.SINCE.items() if name in known}
    assert "MLComputePlan" in checked
    assert "AVAudioApplication" in checked
    assert checked == {name: known[name] for name in checked}


def test_the_project_is_whole() -> None:
    assert ios_project.faults(IOS) == []


def test_the_project_is_what_its_script_writes(tmp_path: Path) -> None:
    made = tmp_path / "Demo.xcodeproj"
    make_project.write(IOS, made)
    written = {path.relative_to(made): path.read_bytes() for path in made.rglob("*") if path.is_file()}
    kept = IOS / "Demo.xcodeproj"
    assert written == {path: (kept / path).read_bytes() for path in written}, "run python3 ios/Scripts/make_project.py"


def _remove(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def _add(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text("// new\n")


def _edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: replace(root / name, old, new)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_remove("Demo/PlaneView.swift"), "Demo/PlaneView.swift: is in the project, and not there"),
        (_add("Demo/New.swift"), "Demo/New.swift: is there, and not in the project"),
        (_edit(ios_project.PROJECT, "lastKnownFileType = folder;", "lastKnownFileType = text;"), "model folder is not"),
        (_edit(ios_project.PROJECT, "relativePath = .;", "relativePath = ../other;"), "no package stands at"),
        (_edit(ios_project.PROJECT, "$(SENTIO_BUNDLE_IDENTIFIER)", "org.other"), "the bundle's identifier"),
        (_edit(ios_project.PROJECT, "productName = SentioKit;", "productName = SentioCore;"), "links ['SentioCore']"),
        (_edit(ios_project.SCHEME, 'BlueprintIdentifier = "', 'BlueprintIdentifier = "0'), "is of another target"),
        (
            _edit("Demo/Info.plist", "<key>NSMicrophoneUsageDescription</key>", "<key>Other</key>"),
            "the microphone is for",
        ),
        (_edit("Demo/Info.plist", "$(SENTIO_APP_NAME)", "Other"), "CFBundleDisplayName is 'Other'"),
        (_edit("Demo/PrivacyInfo.xcprivacy", "<false/>", "<true/>"), "PrivacyInfo.xcprivacy: says"),
        (_edit("Config.xcconfig", "SENTIO_APP_NAME = Sentio", "SENTIO_APP_NAME ="), "Config.xcconfig: sets"),
        (_remove("Demo/Assets.xcassets/AppIcon.appiconset/AppIcon.png"), "names ['AppIcon.png']"),
        (_edit("Demo/Assets.xcassets/AppIcon.appiconset/Contents.json", "1024x1024", "512x512"), "not 512x512"),
    ],
)
def test_faults_in_the_project_are_found(copy: Path, plant: Callable[[Path], None], said: str) -> None:
    plant(copy)
    assert any(said in fault for fault in ios_project.faults(copy)), ios_project.faults(copy)


def test_a_file_that_is_not_compiled_is_found(copy: Path) -> None:
    made = make_project.identifier("PBXBuildFile", "Demo/PlaneView.swift")
    replace(copy / ios_project.PROJECT, f"\t\t\t\t{made},\n", "")
    assert ios_project.faults(copy) == ["Demo/PlaneView.swift: is in no PBXSourcesBuildPhase"]


def test_the_script_refuses_what_it_does_not_know(copy: Path) -> None:
    (copy / "Demo/notes.txt").write_text("?")
    with pytest.raises(SystemExit, match=r"Demo/notes\.txt"):
        make_project.build(copy)


def test_the_privacy_manifest_says_the_truth() -> None:
    """Nothing is used that Apple wants a reason for, and nothing of ours opens a connection."""
    used = ios_source.names_used(IOS)
    assert "DispatchTime" in used, "names are found at all"
    assert used.isdisjoint(ios_source.REASONS)
    assert used.isdisjoint({"URLSession", "URLRequest", "NWConnection", "WKWebView", "CFSocket", "InputStream"})


def test_the_icon_is_the_one_that_its_script_draws() -> None:
    # Compression may differ between libraries; what shows does not.
    file = make_icon.ICON.read_bytes()
    body = file.index(b"IDAT") + 4
    rows = zlib.decompress(file[body : body + int.from_bytes(file[body - 8 : body - 4], "big")])
    for y in range(0, make_icon.SIZE, 73):
        for x in range(0, make_icon.SIZE, 73):
            at = y * (1 + 3 * make_icon.SIZE) + 1 + 3 * x
            assert tuple(rows[at : at + 3]) == make_icon.colour(x, y), "run python3 ios/Scripts/make_icon.py"


def test_the_demo_carries_a_whole_model_that_nothing_names() -> None:
    bundle = open_bundle(IOS / "Demo/sentio")
    assert {artifact.format for artifact in bundle.artifacts} <= {"coreml", "mlmodel"}
    stems = {artifact.path.stem for artifact in bundle.artifacts}
    readable = [*IOS.rglob("*.swift"), *IOS.rglob("*.py"), *IOS.rglob("*.pbxproj"), *IOS.rglob("*.plist")]
    naming = [path.name for path in readable for stem in stems if stem in path.read_text(encoding="utf-8")]
    assert naming == [], "models are found by manifest.json alone"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_core_passes_its_tests_in_swift(tmp_path: Path) -> None:
    with ios_toolchain.swift(tmp_path) as place:
        if place is None:
            pytest.skip(ios_toolchain.ABSENT)
        lay_out(place.folder / "ios", url="https://example.org/sentio-swift")
        flags = "-c release -Xswiftc -enable-testing -Xswiftc -warnings-as-errors"
        run = place.run(f"cd ios && swift test {flags} --filter SentioCoreTests", seconds=800)
        assert run.returncode == 0, run.stdout[-4000:]
        assert "with 0 failures" in run.stdout
        assert "skipped" not in run.stdout, "the golden vectors of the repository are there"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_swift_answers_as_python_does(tmp_path: Path) -> None:
    with ios_toolchain.swift(tmp_path) as place:
        if place is None:
            pytest.skip(ios_toolchain.ABSENT)
        shutil.copytree(IOS / "Sources/SentioCore", place.folder / "core")
        shutil.copyfile(HELPERS / "parity/main.swift", place.folder / "core/main.swift")
        ios_parity.lay_out(place.folder, place.inside)
        said = place.run("swiftc -O -swift-version 5 -module-name parity core/*.swift -o parity", seconds=500)
        assert said.returncode == 0, said.stdout[-4000:]
        said = place.run("./parity cases.json", seconds=60)
        assert said.returncode == 0, said.stdout[-4000:]
    found = json.loads(said.stdout)
    wanted = list(ios_parity.expected(tmp_path))
    assert len(found) == len(wanted) == len(ios_parity.CASES)
    for index, (swift, python) in enumerate(zip(found, wanted, strict=True)):
        assert len(swift["windows"]) == len(python["windows"]), index
        for a, b in zip([swift["whole"], *swift["windows"]], [python["whole"], *python["windows"]], strict=True):
            assert a.keys() == b.keys()
            for key in a:
                near = isinstance(b[key], float)
                assert a[key] == (pytest.approx(b[key], abs=1e-4) if near else b[key]), (index, key)


STUBBED = ("Accelerate", "CryptoKit", "UIKit", "UniformTypeIdentifiers", "AVFoundation", "CoreML", "SwiftUI")
PLAIN = "swiftc -parse-as-library -I modules"
OURS = f"{PLAIN} -swift-version 5 -enable-experimental-feature StrictConcurrency -warnings-as-errors -enable-testing"
KIT = "-emit-module -module-name SentioKit -o modules/SentioKit.swiftmodule Sources/SentioKit/*.swift"
STEPS = {
    "declarations": "mkdir modules && "
    + " && ".join(f"{PLAIN} -emit-module -module-name {n} -o modules/{n}.swiftmodule stubs/{n}.swift" for n in STUBBED),
    "core": f"{OURS} -emit-module -module-name SentioCore -o modules/SentioCore.swiftmodule Sources/SentioCore/*.swift",
    "kit on a Mac": f"{OURS} -D SENTIO_MACOS {KIT}",
    "command line": f"{OURS} -D SENTIO_MACOS -typecheck -module-name cli Sources/sentio-cli/*.swift",
    "kit's tests": f"{OURS} -D SENTIO_MACOS -typecheck -module-name tests Tests/SentioKitTests/*.swift",
    "kit on a phone": f"{OURS} -D SENTIO_IOS {KIT}",
    "demo": f"{OURS} -D SENTIO_IOS -typecheck -module-name Demo Demo/*.swift",
}
"""What is compiled, in this order; each system's branches are chosen by flags of our own."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="where Apple's frameworks are, Xcode compiles against them")
def test_what_needs_apples_frameworks_compiles_against_their_declarations(tmp_path: Path) -> None:
    """Types, labels, concurrency and access are right, if the declarations in `ios/stubs` are."""
    with ios_toolchain.swift(tmp_path) as place:
        if place is None:
            pytest.skip(ios_toolchain.ABSENT)
        for name in ("Sources", "Tests", "Demo"):
            shutil.copytree(IOS / name, place.folder / name, ignore=shutil.ignore_patterns("sentio"))
        shutil.copytree(HELPERS / "stubs", place.folder / "stubs")
        for path in ios_source.swift_files(place.folder):
            text = path.read_text(encoding="utf-8")
            path.write_text(
                text.replace("os(iOS)", "SENTIO_IOS").replace("os(macOS)", "SENTIO_MACOS"), encoding="utf-8"
            )
        for step, command in STEPS.items():
            said = place.run(command, seconds=300)
            assert (said.returncode, said.stdout) == (0, ""), step
        for step, name, old, new, fault in (
            (*("kit on a phone", "Sources/SentioKit/CoreMLBackend.swift"), "prediction(", "predict(", "'predict'"),
            (*("kit on a phone", "Sources/SentioKit/CoreMLBackend.swift"), ".float32", ".float33", "'float33'"),
            (*("demo", "Demo/EmotionScreen.swift"), "listener.listen()", "listener.answers = []", "inaccessible"),
        ):
            kept = (place.folder / name).read_text(encoding="utf-8")
            replace(place.folder / name, old, new)
            said = place.run(STEPS[step], seconds=300)
            assert said.returncode != 0, name
            assert fault in said.stdout, said.stdout[-2000:]
            (place.folder / name).write_text(kept, encoding="utf-8")
