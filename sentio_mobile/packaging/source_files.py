"""The source files of a project: everything but what building it leaves behind.

The rule does not need git, so that it holds in a wheel too. A test compares it with the files that git tracks.
"""

from __future__ import annotations

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
