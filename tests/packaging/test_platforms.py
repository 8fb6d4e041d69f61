"""A platform that somebody adds: one description of a project, and nothing else."""

from pathlib import Path

import pytest

from sentio_mobile._internal.files import write_text
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.platforms import App, Platform, set_lines
from sentio_mobile.packaging.project import package


@pytest.fixture
def desktop(tmp_path: Path) -> Platform:
    """A platform with a project of three files."""
    folder = tmp_path / "desktop"
    for name, text in (("app.ini", "name=Sentio\nid=none\n"), ("src/main.py", "pass\n"), ("README.md", "# Desktop\n")):
        write_text(folder / name, text)
    return Platform(
        name="desktop",
        title="the desktop",
        description="a desktop app",
        model="src/model",
        formats=("ort", "onnx"),
        forms=("waveform",),
        precisions=("fp32",),
        shipped=("src/*",),
        runtime="ONNX Runtime",
        settings="app.ini",
        configure=lambda text, app, artifacts: set_lines(
            text, {"name": app.name, "id": app.id}, separator="=", where="app.ini"
        ),
        next_steps=lambda folder: (f"python {folder}/src/main.py",),
        folder=folder,
    )


def test_an_added_platform_is_packaged_like_any_other(desktop: Platform, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    project = package(open_bundle(bundle), desktop, out=out, app=App(name="Moods", id="org.example.moods"))
    assert [artifact.label for artifact in project.artifacts] == ["ort waveform fp32"]
    assert (out / "app.ini").read_text() == "name=Moods\nid=org.example.moods\n"
    assert (out / "src" / "main.py").is_file()
    trimmed = open_bundle(out / "src" / "model")
    assert [artifact.label for artifact in trimmed.artifacts] == ["ort waveform fp32"]
    assert project.next_steps == (f"python {out}/src/main.py",)
    unshipped = ("README.md", "LICENSE", "app.ini")
    assert project.sizes.project == sum((out / name).stat().st_size for name in unshipped)
    assert (out / "README.md").read_text().startswith("# Moods\n\n## This app\n")


def test_an_added_platform_refuses_what_it_does_not_run(desktop: Platform, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the desktop does not run tflite"):
        package(open_bundle(bundle), desktop, out=tmp_path / "out", formats=["tflite"])
