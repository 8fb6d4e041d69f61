"""Helpers for tests of several rooms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

MakeBundle = Callable[..., Path]
Sentio = Callable[..., Result]
Refused = Callable[..., str]


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a folder: its mode and content."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes()) for path in files}
