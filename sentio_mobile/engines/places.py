"""Folders and files that all machines of a cluster see: on a shared disk, or in an object store, by fsspec."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from sentio_mobile._internal.files import scratch_folder, write_bytes
from sentio_mobile.errors import AudioError, InputError, MissingExtraError, OutputError

# File systems of other packages raise errors of many classes; each becomes one line.

_STATE = ("ETag", "etag", "md5Hash", "crc32c", "mtime", "LastModified", "updated", "created")
"""What file systems call the mark of a file's content: a hash where the store keeps one, else a time."""


def is_url(text: str | Path) -> bool:
    """Whether a place is written as a URL, such as s3://bucket/music."""
    return "://" in str(text)


def require_shared(urls: Iterable[str]) -> None:
    """Check that workers can see these places, before anything is read.

    Raises:
        SentioError: As `Place.require_shared`.
    """
    for url in urls:
        Place(url).require_shared()


@dataclass(frozen=True)
class Place:
    """A folder or a file, which need not exist.

    Attributes:
        url: A path, or a URL that fsspec knows: file://, s3://, gs://, and others.
    """

    url: str

    @property
    def is_local(self) -> bool:
        """Whether it lies on a disk of this machine."""
        return bool(self._system.protocol in ("file", "local") or "file" in self._system.protocol)

    @property
    def is_private(self) -> bool:
        """Whether it lies in the memory of this process, which no other process can read."""
        return "memory" in self._system.protocol

    @property
    def path(self) -> Path:
        """Its path on this machine's disks."""
        return Path(self._root)

    def require_known(self) -> None:
        """Check that its file system is known and installed.

        Raises:
            InputError: No file system has this URL's scheme, or its package is not installed.
            MissingExtraError: fsspec is not installed.
        """
        assert self._system is not None

    def require_shared(self) -> None:
        """Check that other processes can see it, as workers must.

        Raises:
            InputError: It lies in the memory of this process, no file system has this URL's scheme, or its package is
                not installed.
            MissingExtraError: fsspec is not installed.
        """
        self.require_known()
        if self.is_private:
            raise InputError(
                f"{self.url}: lies in the memory of this process, which workers cannot read; give a folder"
            )

    def absolute(self) -> Place:
        """The same for a process with another working folder."""
        return self if is_url(self.url) else Place(str(Path(self.url).absolute()))

    def join(self, name: str) -> Place:
        """A place below this one."""
        return Place(posixpath.join(self.url, name) if is_url(self.url) else str(Path(self.url, name)))

    def is_file(self) -> bool:
        """Whether it is a file."""
        return bool(self._ask("isfile"))

    def names(self, suffix: str) -> list[str]:
        """Names of the files right in this folder that end so, sorted; none where there is no folder.

        Raises:
            InputError: It cannot be listed.
        """
        if not self._ask("isdir"):
            return []
        self._system.invalidate_cache()
        found = (PurePosixPath(path).name for path in self._ask("ls", detail=False))
        return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))

    def files_below(self, suffixes: tuple[str, ...]) -> list[str]:
        """Paths below this folder of all files with these endings, sorted; hidden ones are left out.

        Raises:
            InputError: It cannot be listed.
        """
        below = (PurePosixPath(path).relative_to(self._root) for path in self._ask("find"))
        return sorted(
            str(path)
            for path in below
            if path.name.lower().endswith(suffixes) and not any(part.startswith(".") for part in path.parts)
        )

    def state(self) -> str:
        """Size and mark of a file's content, which change when it does.

        Raises:
            AudioError: There is no such file.
        """
        try:
            facts = self._system.info(self._root)
        except Exception as error:
            raise AudioError(f"{self.url}: cannot be read ({_reason(error, self.url)}); check the path") from error
        mark = next((str(facts[name]) for name in _STATE if facts.get(name) is not None), "")
        return f"{facts.get('size')} {mark}"

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """The file on a disk of this machine: itself, or a copy for as long as the block lasts.

        Raises:
            AudioError: It cannot be read. A message about the copy names the place.
        """
        if self.is_local:
            yield self.path
            return
        with scratch_folder() as folder:
            copy = folder / f"song{PurePosixPath(self._root).suffix}"
            try:
                self._system.get_file(self._root, str(copy))
            except Exception as error:
                raise AudioError(f"{self.url}: cannot be read ({_reason(error, self.url)}); check the path") from error
            try:
                yield copy
            except AudioError as error:
                raise AudioError(str(error).replace(str(copy), self.url)) from error

    def open(self) -> Any:
        """The file, open for reading bytes.

        Raises:
            InputError: It cannot be read.
        """
        return self._ask("open", mode="rb")

    def write(self, content: bytes) -> None:
        """Write the file whole: readers see the old one or the new one.

        Raises:
            OutputError: It cannot be written.
        """
        if self.is_local:
            write_bytes(self.path, content)
            return
        try:
            # Object stores show an object when all of it has come.
            self._system.pipe_file(self._root, content)
        except Exception as error:
            raise OutputError(f"cannot write {self.url}: {_reason(error, self.url)}; choose another place") from error

    def remove(self) -> None:
        """Remove the file.

        Raises:
            InputError: It cannot be removed.
        """
        self._ask("rm_file")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise MissingExtraError("fsspec", "ray", "a place that all machines see") from error
        try:
            system, root = url_to_fs(self.url)
        except ImportError as error:
            scheme = self.url.split("://")[0]
            raise InputError(f"{self.url}: {scheme}:// needs another package: {_reason(error, self.url)}") from error
        except (ValueError, OSError) as error:
            raise InputError(
                f"{self.url}: {_reason(error, self.url)}; give a path, or a URL such as s3://bucket/x"
            ) from error
        return system, root

    @property
    def _system(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return str(self._opened[1])

    def _ask(self, what: str, **options: object) -> Any:
        try:
            return getattr(self._system, what)(self._root, **options)
        except Exception as error:
            raise InputError(
                f"{self.url}: cannot be read ({_reason(error, self.url)}); check the path and your rights"
            ) from error

    def __getstate__(self) -> dict[str, str]:
        # An open file system stays in its process.
        return {"url": self.url}

    def __setstate__(self, state: dict[str, str]) -> None:
        object.__setattr__(self, "url", state["url"])


def _reason(error: Exception, url: str) -> str:
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    # Stores name the file again, or the address that was asked, and nothing else, where it is not there.
    is_name = url.endswith(reason) or (isinstance(error, FileNotFoundError) and " " not in reason)
    return "there is no such file" if is_name else reason
