"""One writer for a place: a lock against other processes, and an end to what killed writers left there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from sentio_mobile.errors import OutputError

LOCK = ".lock"
"""The lock of a folder that is filled where it stands."""

FULL = (errno.ENOSPC, errno.EDQUOT)
FAULTS_OF_PLACE = (*FULL, errno.EFBIG, errno.EROFS)
"""Errors that only writing has: no room, a limit on the size of files, a place that is read only."""

# Of this machine: the number of a process says nothing about a process of another one that shares the disk.
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
_LEFT = re.compile(rf"\..+\.{_MACHINE}-(\d+)-\w+\.part")

_held: dict[Path, tuple[int, int]] = {}
_swept: set[Path] = set()


def cannot_write(place: Path, error: OSError) -> OutputError:
    """The error for a place that cannot be written, with what to do."""
    advice = "choose a folder that you can write to"
    if error.errno in FULL:
        advice = "make room or choose another place, then give the command again"
    elif error.errno == errno.EFBIG:
        advice = "raise the limit on the size of files (ulimit -f), then give the command again"
    return OutputError(f"cannot write {place}: {error.strerror or error}; {advice}")


def part_of(place: Path) -> tuple[str, str]:
    """Beginning and end of the name of what becomes `place` when it is whole: hidden, beside it, on its file system."""
    return f".{place.name}.{_MACHINE}-{os.getpid()}-", ".part"


@contextmanager
def claimed(place: Path, *, inside: bool = False) -> Iterator[None]:
    """Hold a place against other processes while the block runs, and clear what killed writers left beside it.

    Within the block, the same thread may claim the place again.

    Args:
        place: The file or folder that is going to be written.
        inside: Whether it is a folder that is filled where it stands; then the lock is in it, and not beside it.

    Raises:
        OutputError: Another process, or another thread, holds the place, or it cannot be written.
    """
    key, me = place.absolute(), threading.get_ident()
    thread, depth = _held.get(key, (me, 0))
    if thread != me:
        raise OutputError(f"{place}: another call is writing there; wait for it to end or choose another place")
    if depth:
        _held[key] = (me, depth + 1)
        try:
            yield
        finally:
            _held[key] = (me, depth)
        return
    is_new = inside and not place.exists()
    lock = _locked(place, place / LOCK if inside else place.with_name(f".{place.name}.lock"))
    _held[key] = (me, 1)
    try:
        sweep(place if inside else place.parent)
        _settle(place)
        yield
    finally:
        del _held[key]
        # Removed while it is held: a process that waits for it finds that out, and makes another one.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty, or gone
                place.rmdir()


def sweep(folder: Path) -> None:
    """Remove the unfinished files of this machine's dead processes from a folder; looks once in each process."""
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFT.fullmatch(entry.name)
            if found and int(found[1]) != os.getpid() and not psutil.pid_exists(int(found[1])):
                remove(Path(entry.path))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _locked(place: Path, path: Path) -> FileLock:
    lock = FileLock(path, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        _require_writable(place, path)
        holder = ""
        with contextlib.suppress(OSError):
            holder = path.read_text(errors="replace")[:20]
        which = f"another process ({holder})" if holder.isdigit() else "another process"
        raise OutputError(f"{place}: {which} is writing there; wait for it to end or choose another place") from None
    except OSError as error:
        raise cannot_write(place, error) from error
    with contextlib.suppress(OSError):  # for messages only; on Windows a locked file cannot be written
        path.write_text(str(os.getpid()))
    return lock


def _require_writable(place: Path, lock: Path) -> None:
    """Where no file can be made, filelock waits for one, as if another process held the place."""
    if lock.exists():
        return
    try:
        lock.touch(exist_ok=False)
        lock.unlink()
    except FileExistsError:
        return
    except OSError as error:
        raise cannot_write(place, error) from error


def _settle(place: Path) -> None:
    """Bring a place to the state before or after a writer that was killed. The lock is held: no writer is left."""
    begin = re.escape(f".{place.name}.")
    with contextlib.suppress(OSError):
        for path in sorted(place.absolute().parent.iterdir()):
            if re.fullmatch(begin + r"[0-9a-f]{6}-\d+-\w+\.old", path.name) and not os.path.lexists(place):
                # Killed between two renames: what stood there had given way, and nothing had taken its place.
                path.rename(place)
            elif re.fullmatch(begin + r"[0-9a-f]{6}-\d+-\w+\.(part|old)", path.name):
                remove(path)


def new_part(place: Path) -> Path:
    """Make the hidden folder that becomes `place`.

    Raises:
        OSError: It cannot be made.
    """
    prefix, suffix = part_of(place)
    part = Path(tempfile.mkdtemp(dir=place.parent, prefix=prefix, suffix=suffix))
    part.chmod(0o755)
    return part


@contextmanager
def not_deleted(folder: Path, place: Path) -> Iterator[None]:
    """Notice a full disk, and that somebody deleted `folder`, while the block fills it to become `place`.

    Raises:
        OutputError: Either has happened.
    """
    # An open folder keeps its number, which a new one of the same name could get otherwise. Windows keeps it in place.
    handle = os.open(folder, os.O_RDONLY) if hasattr(os, "O_DIRECTORY") else None
    try:
        yield
        if handle is not None and not (folder.is_dir() and os.path.samestat(os.fstat(handle), folder.stat())):
            raise OutputError(f"{place}: was deleted while it was being written; give the command again")
    except OSError as error:
        if error.errno in FAULTS_OF_PLACE:
            raise cannot_write(Path(error.filename or place), error) from error
        raise
    finally:
        if handle is not None:
            os.close(handle)


def move_in(part: Path, place: Path, *, overwrite: bool) -> None:
    """Let a complete folder take its place.

    Raises:
        OSError: It cannot, for example because something has appeared there that may not be overwritten.
    """
    if not os.path.lexists(place):
        part.rename(place)
    elif place.is_dir() and not place.is_symlink() and not overwrite:
        place.rmdir()  # fails if it is not empty
        part.rename(place)
    else:
        old = part.with_suffix(".old")
        place.rename(old)
        part.rename(place)
        remove(old)
