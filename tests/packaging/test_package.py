"""A bundle becomes three projects: the right files, under the right name, the same bytes each time."""

import json
import shutil
from pathlib import Path

import pytest
from support import MakeBundle, Refused, Sentio, tree

from sentio_mobile._internal.files import sha256
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.manifest import TrimmedFrom
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.platforms import ANDROID, IOS, PLATFORMS, WEB, App, Platform
from sentio_mobile.packaging.project import package
from sentio_mobile.packaging.select_artifacts import select_artifacts

FRONT_END = 300
each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)


@each_platform
def test_a_project_has_its_sources_the_licence_and_this_model(
    platform: Platform, bundle: Path, projects: Path, tmp_path: Path
) -> None:
    made = package(open_bundle(bundle), platform, out=tmp_path / "out")
    files = tree(tmp_path / "out")
    model = {name.removeprefix(f"{platform.model}/") for name in files if name.startswith(f"{platform.model}/")}
    inside = {path for path in model if path not in ("manifest.json", "golden.safetensors", "MODEL_CARD.md")}
    assert {path.split("/")[0] for path in inside} == {artifact.path for artifact in made.artifacts}
    assert files["LICENSE"][1] == (projects / "LICENSE").read_bytes()
    built = ("build", ".gradle", "local.properties", "xcuserdata", "node_modules", "dist")
    assert not [name for name in files if any(part in built for part in name.split("/"))]
    trimmed = open_bundle(tmp_path / "out" / platform.model)
    assert trimmed.manifest.trimmed_from == TrimmedFrom(manifest_sha256=sha256(bundle / "manifest.json"))
    assert [artifact.label for artifact in trimmed.artifacts] == [artifact.label for artifact in made.artifacts]
    kept, whole = trimmed.golden(), open_bundle(bundle).golden()
    assert len(kept.output) == 4
    assert (kept.length == [*whole.length[:3], whole.length[-1]]).all()
    sources = {name for name in tree(projects / platform.name) if not any(part in built for part in name.split("/"))}
    left_out = {name for name in sources if name.startswith(("sentio-onnx/", "verify/", f"{platform.model}/"))}
    assert {name for name in files if not name.startswith(f"{platform.model}/")} == sources - left_out | {"LICENSE"}


@each_platform
def test_the_same_bundle_gives_the_same_bytes_and_modes(
    platform: Platform, bundle: Path, projects: Path, tmp_path: Path
) -> None:
    for path in (projects / platform.name).rglob("*"):
        path.chmod(0o700)
    package(open_bundle(bundle), platform, out=tmp_path / "one", app=App(id="org.example.moods", name="Moods"))
    shutil.copytree(bundle, tmp_path / "elsewhere")
    for path in (projects / platform.name).rglob("*"):
        path.chmod(0o755)
    package(
        open_bundle(tmp_path / "elsewhere"),
        platform,
        out=tmp_path / "two",
        app=App(id="org.example.moods", name="Moods"),
    )
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_android_is_named_in_gradle_properties_and_keeps_the_back_ends_it_needs(
    bundle: Path, projects: Path, tmp_path: Path
) -> None:
    app = App(id="org.example.moods", name="Ännchen's Gefühl 🎵")
    package(open_bundle(bundle), ANDROID, out=tmp_path / "out", app=app)
    lines = (tmp_path / "out" / "gradle.properties").read_text().splitlines()
    assert lines == [
        "org.gradle.caching=true",
        "sentio.applicationId=org.example.moods",
        r"sentio.appName=\u00c4nnchen\\'s Gef\u00fchl \ud83c\udfb5",
        "sentio.backends=litert",
    ]
    assert (tmp_path / "out" / "sentio-litert").is_dir()
    assert not (tmp_path / "out" / "sentio-onnx").exists()
    package(open_bundle(bundle), ANDROID, out=tmp_path / "onnx", formats=["onnx"])
    assert "sentio.backends=onnx\n" in (tmp_path / "onnx" / "gradle.properties").read_text()
    assert not (tmp_path / "onnx" / "sentio-litert").exists()
    package(open_bundle(bundle), ANDROID, out=tmp_path / "both", formats=["onnx", "tflite"])
    assert "sentio.backends=onnx,litert\n" in (tmp_path / "both" / "gradle.properties").read_text()
    assert (tmp_path / "both" / "sentio-onnx").is_dir()


