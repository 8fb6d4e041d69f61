"""Atomic writes: a killed run leaves the old file or the new one. Also hashes, and the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentio_mobile.errors import OutputError


def user_cache(name: str) -> Path:
    """Path of `sentio-mobile/<name>` in the user's cache folder, for what is slow to make and can be made again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "sentio-mobile" / name


def sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: under a temporary name in the same folder, which is then renamed.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose a folder that you can write to") from error


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, atomically. NaN is refused, because it is not JSON.

    Raises:
        OutputError: The file cannot be written.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def require_free(place: Path, overwrite: bool) -> None:
    """Check, before long work, that `new_folder` will be able to write `place`.

    Raises:
        OutputError: `place` is not empty and `overwrite` is false, or its parent folder cannot be written.
    """
    if not overwrite and place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise OutputError(f"{place} exists already; choose another place or remove it")
    above = next(folder for folder in place.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise OutputError(f"cannot write {place}: {above} is not a folder that you can write to")


def require_free_file(file: Path, overwrite: bool) -> None:
    """Check, before long work, that a file can be written.

    Raises:
        OutputError: The file exists and `overwrite` is false, there is a folder of its name, or its folder cannot be
            written.
    """
    if file.is_dir():
        raise OutputError(f"{file} is a folder; give the name of a file")
    require_free(file, overwrite)


@contextmanager
def new_folder(place: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill. It becomes `place` when the block succeeds, and is removed when it fails.

    Args:
        place: The final path of the folder.
        overwrite: Whether an existing folder at `place` is replaced, once the new one is complete.

    Raises:
        OutputError: `place` cannot be written, or is not empty and `overwrite` is false.
    """
    require_free(place, overwrite)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
        part.chmod(0o755)
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror}; choose a folder that you can write to") from error
    try:
        yield part
        # Some libraries write files that only their owner can read. The result gets the usual permissions.
        for path in part.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        old = place.with_name(f".{place.name}.old-{os.getpid()}")
        if os.path.lexists(place):
            place.rename(old)
        part.rename(place)
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
