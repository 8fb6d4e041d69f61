"""A built page is handed on: known by its stamp, taken into a project where npm is missing, and named after its app."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sentio_mobile._internal.files import write_text
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.built_page import built_page
from sentio_mobile.packaging.copy_page import copy_page
from sentio_mobile.packaging.platforms import WEB, App
from sentio_mobile.packaging.project import package
from sentio_mobile.packaging.source_files import STAMP, is_built, source_digest

INDEX = """<title>Sentio: how music feels</title>
<meta name="application-name" content="Sentio" />
<h1><img height="28" />Sentio</h1>
"""
FILES = {
    "index.html": INDEX,
    "app.webmanifest": json.dumps({"id": "org.sentiomobile.demo", "name": "Sentio", "short_name": "Sentio"}),
    "assets/index-1a2b.js": "export {};\n",
    "_headers": "/*\n",
    "sentio/manifest.json": "the model that the page was built with",
}


def version(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0".encode() + files[name])
    return digest.hexdigest()[:16]


def shell(page: Path) -> dict[str, bytes]:
    """The files that the service worker keeps."""
    files = {path.relative_to(page).as_posix(): path.read_bytes() for path in page.rglob("*") if path.is_file()}
    return {n: b for n, b in files.items() if n not in ("sw.js", "_headers", STAMP) and not n.startswith("sentio/")}


@pytest.fixture
def template(projects: Path) -> Path:
    """The web project with a built page, as a wheel brings it: stamped, and all files of one time."""
    web = projects / "web"
    shutil.rmtree(web / "dist")
    for name, text in FILES.items():
        write_text(web / "dist" / name, text)
    write_text(web / "dist" / "sw.js", f'const version = "{version(shell(web / "dist"))}";\n')
    write_text(web / "dist" / STAMP, f"{source_digest(web)}\n")
    for path in web.rglob("*"):
        os.utime(path, (1e9, 1e9))
    return web


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_stamped_page_needs_neither_npm_nor_times(template: Path, no_npm: None) -> None:
    assert is_built(template)
    assert built_page(template) == template / "dist"


def test_a_page_of_other_sources_is_not_used_whatever_its_time(template: Path, no_npm: None) -> None:
    write_text(template / "src" / "main.ts", "changed")
    os.utime(template / "dist" / "index.html", (4e9, 4e9))
    assert not is_built(template)
    with pytest.raises(InputError, match="needs npm"):
        built_page(template)


def test_without_npm_a_project_has_the_page_built_under_its_own_name(
    template: Path, no_npm: None, bundle: Path, tmp_path: Path
) -> None:
    app = App(id="org.example.moods", name="Rock & Röll")
    made = package(open_bundle(bundle), WEB, out=tmp_path / "out", app=app)
    page = tmp_path / "out" / "dist"
    assert "http.server" in made.next_steps[0]
    index = (page / "index.html").read_text(encoding="utf-8")
    assert index.count("Rock &amp; Röll") == 3
    assert "Sentio" not in index
    manifest = json.loads((page / "app.webmanifest").read_text(encoding="utf-8"))
    assert manifest == {"id": app.id, "name": app.name, "short_name": app.name}
    # Browsers that have the page of another name must notice.
    assert (page / "sw.js").read_text() == f'const version = "{version(shell(page))}";\n'
    assert version(shell(page)) != version(shell(template / "dist"))
    model = tmp_path / "out" / "public" / "sentio"
    assert {p.name: p.read_bytes() for p in (page / "sentio").iterdir()} == {
        p.name: p.read_bytes() for p in model.iterdir()
    }
    assert not (page / STAMP).exists()


@pytest.mark.parametrize("npm", [True, False])
def test_a_project_has_no_page_where_npm_builds_it_or_where_there_is_none(
    npm: bool, template: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/npm" if npm else None)
    if not npm:
        (template / "dist" / STAMP).write_text("of other sources\n")
    made = package(open_bundle(bundle), WEB, out=tmp_path / "out")
    assert not (tmp_path / "out" / "dist").exists()
    assert "npm ci" in made.next_steps[0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("index.html", lambda text: text.replace("application-name", "author")),
        ("sw.js", lambda text: text[:25]),
    ],
)
def test_a_page_that_is_not_as_its_build_leaves_it_is_refused(
    name: str, change: Callable[[str], str], template: Path, tmp_path: Path
) -> None:
    file = template / "dist" / name
    file.write_text(change(file.read_text()))
    with pytest.raises(InputError, match=f"dist/{name}: is not as"):
        copy_page(template, tmp_path / "out", name="Moods", app_id="a.b", model=template / "public" / "sentio")