def test_ios_is_named_in_the_xcconfig(bundle: Path, projects: Path, tmp_path: Path) -> None:
    package(open_bundle(bundle), IOS, out=tmp_path / "out", app=App(id="org.example.moods", name="Gefühle"))
    text = (tmp_path / "out" / "Config.xcconfig").read_text(encoding="utf-8")
    names = "// Names.\nSENTIO_BUNDLE_IDENTIFIER = org.example.moods\nSENTIO_APP_NAME = Gefühle\n"
    assert text == names + "IPHONEOS_DEPLOYMENT_TARGET = 15.0\n"


def test_an_app_asks_for_the_ios_that_its_model_needs_and_says_so(
    make_bundle: MakeBundle, projects: Path, tmp_path: Path
) -> None:
    def oldest(name: str, artifacts: list[tuple[str, str, str]], formats: tuple[str, ...] = ()) -> tuple[str, str]:
        bundle = open_bundle(make_bundle(artifacts, name))
        made = package(bundle, IOS, out=tmp_path / f"{name}-app", formats=formats)
        text = (tmp_path / f"{name}-app" / "Config.xcconfig").read_text(encoding="utf-8")
        return text.splitlines()[-1].removeprefix("IPHONEOS_DEPLOYMENT_TARGET = "), " ".join(made.notes)

    int8, fp16 = ("coreml", "waveform", "int8"), ("coreml", "waveform", "fp16")
    assert oldest("both", [int8, fp16]) == ("15.0", "")
    found, note = oldest("int8", [int8])
    assert found == "16.0"
    assert "needs iOS 16" in note
    # Where the newer one is missing, the app runs the other.
    assert oldest("old", [int8, ("mlmodel", "waveform", "fp32")], ("coreml", "mlmodel")) == ("15.0", "")


def test_the_page_is_named_in_app_json(bundle: Path, projects: Path, tmp_path: Path) -> None:
    package(open_bundle(bundle), WEB, out=tmp_path / "out", app=App(id="org.example.moods", name="Gefühle"))
    text = (tmp_path / "out" / "app.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Gefühle", "id": "org.example.moods"}


