"""Trim a bundle to what an app needs: the artifacts that its platform runs, and few golden vectors.

The result is a bundle like any other: `verify` proves it, `bundle sign` signs it, and the SDKs read its manifest. The
other artifacts, the evaluation and most golden vectors are left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sentio_mobile._internal.files import sha256, write_json
from sentio_mobile.bundle.bundle import GOLDEN, MANIFEST, Bundle
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.errors import BundleError
from sentio_mobile.spec import Artifact

CARD = "MODEL_CARD.md"
MUSIC_VECTORS = 3
"""Golden vectors of music in an app, those with the most different outputs. With them goes the last, a short clip."""


def trim_bundle(bundle: Bundle, artifacts: Sequence[Artifact], folder: Path) -> dict[str, Any]:
    """Write a bundle for an app into an empty folder.

    Args:
        bundle: An opened bundle: every hash was checked.
        artifacts: Artifacts of the bundle, in the order in which the app tries them.
        folder: An existing, empty folder.

    Returns:
        The manifest that was written: the bundle's, with these artifacts and files only, and `carried_from`, the
        SHA-256 of the bundle's own manifest.

    Raises:
        BundleError: A file's name would lead out of `folder`.
    """
    entries = [bundle.manifest["artifacts"][bundle.artifacts.index(artifact)] for artifact in artifacts]
    wanted = [entry["path"] for entry in entries]
    for name in bundle.manifest["files"]:
        if name == CARD or any(name == path or name.startswith(f"{path}/") for path in wanted):
            place = folder / _plain(bundle, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.folder / name, place)
    _few_vectors(bundle.golden()).save(folder / GOLDEN)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        **bundle.manifest,
        "artifacts": entries,
        "files": {
            path.relative_to(folder).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size}
            for path in files
        },
        "carried_from": {"manifest_sha256": sha256(bundle.folder / MANIFEST)},
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def _plain(bundle: Bundle, name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        raise BundleError(f"{bundle.folder / MANIFEST}: {name!r} is no plain name of a file; do not use this bundle")
    return name


def _few_vectors(golden: Golden) -> Golden:
    last = len(golden.output) - 1
    return golden.take(sorted({*range(min(MUSIC_VECTORS, last)), last}))
