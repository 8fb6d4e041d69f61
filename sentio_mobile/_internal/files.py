"""Atomic writes: a killed run leaves the old file or the new one. Also safe reading, hashes, and the cache folder."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
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
from sentio_mobile.errors import InputError, OutputError

_NO_FILE = "it is not a file"


def user_cache(name: str) -> Path:
    """Path of `sentio-mobile/<name>` in the user's cache folder, for what is slow to make and can be made again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "sentio-mobile" / name


def is_file(path: Path) -> bool:
    """Whether there is a file. False too for names that no file can have, such as one that is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def open_file(path: Path) -> io.BufferedReader:
    """Open a file to read it, and nothing that only has the name of one: a pipe would wait for a writer for ever.

    Raises:
        OSError: It is missing, is a folder, a pipe or a device, or no file can have its name.
    """
    return io.BufferedReader(io.FileIO(_descriptor(path, os.O_RDONLY), "rb"))


def open_to_append(path: Path) -> io.FileIO:
    """Open a file to append to it, and create it if it is missing. A link is refused: its target is not ours to write.

    Raises:
        OSError: It is a link, a folder, a pipe or a device, no file can have its name, or it cannot be written.
    """
    number = _descriptor(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0))
    file = io.FileIO(number, "ab")
    file.seek(0, os.SEEK_END)
    return file


def _descriptor(path: Path, flags: int) -> int:
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(path, flags, 0o644)
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, _NO_FILE, str(path))
    return number


def read_file(path: Path, largest: int, error: type[InputError] = InputError) -> bytes:
    """Read a whole file that a stranger may have written.

    Args:
        path: The file.
        largest: The number of bytes that are read at most.
        error: The class of error to raise.

    Raises:
        InputError: Of the class `error`. It is missing, is no file, is larger, or cannot be read.
    """
    try:
        with open_file(path) as file:
            if (size := os.fstat(file.fileno()).st_size) <= largest:
                content = file.read(largest + 1)
                size = len(content)
    except OSError as fault:
        missing = isinstance(fault, FileNotFoundError | NotADirectoryError) or fault.strerror == _NO_FILE
        reason = "it is missing, or is not a file" if missing else fault.strerror or fault
        raise error(f"cannot read {path}: {reason}") from None
    if size > largest:
        raise error(f"{path} has {size:,} bytes, more than the {largest:,} that are read; is it the right file?")
    return content


def sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits.

    Raises:
        OSError: It cannot be read.
    """
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically. What no UTF-8 can hold, such as a byte of a file's name, is escaped.

    Raises:
        OutputError: The file cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


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


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder for what nobody keeps, in the system's temporary folder, and remove it when the block ends.

    A process that is killed leaves its own behind. The next one that needs such a folder removes it.

    Raises:
        OutputError: There is no place for it.
    """
    try:
        place = Path(tempfile.gettempdir())
        sweep(place)
        prefix, suffix = part_of(place / "sentio-mobile")
        made = tempfile.TemporaryDirectory(dir=place, prefix=prefix, suffix=suffix)
    except OSError as error:
        raise OutputError(
            f"cannot make a temporary folder: {error.strerror}; set TMPDIR to a folder that you can write to"
        ) from error
    with made as folder:
        yield Path(folder)


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
def new_folder(place: Path, overwrite: bool = False, *, executable: Collection[str] = ()) -> Iterator[Path]:
    """Give a temporary folder to fill. It becomes `place` when the block succeeds, and is removed when it fails.

    Args:
        place: The final path of the folder.
        overwrite: Whether an existing folder at `place` is replaced, once the new one is complete.
        executable: The files, relative to the folder, that may be run; all others may not.

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
                runs = path.is_dir() or path.relative_to(part).as_posix() in executable
                path.chmod(0o755 if runs else 0o644)
            require_free(place, overwrite)
            try:
                move_in(part, place, overwrite=overwrite)
            except OSError as error:
                raise cannot_write(place, error) from error
        finally:
            remove(part)
