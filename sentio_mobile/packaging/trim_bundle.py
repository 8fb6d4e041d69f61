"""Trim a bundle to what an app needs: the artifacts that its platform runs, and few golden vectors.

The result is a bundle like any other: `verify` proves it, `bundle sign` signs it, and the SDKs read its manifest. The
other artifacts, the evaluation and most golden vectors are left out, and the images of those that stay: apps make their
own from the sound.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile.bundle.bundle import CARD, GOLDEN, Bundle
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.manifest import MANIFEST, Manifest, TrimmedFrom, hash_files
from sentio_mobile.spec import Artifact

MUSIC_VECTORS = 3
"""Golden vectors of music in an app, those with the most different outputs. With them goes the last, a short clip."""


def trim_bundle(bundle: Bundle, artifacts: Sequence[Artifact], folder: Path) -> Manifest:
    """Write a bundle for an app into an empty folder.

    Args:
        bundle: An opened bundle: every hash was checked.
        artifacts: Artifacts of the bundle, in the order in which the app tries them.
        folder: An existing, empty folder.

    Returns:
        The manifest that was written: the bundle's, with these artifacts and files only, and the SHA-256 of the
        bundle's own manifest.

    Raises:
        BundleError: An artifact asks its runtime for an operator that no export uses.
    """
    bundle.check_operators(artifacts)
    manifest, entries = bundle.manifest, tuple(bundle.entry(artifact) for artifact in artifacts)
    names = [name for entry in entries for name in manifest.files_of(entry)]
    for name in [*names, *(name for name in manifest.files if name == CARD)]:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle.folder / name, place)
    _few_vectors(bundle.golden()).save(folder / GOLDEN)
    trimmed = replace(
        manifest,
        artifacts=entries,
        files=hash_files(folder),
        trimmed_from=TrimmedFrom(manifest_sha256=sha256(bundle.folder / MANIFEST)),
    )
    write_record(folder / MANIFEST, trimmed)
    return trimmed


def _few_vectors(golden: Golden) -> Golden:
    last = len(golden.output) - 1
    return replace(golden.take(sorted({*range(min(MUSIC_VECTORS, last)), last})), image=None)
