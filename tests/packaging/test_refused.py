"""Bad input: status 2, one line that says what to do, and nothing written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import MakeBundle, Refused, tree

from sentio_mobile.packaging.platforms import PLATFORMS, Platform

each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)


@pytest.fixture
def nothing_written(tmp_path: Path) -> Callable[[], None]:
    def check() -> None:
        names = {path.name for path in tmp_path.iterdir()} - {"bundle", "projects"}
        assert names == set()

    return check


@each_platform
def test_what_is_no_bundle_is_refused(
    platform: Platform, projects: Path, refused: Refused, nothing_written: Callable[[], None], tmp_path: Path
) -> None:
    (tmp_path / "bundle").mkdir()
    refused("is no bundle", "package", platform.name, tmp_path / "bundle", "--out", tmp_path / "out")
    nothing_written()


@each_platform
def test_a_changed_file_is_refused_also_one_that_is_not_carried(
    platform: Platform,
    bundle: Path,
    projects: Path,
    refused: Refused,
    nothing_written: Callable[[], None],
    tmp_path: Path,
) -> None:
    with (bundle / "emotion-spectrogram-fp32.ort").open("ab") as file:
        file.write(b"!")
    line = refused("SHA-256 differs", "package", platform.name, bundle, "--out", tmp_path / "out")
    assert "emotion-spectrogram-fp32.ort" in line
    nothing_written()


def test_a_bundle_of_a_newer_schema_is_refused(
    make_bundle: MakeBundle, projects: Path, refused: Refused, nothing_written: Callable[[], None], tmp_path: Path
) -> None:
    newer = make_bundle([("onnx", "waveform", "fp32")], schema=4)
    refused("manifest schema 4", "package", "web", newer, "--out", tmp_path / "out")
    nothing_written()


@pytest.mark.parametrize(
    ("artifact", "command", "words"),
    [
        (("tflite", "waveform", "fp32"), ["web"], "export --format onnx --form waveform"),
        (("onnx", "spectrogram", "fp32"), ["web"], "has no onnx waveform artifact; it has onnx spectrogram fp32"),
        (("onnx", "waveform", "fp32"), ["ios"], "export --format coreml --form waveform"),
        (("onnx", "waveform", "fp32"), ["android", "--format", "tflite"], "has no tflite waveform artifact"),
        (("onnx", "waveform", "fp32"), ["android", "--precision", "int8"], "--precision int8"),
        (("onnx", "waveform", "fp32"), ["android", "--form", "spectrogram"], "has no"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list | tuple) else None,
)
def test_a_bundle_without_what_the_platform_runs_is_refused(
    artifact: tuple[str, str, str],
    command: list[str],
    words: str,
    make_bundle: MakeBundle,
    projects: Path,
    refused: Refused,
    nothing_written: Callable[[], None],
    tmp_path: Path,
) -> None:
    platform, *options = command
    refused(words, "package", platform, make_bundle([artifact]), "--out", tmp_path / "out", *options)
    nothing_written()


@pytest.mark.parametrize(
    "app_id",
    ["moods", "org.1st.moods", "org..moods", "org.my-moods", "org.my_moods", "a b.c", "org.é", "a." + "b" * 99],
)
def test_an_id_that_a_store_would_refuse_is_refused(
    app_id: str, projects: Path, refused: Refused, nothing_written: Callable[[], None], tmp_path: Path
) -> None:
    refused("is no application id", "package", "web", tmp_path / "bundle", "--out", tmp_path / "out", "--id", app_id)
    nothing_written()


@pytest.mark.parametrize(
    "name", ["", "  ", " Moods", "Mo\nods", 'Mo"ods', "Mo\\ods", "$(HOME)", "a//b", "<b>", "x" * 51, "Mo\u202eods"]
)
def test_a_name_that_would_break_a_settings_file_is_refused(
    name: str, projects: Path, refused: Refused, nothing_written: Callable[[], None], tmp_path: Path
) -> None:
    refused("is no name for an app", "package", "ios", tmp_path / "bundle", "--out", tmp_path / "out", "--name", name)
    nothing_written()


def test_a_place_that_is_a_file_or_lies_in_one_is_refused(
    bundle: Path, projects: Path, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    refused("exists already", "package", "web", bundle, "--out", tmp_path / "file")
    refused("is a file", "package", "web", bundle, "--out", tmp_path / "file", "--force")
    refused("is not a folder that you can write to", "package", "web", bundle, "--out", tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "kept"


def test_a_place_that_cannot_be_written_is_refused(
    bundle: Path, projects: Path, refused: Refused, nothing_written: Callable[[], None]
) -> None:
    refused("cannot write", "package", "web", bundle, "--out", "/proc/sentio-mobile")
    nothing_written()


@pytest.mark.parametrize("place", ["bundle", "bundle/inside", ".", "projects/web", "projects/web/inside"])
def test_force_never_replaces_what_a_project_is_made_from(
    place: str, bundle: Path, projects: Path, refused: Refused, tmp_path: Path
) -> None:
    before = tree(tmp_path)
    refused("which it is made from", "package", "web", bundle, "--out", tmp_path / place, "--force")
    assert tree(tmp_path) == before


def test_names_that_lead_out_of_the_project_are_refused(
    make_bundle: MakeBundle, projects: Path, refused: Refused, tmp_path: Path
) -> None:
    folder = make_bundle([("onnx", "waveform", "fp32")])
    manifest = json.loads((folder / "manifest.json").read_text())
    inside = str(folder / "emotion-waveform-fp32.onnx")
    manifest["files"][inside] = manifest["files"]["emotion-waveform-fp32.onnx"]
    manifest["artifacts"][0]["path"] = inside
    (folder / "manifest.json").write_text(json.dumps(manifest))
    refused("no path inside the bundle", "package", "web", folder, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_house_without_the_project_is_refused(bundle: Path, projects: Path, refused: Refused, tmp_path: Path) -> None:
    shutil.rmtree(projects / "ios")
    refused("install sentio-mobile again", "package", "ios", bundle, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        ("sentio_mobile.packaging.trim_bundle.shutil.copyfile", OSError(28, "No space left on device", "a file")),
        ("sentio_mobile._internal.files.tempfile.NamedTemporaryFile", OSError(28, "No space left on device", "a file")),
    ],
)
def test_a_full_disk_leaves_nothing(
    function: str,
    fault: Exception,
    bundle: Path,
    projects: Path,
    refused: Refused,
    nothing_written: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(function, full)
    refused("No space left on device", "package", "android", bundle, "--out", tmp_path / "out")
    nothing_written()
