"""A built page becomes an app's own: its name and id, in a project whose user has no npm to build it with."""

from __future__ import annotations

import hashlib
import html
import json
import shutil
from pathlib import Path

from sentio_mobile._internal.files import write_text
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.server import MODEL
from sentio_mobile.packaging.source_files import BUILT, STAMP

_WORKER = "sw.js"
_UNHASHED = frozenset({STAMP, _WORKER, "_headers"})
_HASH_DIGITS = 16
"""The service worker has so many digits of a SHA-256 of all other files, and fetches them anew when it changes."""


def copy_page(template: Path, project: Path, *, name: str, app_id: str, model: Path) -> None:
    """Write the built page into a project, under the app's name and with the app's model.

    Args:
        template: The web project that the page was built from.
        project: The app's project; its `dist/` is written.
        name: The name of the app.
        app_id: The id of the app.
        model: The trimmed bundle.

    Raises:
        InputError: The page is not as its build leaves it.
    """
    page, out = template / BUILT, project / BUILT
    shutil.copytree(page, out, ignore=shutil.ignore_patterns(STAMP, MODEL))
    before = json.loads((out / "app.webmanifest").read_text(encoding="utf-8"))
    old = _version(out)
    index = (out / "index.html").read_text(encoding="utf-8")
    # The three places of index.html that say %APP_NAME% before the build.
    for start, end in (("<title>", ": how"), ('name="application-name" content="', '"'), ('height="28" />', "</h1>")):
        index = _replace_once(index, start + _escaped(before["name"]) + end, start + _escaped(name) + end, "index.html")
    write_text(out / "index.html", index)
    named = {**before, "id": app_id, "name": name, "short_name": name}
    write_text(out / "app.webmanifest", json.dumps(named, indent=2, ensure_ascii=False) + "\n")
    worker = (out / _WORKER).read_text(encoding="utf-8")
    write_text(out / _WORKER, _replace_once(worker, old, _version(out), _WORKER))
    shutil.copytree(model, out / MODEL)


def _version(page: Path) -> str:
    """The hash that plugins/service-worker.ts computes of the page's files."""
    digest = hashlib.sha256()
    names = sorted(path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file())
    for name in names:
        if name not in _UNHASHED:
            digest.update(f"{name}\0".encode() + (page / name).read_bytes())
    return digest.hexdigest()[:_HASH_DIGITS]


def _escaped(name: str) -> str:
    """As plugins/app.ts escapes the name."""
    return html.escape(name, quote=False).replace('"', "&quot;").replace("&gt;", ">")


def _replace_once(text: str, old: str, new: str, where: str) -> str:
    if text.count(old) != 1:
        raise InputError(f"{BUILT}/{where}: is not as the page's build leaves it; install sentio-mobile again")
    return text.replace(old, new)
