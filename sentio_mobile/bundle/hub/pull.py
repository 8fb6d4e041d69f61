"""A bundle from the hub: checked file by file, and moved into its place when all of it is right."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.files import new_folder, read_file, sha256
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Count, Record, Sha256, Size, Text
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.hub.client import hub_client
from sentio_mobile.bundle.hub.download import download, listing
from sentio_mobile.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES, parse_manifest
from sentio_mobile.bundle.sign import MAX_SIGNATURE_BYTES, SIGNATURE, signed_manifest
from sentio_mobile.errors import BundleError, CheckFailedError, OutputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class Pulled(Record, frozen=True, kw_only=True):
    """A bundle that came from the hub; what `bundle pull --json` prints."""

    # OWNER/NAME.
    repository: Text
    # The commit that all files are of.
    commit: Text
    # Number of files, the manifest and its signature among them.
    files: Count
    # Their bytes.
    bytes: Size
    # The fingerprint of the key that signed the bundle; null where no signature was asked for.
    public_key_sha256: Sha256 | None


def pull(
    repository: str,
    out: Path,
    *,
    revision: str | None = None,
    key: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Download a bundle. Files that its manifest does not list, such as the hub's own, stay where they are.

    Args:
        repository: The name of the repository, OWNER/NAME.
        out: The folder of the bundle. It appears when every hash holds.
        revision: A branch, a tag or a commit; by default the branch main.
        key: The Ed25519 public key of the signer whom you trust, as PEM; None to ask for no signature. It is checked
            before any other file than the manifest is downloaded.
        overwrite: Whether an existing `out` gives way.
        progress: Receives the progress, file by file.

    Raises:
        InputError: The hub refuses or does not answer, has no such repository or revision, or the key cannot be used.
        BundleError: The repository holds no bundle, or a file is missing or is another than the manifest lists.
        CheckFailedError: The signature does not hold.
        OutputError: `out` exists, or cannot be written.
        MissingExtraError: The package huggingface_hub is not installed.
    """
    progress = progress or NoProgress()
    with new_folder(out, overwrite) as part:
        with hub_client(repository, revision) as api:
            commit, sizes = listing(api, repository, revision)
            if MANIFEST not in sizes:
                raise BundleError(f"{repository}: holds no bundle (no {MANIFEST}); give a repository of `bundle push`")
            with tempfile.TemporaryDirectory(dir=part, prefix=".hub-") as scratch:
                source = _Source(api, repository, commit, Path(scratch))
                signer = _take(source, sizes, part, key, progress)
        with _named(repository, part):
            files = open_bundle(part).manifest.files
        kept = [path for path in part.rglob("*") if path.is_file()]
        return Pulled(
            repository=repository,
            commit=source.commit,
            files=len(kept),
            bytes=sum(entry.bytes for entry in files.values()),
            public_key_sha256=signer,
        )


@dataclass(frozen=True)
class _Source:
    """One commit of a repository, and a folder for files that nobody has checked yet."""

    api: HfApi
    repository: str
    commit: str
    scratch: Path

    def fetch(self, name: str, most: int) -> Path:
        """Download a file of at most so many bytes."""
        path = self.scratch / "file"
        download(self.api, self.repository, name, self.commit, path, most)
        return path


def _take(source: _Source, sizes: Mapping[str, int], part: Path, key: Path | None, progress: Progress) -> str | None:
    """Download manifest, signature and files into `part`, each after it was checked; gives the signer's fingerprint."""
    _limit(source, sizes, MANIFEST, MAX_MANIFEST_BYTES)
    source.fetch(MANIFEST, MAX_MANIFEST_BYTES).replace(part / MANIFEST)
    if SIGNATURE in sizes:
        _limit(source, sizes, SIGNATURE, MAX_SIGNATURE_BYTES)
        source.fetch(SIGNATURE, MAX_SIGNATURE_BYTES).replace(part / SIGNATURE)
    with _named(source.repository, part):
        content, signer = (
            (read_file(part / MANIFEST, MAX_MANIFEST_BYTES, BundleError), None)
            if key is None
            else signed_manifest(part, key)
        )
        manifest = parse_manifest(content, part)
    for name, entry in manifest.files.items():
        if name not in sizes:
            raise BundleError(f"{source.repository}: lacks {name!r}, which its manifest lists; {_AGAIN}")
        if sizes[name] != entry.bytes:
            raise BundleError(
                f"{source.repository}: {name!r} has {sizes[name]:,} bytes, not the {entry.bytes:,} of its manifest; "
                + _AGAIN
            )
    if (need := sum(entry.bytes for entry in manifest.files.values())) > (free := shutil.disk_usage(part).free):
        raise OutputError(f"{source.repository}: needs {need:,} bytes, and {free:,} are free; make room")
    progress.start(f"Downloading {source.repository}", len(manifest.files))
    for name, entry in manifest.files.items():
        found = source.fetch(name, entry.bytes)
        if sha256(found) != entry.sha256:
            raise BundleError(
                f"{source.repository}: {name!r} is not the file that its manifest lists (SHA-256 differs); {_AGAIN}"
            )
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        found.replace(part / name)
        progress.advance(note=name)
    progress.finish()
    return signer


_AGAIN = "nothing was kept; ask its owner to push it again"


def _limit(source: _Source, sizes: Mapping[str, int], name: str, largest: int) -> None:
    if sizes[name] > largest:
        raise BundleError(
            f"{source.repository}: {name} has {sizes[name]:,} bytes, more than the {largest:,} that are read"
        )


@contextmanager
def _named(repository: str, part: Path) -> Iterator[None]:
    """Name the repository in messages, in place of the temporary folder."""
    try:
        yield
    except (BundleError, CheckFailedError) as error:
        raise type(error)(str(error).replace(str(part), repository)) from error
