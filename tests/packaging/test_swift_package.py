"""The Swift SDK as a repository of its own: whole, and standing on nothing outside of it."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import sentio_mobile
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.errors import InputError, OutputError
from sentio_mobile.packaging import swift_package
from sentio_mobile.packaging.swift_package import lay_out, missing_targets

URL = "https://example.org/music/sentio-swift.git"
PARENT = re.compile(r"(?:\.\./)+[\w./-]*")
LINK = re.compile(r"\]\((?!https://)([^)#]+)\)")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    lay_out(tmp_path / "package", url=URL)
    return tmp_path / "package"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the package is made from, to be damaged."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "ios", root / "ios", ignore=shutil.ignore_patterns(".build"))
    shutil.copytree(ROOT / "export" / "golden", root / "export" / "golden", ignore=shutil.ignore_patterns("student"))
    shutil.copyfile(ROOT / "LICENSE", root / "LICENSE")
    return root


def texts(folder: Path) -> dict[Path, str]:
    """The files of a folder that people write."""
    kinds = {".swift", ".md", ".yml", ".json", ""}
    return {path: path.read_text() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in kinds}


def outside(folder: Path) -> list[str]:
    """What files of a folder say of places that are not in it."""
    found = []
    for path, text in texts(folder).items():
        for name in PARENT.findall(text):
            if not (path.parent / name).resolve().is_relative_to(folder.resolve()):
                found.append(f"{path.relative_to(folder)}: {name}")
        if path.suffix == ".md":
            links = [link for link in LINK.findall(text) if not (path.parent / link).exists()]
            found += [f"{path.relative_to(folder)}: {link}" for link in links]
    return found


def test_it_has_what_swifts_package_manager_and_index_ask_for(package: Path) -> None:
    top = {path.name for path in package.iterdir()}
    assert top == {
        *("Package.swift", "README.md", "LICENSE", ".spi.yml", ".gitignore"),
        *("Sources", "Tests", "Demo", "export"),
    }
    manifest = (package / "Package.swift").read_text()
    assert manifest == (ROOT / "ios" / "Package.swift").read_text()
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed; pip install '.[dev]'")
    settings = yaml.safe_load((package / ".spi.yml").read_text())
    (build,) = settings["builder"]["configs"]
    assert settings["version"] == 1
    assert build["documentation_targets"] == ["SentioCore", "SentioKit"]
    for name in build["documentation_targets"]:
        assert f'.library(name: "{name}"' in manifest


def test_every_folder_that_the_manifest_names_is_there(package: Path) -> None:
    assert list(missing_targets(package)) == []
    for kind in ("Sources", "Tests"):
        folders = sorted(path.name for path in (package / kind).iterdir())
        assert folders == sorted(path.name for path in (ROOT / "ios" / kind).iterdir() if path.is_dir())
        for path in (package / kind).rglob("*.swift"):
            assert path.read_bytes() == (ROOT / "ios" / path.relative_to(package)).read_bytes()


def test_nothing_in_it_stands_on_something_outside(package: Path) -> None:
    assert len(texts(package)) > 50
    assert outside(package) == []
    # What its tests read is there: else they would skip themselves.
    read = set(re.findall(r'Support\.shared\("([\w.]+)"\)', "".join(texts(package / "Tests").values())))
    read |= set(re.findall(r'\bshared\("([\w.]+)"\)', (package / "Tests/SentioCoreTests/Support.swift").read_text()))
    assert read == {path.name for path in (package / "export/golden").iterdir()}
    assert [one.format for one in open_bundle(package / "Demo/sentio").artifacts] == ["coreml"]


def test_what_stands_on_something_outside_is_found(package: Path) -> None:
    (package / "Sources/SentioCore/New.swift").write_text('let place = "../../../export/golden"\n')
    with (package / "README.md").open("a") as readme:
        readme.write("[more](docs/more.md)\n")
    assert outside(package) == ["README.md: docs/more.md", "Sources/SentioCore/New.swift: ../../../export/golden"]


def test_its_readme_names_the_version_and_the_address_and_folders_that_are_there(package: Path) -> None:
    text = (package / "README.md").read_text()
    assert f'.package(url: "{URL}", from: "{sentio_mobile.__version__}")' in text
    assert '.product(name: "SentioKit", package: "sentio-swift")' in text
    assert re.findall(r"<\w+>", text) == []
    folders = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert len(folders) == 5
    assert [name for name in folders if not (package / name).is_dir()] == []


def test_the_same_checkout_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    lay_out(tmp_path / "again", url=URL)
    files = {path.relative_to(package): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    again = tmp_path / "again"
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}


def _rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / old).rename(root / new)


def _replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_rename("ios/Sources/SentioKit", "ios/Sources/Kit"), "names Sources/SentioKit, where no Swift files are"),
        (
            _rename("ios/Tests/SentioCoreTests", "ios/Tests/Core"),
            "names Tests/SentioCoreTests, where no Swift files are",
        ),
        (_rename("export/golden/words.json", "words.json"), "words.json: is missing; give the command in a checkout"),
        (_replace("ios/package/README.md", "<version>", "1.0"), "README.md: has no <version> to fill in"),
    ],
)
def test_a_fault_in_the_checkout_is_found_and_nothing_is_left(
    plant: Callable[[Path], object], said: str, checkout: Path, tmp_path: Path
) -> None:
    plant(checkout)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        lay_out(tmp_path / "out", url=URL, root=checkout)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "url", ["", "git@example.org:a/b", "http://example.org/a", "https://example.org", 'https://a.b/"c']
)
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no address of a repository"):
        lay_out(tmp_path / "out", url=url)


def test_a_place_that_is_taken_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(OutputError):
        lay_out(tmp_path, url=URL)
    assert swift_package.main([str(tmp_path), "--url", URL]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_the_commands_that_are_printed_release_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git")
    clone = tmp_path / "clone"
    git = ["git", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet", clone], check=True)
    (clone / "Old.swift").write_text("// of an older version\n")
    said = "-c user.name=a -c user.email=a@example.org -c commit.gpgsign=false"
    subprocess.run(["sh", "-c", f"git add --all && git {said} commit --quiet -m old"], cwd=clone, check=True)
    assert swift_package.main([str(tmp_path / "out"), "--url", URL]) == 0
    (command,) = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    command = command.replace("git commit", f"git {said} commit --quiet")
    subprocess.run(["sh", "-c", command], cwd=clone, check=True)
    listed = subprocess.run(
        shlex.split(f"git ls-tree -r --name-only {sentio_mobile.__version__}"),
        cwd=clone,
        check=True,
        capture_output=True,
        text=True,
    )
    names = set(listed.stdout.splitlines())
    assert names == {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
