"""Which files make up a project: everything but what building it leaves behind.

The rule needs no git, so that it holds in a wheel, too; a test compares it with what git tracks.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from sentio_mobile.errors import InputError

NEVER_SOURCE = (
    *("node_modules", "dist", "build", ".tests"),
    *(".gradle", ".kotlin", ".idea", "*.iml", "local.properties"),
    *(".build", ".swiftpm", "DerivedData", "xcuserdata"),
    *(".DS_Store", "__pycache__"),
)
"""Names, at any depth, of what is made or installed on a developer's machine."""


def source_files(folder: Path) -> tuple[Path, ...]:
    """The files of a project, in the order of their names, relative to its folder.

    Raises:
        InputError: the project is not there.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: the project that apps are made from is not there; install sentio-mobile again")
    return tuple(sorted(path.relative_to(folder) for path in _walk(folder)))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatchcase(path.name, name) for name in NEVER_SOURCE):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_file():
            yield path
