"""The source files of a project: everything but what building it leaves behind.

The rule does not need git, so that it holds in a wheel too. A test compares it with the files that git tracks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from sentio_mobile.errors import InputError

NEVER_SOURCE = (
    *("node_modules", "dist", "build", ".tests", "*.tgz"),
    *(".gradle", ".kotlin", ".idea", "*.iml", "local.properties"),
    *(".build", ".swiftpm", "DerivedData", "xcuserdata"),
    *(".DS_Store", "__pycache__"),
)
"""Names, at any depth, of files and folders that are built or installed on a developer's machine."""


BUILT = "dist"
"""The folder of a web project in which its build stands."""

STAMP = "built-from.txt"
"""In a build that was handed on: the digest of the sources that it was made from. Times do not survive an archive."""


def source_files(folder: Path) -> tuple[Path, ...]:
    """List the files of a project, sorted by name, relative to its folder.

    Raises:
        InputError: The folder is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: this project of the app is missing; install sentio-mobile again")
    return tuple(sorted(path.relative_to(folder) for path in _walk(folder)))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatchcase(path.name, name) for name in NEVER_SOURCE):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_file():
            yield path


def source_digest(project: Path) -> str:
    """16 hexadecimal digits that change with the name or the content of any source file."""
    digest = hashlib.sha256()
    for path in source_files(project):
        content = (project / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def is_built(project: Path) -> bool:
    """Whether the project has a build of its sources as they are: stamped with their digest, or younger than all."""
    index, stamp = project / BUILT / "index.html", project / BUILT / STAMP
    if not index.is_file():
        return False
    if stamp.is_file():
        return stamp.read_text(encoding="utf-8").strip() == source_digest(project)
    return index.stat().st_mtime_ns > max((project / path).stat().st_mtime_ns for path in source_files(project))
