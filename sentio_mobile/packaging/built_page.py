"""The built web page: the one that came with the wheel, the checkout's own, or one in the user's cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from sentio_mobile._internal.files import user_cache
from sentio_mobile.errors import InputError, OutputError
from sentio_mobile.packaging.server import MODEL
from sentio_mobile.packaging.source_files import BUILT, is_built, source_digest, source_files

_COMMANDS = (("npm", "ci"), ("npm", "run", "build"))
_QUIET = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
_TIMEOUT_S = 900
"""Seconds that one of the commands may take; npm itself gives up on a network that does not answer."""


def built_page(project: Path, say: Callable[[str], None] = lambda line: None) -> Path:
    """Find the folder of a page that was built from the project as it is now; build it if there is none.

    Args:
        project: The folder of the page's sources.
        say: Called with one line before a build, which takes long.

    Raises:
        InputError: npm is missing, or the build failed; the message names the log.
        OutputError: The cache folder cannot be written.
    """
    if is_built(project):
        return project / BUILT
    place = user_cache("web") / source_digest(project)
    if not (place / "index.html").is_file():
        if shutil.which("npm") is None:
            raise InputError("building the page needs npm, which is not on PATH; install Node.js 20.19 or newer")
        log = place.with_name(f"{place.name}.log")
        say(f"Building the page with npm, once; log: {log}")
        _build(project, source_files(project), place, log)
    return place


def _build(project: Path, sources: tuple[Path, ...], place: Path, log: Path) -> None:
    """Build in a folder beside `place`, and move the complete page there."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as folder:
            work = Path(folder)
            for path in sources:
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(project / path, work / path)
            with log.open("w") as output:
                for command in _COMMANDS:
                    _run(command, work, output)
            if not (work / BUILT / "index.html").is_file():
                raise InputError(f"the page cannot be built: `{' '.join(_COMMANDS[-1])}` made no index.html in {BUILT}")
            # The model that the page was built with: the server brings another one.
            shutil.rmtree(work / BUILT / MODEL, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)
            (work / BUILT).rename(place)
    except OSError as error:
        raise OutputError(f"cannot build the page in {place.parent}: {error.strerror}; set XDG_CACHE_HOME") from error


def _run(command: tuple[str, ...], work: Path, log: TextIO) -> None:
    try:
        status = subprocess.run(
            command,
            cwd=work,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
        ).returncode
    except subprocess.TimeoutExpired:
        status = None
    if status != 0:
        how = f"took more than {_TIMEOUT_S} s" if status is None else f"failed with status {status}"
        raise InputError(f"the page cannot be built: `{' '.join(command)}` {how}; {log.name} says why")
