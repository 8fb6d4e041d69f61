"""Atomic writes: a killed run leaves the old file or the new one. Also hashes, and the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentio_mobile._internal.claims import (
    cannot_write,
    claimed,
    move_in,
    new_part,
    not_deleted,
    part_of,
    remove,
    sweep,
)
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
    prefix, suffix = part_of(path)
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix, suffix=suffix, delete=False) as file:
            part = Path(file.name)
            file.write(content)
        part.chmod(0o644)
        part.replace(path)
    except BaseException as error:
        if part is not None:
            remove(part)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


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
        OutputError: `place` cannot be written, another process writes it, or it is not empty and `overwrite` is false.
    """
    require_free(place, overwrite)
    with claimed(place):
        require_free(place, overwrite)  # another process may have finished meanwhile
        try:
            part = new_part(place)
        except OSError as error:
            raise cannot_write(place, error) from error
        try:
            with not_deleted(part, place):
                yield part
            # Some libraries write files that only their owner can read. The result gets the usual permissions.
            for path in part.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
            require_free(place, overwrite)
            try:
                move_in(part, place, overwrite=overwrite)
            except OSError as error:
                raise cannot_write(place, error) from error
        finally:
            remove(part)
