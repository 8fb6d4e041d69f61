"""The real projects: they are made of what git tracks, take a name and a model, and stand by themselves."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from conversions import build_shared

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.inference.default_model import DEFAULT_MODEL
from sentio_mobile.models.first_weights import MAX_BYTES, SHIPPED
from sentio_mobile.packaging.platforms import PLATFORMS, App, Platform
from sentio_mobile.packaging.project import package
from sentio_mobile.packaging.source_files import NEVER_SOURCE, source_files

each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)


@each_platform
def test_a_project_is_made_of_what_git_does_not_ignore(platform: Platform) -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("no git, or not a checkout")
    # What is not committed yet belongs to the project too, unless git ignores it.
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=platform.template, capture_output=True, text=True, check=True).stdout
    there = {name for name in listed.split("\0") if name and (platform.template / name).is_file()}
    assert {path.as_posix() for path in source_files(platform.template)} == there


def test_a_wheel_leaves_out_what_is_never_source() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    build = tomllib.loads(text)["tool"]["hatch"]["build"]
    assert build["exclude"] == list(NEVER_SOURCE)
    sources = build["targets"]["wheel"]["sources"]
    for platform in PLATFORMS:
        assert sources[platform.name] == f"sentio_mobile/_resources/{platform.name}"
        assert platform.name in build["targets"]["wheel"]["only-include"]


def test_a_wheel_has_the_first_weights() -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert SHIPPED == ROOT / "distill" / "weights"
    assert included["force-include"]["distill/weights"] == "sentio_mobile/_resources/distill/weights"
    names = {path.stem for path in SHIPPED.iterdir() if path.name != "README.md"}
    assert {path.name for path in SHIPPED.iterdir()} == {
        "README.md", *(f"{name}{end}" for name in names for end in (".json", ".safetensors"))
    }  # fmt: skip
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= MAX_BYTES


def test_a_wheel_has_the_default_model_where_it_is_looked_for() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["models"] == "sentio_mobile/_resources/models"
    assert DEFAULT_MODEL.relative_to(ROOT).as_posix() == "models/default"
    assert DEFAULT_MODEL.parent.is_dir(), "a wheel cannot be built without the folder"
    assert wheel["force-include"]["teacher/tags"] == "sentio_mobile/_resources/teacher/tags"


@each_platform
def test_the_real_project_takes_a_name_and_a_model(platform: Platform, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = package(open_bundle(bundle), platform, out=out, app=App(id="org.example.moods", name="Gefühle & Musik"))
    changed = {path for path in source_files(out) if not (platform.template / path).is_file()}
    changed |= {
        path
        for path in source_files(out)
        if path not in changed and (out / path).read_bytes() != (platform.template / path).read_bytes()
    }
    beside = {path.as_posix() for path in changed if not path.is_relative_to(platform.model)}
    assert beside - {"LICENSE"} == {platform.settings, "README.md"}
    assert made.sizes.code > 0
    assert made.sizes.resources > 0
    for name in platform.unused(("tflite",)):
        assert (platform.template / name).is_dir(), "a folder that packaging leaves out is not there to begin with"


@each_platform
def test_a_packaged_project_refers_to_nothing_outside_it(platform: Platform, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    package(open_bundle(bundle), platform, out=out)
    for page in out.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", link):
                assert (page.parent / link).resolve().is_relative_to(out.resolve()), f"{page}: {link}"
                assert (page.parent / link).exists(), f"{page}: {link}"


@each_platform
def test_only_what_packaging_makes_executable_is(platform: Platform) -> None:
    project = platform.template
    found = [path.as_posix() for path in source_files(project) if (project / path).stat().st_mode & 0o111]
    assert tuple(found) == platform.executable


@each_platform
def test_a_packaged_script_runs_wherever_the_project_lay(
    platform: Platform, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder without modes, as a disk of Windows or some archives leave it.
    shutil.copytree(platform.template, tmp_path / "from" / platform.name, copy_function=shutil.copyfile)
    shutil.copyfile(ROOT / "LICENSE", tmp_path / "from" / "LICENSE")
    monkeypatch.setattr("sentio_mobile.packaging.platforms.ROOT", tmp_path / "from")
    package(open_bundle(bundle), platform, out=tmp_path / "out")
    modes = {path.as_posix(): (tmp_path / "out" / path).stat().st_mode for path in source_files(tmp_path / "out")}
    assert tuple(path for path, mode in modes.items() if mode & 0o111) == platform.executable
    assert all(mode & 0o111 == 0o111 for path, mode in modes.items() if path in platform.executable)


@each_platform
def test_the_model_that_a_project_has_gives_its_golden_answers(platform: Platform) -> None:
    model = open_bundle(platform.template / platform.model)
    found = verify(model)
    assert found.passed
    assert {result.verdict for result in found.results} == {"pass"}
    assert {artifact.format for artifact in model.artifacts} <= set(platform.formats)
    assert {artifact.form for artifact in model.artifacts} <= set(platform.forms)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's small student, exported anew."""
    out = tmp_path_factory.mktemp("student") / "small"
    recipe = ExportRecipe(formats=("tflite", "onnx", "coreml"), forms=("waveform",))
    built = build_shared(tmp_path_factory, recipe, out=out)
    assert (built.failed, built.refused) == ({}, {})
    return out


@pytest.mark.slow
@pytest.mark.timeout(900)
@each_platform
@pytest.mark.exhaustive
def test_the_model_that_a_project_has_can_be_made_again(platform: Platform, student: Path, tmp_path: Path) -> None:
    committed = open_bundle(platform.template / platform.model)
    formats = [artifact.format for artifact in committed.artifacts]
    package(open_bundle(student), platform, out=tmp_path / "out", formats=formats)
    again = open_bundle(tmp_path / "out" / platform.model)
    assert again.spec == committed.spec
    names = [[(a.label, a.path.name) for a in one.artifacts] for one in (again, committed)]
    assert names[0] == names[1]
    golden, before = again.golden(), committed.golden()
    np.testing.assert_array_equal(golden.excerpt, before.excerpt)
    np.testing.assert_array_equal(golden.length, before.length)
    # Answers and the last bits of a front end's constants differ between processors.
    np.testing.assert_allclose(golden.output, before.output, atol=1e-4)
    assert (golden.image, before.image) == (None, None)