def test_a_settings_file_without_a_line_for_the_name_is_an_error(bundle: Path, projects: Path, tmp_path: Path) -> None:
    (projects / "ios" / "Config.xcconfig").write_text("SENTIO_BUNDLE_IDENTIFIER = a.b\n")
    with pytest.raises(InputError, match="0 lines for SENTIO_APP_NAME"):
        package(open_bundle(bundle), IOS, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sizes_are_those_of_the_files_by_what_they_are_for(bundle: Path, projects: Path, tmp_path: Path) -> None:
    sizes = package(open_bundle(bundle), ANDROID, out=tmp_path / "out").sizes
    out = tmp_path / "out"
    core, litert = "class Core\n", "class LiteRt\n"
    assert sizes.model == 1000 + FRONT_END
    assert sizes.front_end == FRONT_END
    assert sizes.code == len(core + litert)
    assert sizes.resources == len("<manifest/>\n")
    assert sizes.golden == (out / ANDROID.model / "golden.safetensors").stat().st_size
    everything = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert sizes.app + sizes.project == everything


def test_the_front_ends_size_is_unknown_where_there_is_nothing_to_compare(
    make_bundle: MakeBundle, projects: Path, tmp_path: Path
) -> None:
    for form in ("waveform", "spectrogram"):
        only = open_bundle(make_bundle([("onnx", form, "fp32")], form))
        assert package(only, ANDROID, out=tmp_path / f"{form}-app", form=form).sizes.front_end is None


@each_platform
def test_the_command_says_what_is_inside_and_what_to_type_next(
    platform: Platform, bundle: Path, projects: Path, sentio: Sentio, tmp_path: Path
) -> None:
    out = tmp_path / "a folder"
    result = sentio("package", platform.name, bundle, "--out", out, "--name", "Moods")
    assert result.exit_code == 0, result.output
    assert select_artifacts(open_bundle(bundle), platform)[0].label in result.stdout
    # A narrow terminal breaks a table's words over several lines.
    assert platform.runtime in " ".join(result.stdout.replace("│", " ").split())
    assert f"'{out}" in result.stdout
    assert result.stderr == ""


def test_json_is_for_programs(bundle: Path, projects: Path, sentio: Sentio, tmp_path: Path) -> None:
    result = sentio("package", "web", bundle, "--out", tmp_path / "out", "--json", "--id", "org.example.moods")
    found = json.loads(result.stdout)
    assert (found["platform"], found["id"], found["name"]) == ("web", "org.example.moods", "Sentio")
    assert found["artifacts"] == [
        {
            "format": "onnx",
            "form": "waveform",
            "precision": "int8-dynamic",
            "path": "emotion-waveform-int8-dynamic.onnx",
        }
    ]
    assert found["licence"] == "CC-BY-4.0"
    assert found["bytes"]["model"] == 1000 + FRONT_END
    assert found["bytes"]["app"] == sum(
        found["bytes"][part] for part in ("model", "golden", "metadata", "code", "resources")
    )
    assert found["next"] == list(WEB.next_steps(str(tmp_path / "out")))


def test_a_licence_that_nobody_stated_is_told(
    make_bundle: MakeBundle, projects: Path, sentio: Sentio, tmp_path: Path
) -> None:
    unknown = make_bundle([("onnx", "waveform", "fp32")], licence="unknown")
    result = sentio("package", "web", unknown, "--out", tmp_path / "out")
    assert "licence is unknown" in result.stderr
    result = sentio("package", "web", unknown, "--out", tmp_path / "again", "--json")
    assert "licence is unknown" in json.loads(result.stdout)["notes"][0]


def test_a_manifests_words_cannot_steer_the_terminal(
    make_bundle: MakeBundle, projects: Path, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    why = {"onnx waveform fp32": "[bold]no\x1b[2J\nworse"}
    hostile = make_bundle([("onnx", "waveform", "fp32")], refused=why)
    result = sentio("package", "web", hostile, "--out", tmp_path / "out", "--precision", "fp32")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert r"[bold]no\x1b[2J\nworse" in result.stderr
    hostile = make_bundle([("onnx", "waveform", "fp32")], "other", licence="[red]MIT\x1b[2J\n")
    assert "\x1b" not in refused("licence must be", "package", "web", hostile, "--out", tmp_path / "other-out")


def test_an_artifact_that_export_refused_is_told(
    make_bundle: MakeBundle, projects: Path, sentio: Sentio, tmp_path: Path
) -> None:
    why = {"onnx waveform int8": "onnx waveform int8 is refused: loses 0.2 of mean CCC"}
    kept = make_bundle([("onnx", "waveform", "int8")], refused=why)
    result = sentio("package", "web", kept, "--out", tmp_path / "out", "--precision", "int8")
    assert result.exit_code == 0
    assert "loses 0.2 of mean CCC" in result.stderr


def test_force_replaces_a_folder_and_leaves_nothing_beside_it(
    bundle: Path, projects: Path, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    place = tmp_path / "apps"
    assert sentio("package", "ios", bundle, "--out", place / "out").exit_code == 0
    before = tree(place / "out")
    refused("exists already", "package", "web", bundle, "--out", place / "out")
    assert tree(place / "out") == before
    assert sentio("package", "web", bundle, "--out", place / "out", "--force").exit_code == 0
    assert (place / "out" / "app.json").is_file()
    assert not (place / "out" / "Config.xcconfig").exists()
    assert [path.name for path in place.iterdir()] == ["out"]
