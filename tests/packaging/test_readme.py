"""An app's README is about the app: its name and model, and nothing of the repository that it was made from."""

import re
from pathlib import Path

import pytest

from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.platforms import ANDROID, PLATFORMS, App, Platform
from sentio_mobile.packaging.project import package
from sentio_mobile.packaging.readme import app_readme

each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
OF_THE_REPOSITORY = (
    r"\brepository\b",
    r"\bmake [a-z]",
    r"\.\./",
    r"export/golden",
    r"small student",
    r"example model",
    r"benchmarks/",
    r"tests/packaging",
    r"<!--",
)


@each_platform
def test_a_packaged_readme_is_about_the_app(platform: Platform, bundle: Path, tmp_path: Path) -> None:
    app = App(id="org.example.moods", name="Ännchen's Moods")
    made = package(open_bundle(bundle), platform, out=tmp_path / "out", app=app)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Ännchen's Moods\n")
    assert [words for words in OF_THE_REPOSITORY if re.search(words, text)] == []
    section = text.partition("## This app\n")[2].partition("\n## ")[0]
    assert app.id in section
    assert made.artifacts[0].label in section
    assert f"`{made.licence}`" in section
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert f"{platform.model}/MODEL_CARD.md" in links
    assert [link for link in links if not (tmp_path / "out" / link).exists()] == []


@each_platform
def test_the_projects_own_readme_still_says_what_holds_here_alone(platform: Platform) -> None:
    text = (platform.template / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- repository -->\n") == text.count("<!-- end -->\n") > 0
    assert text.count("<!-- the app -->\n") == 1


def readme(text: str, bundle: Path) -> str:
    opened = open_bundle(bundle)
    return app_readme(text, app=App(), platform=ANDROID, bundle=opened, artifacts=opened.artifacts[:2])


def test_what_is_marked_is_left_out_and_the_app_stands_at_the_end_without_a_mark(bundle: Path) -> None:
    text = readme("# T\n\na\n<!-- repository -->\nhere\n<!-- end -->\n\nb\n", bundle)
    assert text.startswith("# Sentio\n\na\nb\n\n## This app\n")
    assert "here" not in text
    assert "the first of them that the device can run" in text


@pytest.mark.parametrize(
    "text",
    ["no title\n", "# T\n<!-- repository -->\na\n", "# T\n<!-- end -->\n", "# T\n<!-- the app -->\n<!-- the app -->\n"],
)
def test_a_damaged_readme_is_one_line(text: str, bundle: Path) -> None:
    with pytest.raises(InputError, match=r"README\.md: is damaged"):
        readme(text, bundle)
