"""Who released a bundle: a signature over its manifest, which has the hash of every other file.

`manifest.sig.json` stands beside `manifest.json`. It holds an Ed25519 signature (RFC 8032) over that file's exact
bytes, so that an app or OpenSSL can check it without reading JSON as this package does.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile._internal.tables import read_table
from sentio_mobile.bundle.bundle import MANIFEST, Bundle, open_bundle
from sentio_mobile.bundle.keys import fingerprint, read_private, read_public
from sentio_mobile.errors import BundleError, CheckFailedError, InputError

SIGNATURE = "manifest.sig.json"
SIGNATURE_SCHEMA = 1
ALGORITHM = "Ed25519"

_MOST_BYTES = 512
"""A signature file has half of that: what is much longer is none, and is not read."""


@dataclass(frozen=True)
class Signature:
    """What a signature file holds: `public_key_sha256` tells which key, `signature` is base64."""

    schema: int
    algorithm: str
    public_key_sha256: str
    signature: str


@dataclass(frozen=True)
class Checked:
    """A bundle that was found as it was signed: by which key, and how many files that covers."""

    bundle: Bundle
    public_key_sha256: str
    files: int


def sign(folder: Path, key: Path) -> str:
    """Sign a bundle, in place of any signature that it has. It is checked first, so that no broken one is signed.

    Args:
        folder: the bundle.
        key: an Ed25519 private key, as PEM.

    Returns:
        The fingerprint of the public key.

    Raises:
        InputError: the key cannot be used.
        BundleError: the bundle is damaged.
        CheckFailedError: its folder has files that the manifest does not list.
        OutputError: the signature cannot be written.
    """
    private = read_private(key)
    content = _manifest_bytes(folder)
    _open_signed(folder, content)
    digest = fingerprint(private.public_key())
    text = base64.b64encode(private.sign(content)).decode()
    write_json(folder / SIGNATURE, asdict(Signature(SIGNATURE_SCHEMA, ALGORITHM, digest, text)))
    return digest


def check(folder: Path, key: Path) -> Checked:
    """Check a bundle's signature, and only when it holds, every hash, and that nothing was added.

    Args:
        folder: the bundle.
        key: the Ed25519 public key of whoever is trusted, as PEM.

    Raises:
        InputError: the key cannot be used.
        BundleError: there is no signature, or it is none of this kind; or a file is missing or was changed.
        CheckFailedError: the signature does not hold, or the folder has files that the manifest does not list.
    """
    from cryptography.exceptions import InvalidSignature

    public = read_public(key)
    digest, content = fingerprint(public), _manifest_bytes(folder)
    signature, claimed = _read_signature(folder / SIGNATURE)
    if claimed != digest:
        raise CheckFailedError(
            f"{folder}: is signed with another key (fingerprint {claimed!r:.17}...') than the one given "
            f"('{digest[:16]}...'); give the signer's public key, or do not use the bundle"
        )
    try:
        public.verify(signature, content)
    except InvalidSignature as error:
        raise CheckFailedError(
            f"{folder / MANIFEST}: the signature does not hold: the manifest was changed, or another one was signed; "
            "do not use the bundle"
        ) from error
    bundle = _open_signed(folder, content)
    return Checked(bundle, digest, len(bundle.manifest["files"]))


def unlisted(bundle: Bundle) -> list[str]:
    """Files in a bundle's folder that its manifest has no hash for, in order. A linked folder counts as one."""
    known = {MANIFEST, SIGNATURE, *bundle.manifest["files"]}
    found = []
    for above, folders, files in os.walk(bundle.folder, onerror=_refuse_unreadable):
        linked = [name for name in folders if (Path(above) / name).is_symlink()]
        found += [(Path(above) / name).relative_to(bundle.folder).as_posix() for name in (*files, *linked)]
    return sorted(set(found) - known)


def _refuse_unreadable(error: OSError) -> None:
    raise BundleError(f"cannot read {error.filename}: {error.strerror}") from error


def _open_signed(folder: Path, content: bytes) -> Bundle:
    """Open the bundle whose manifest these bytes are, and make sure that it has nothing else in it."""
    bundle = open_bundle(folder)
    # Opening reads the file again: what was verified and what is used must be the same.
    if json.loads(content) != bundle.manifest:
        raise BundleError(f"{folder / MANIFEST}: was changed while it was being checked; do not use the bundle")
    if extra := unlisted(bundle):
        named = ", ".join(map(repr, extra[:5])) + (f" and {len(extra) - 5} more" if len(extra) > 5 else "")
        raise CheckFailedError(f"{folder}: has files that its manifest does not list: {named}; remove them")
    return bundle


def _manifest_bytes(folder: Path) -> bytes:
    place = folder / MANIFEST
    if not place.is_file():
        raise BundleError(f"{folder}: is no bundle (no {MANIFEST}); make one with `sentio-mobile export`")
    try:
        return place.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {place}: {error.strerror}") from error


def _read_signature(place: Path) -> tuple[bytes, str]:
    """The signature, and the fingerprint of the key that it says it was made with."""
    if not place.is_file():
        raise BundleError(f"{place.parent}: is not signed (no {SIGNATURE}); sign it with `sentio-mobile bundle sign`")
    if place.stat().st_size > _MOST_BYTES:
        raise BundleError(f"{place}: is too long for a signature; sign the bundle again")
    try:
        found = read_table(Signature, read_json(place, BundleError), SIGNATURE, complete=True)
    except InputError as error:
        raise BundleError(f"{place}: is no signature ({error}); sign the bundle again") from error
    if (found.schema, found.algorithm) != (SIGNATURE_SCHEMA, ALGORITHM):
        raise BundleError(
            f"{place}: schema {found.schema}, algorithm {found.algorithm!r}; this version checks schema "
            f"{SIGNATURE_SCHEMA}, {ALGORITHM}; upgrade"
        )
    try:
        signature = base64.b64decode(found.signature, validate=True)
    except ValueError as error:
        raise BundleError(f"{place}: the signature is not base64; sign the bundle again") from error
    # Base64 has spare bits: only one spelling of a signature is taken.
    if len(signature) != 64 or base64.b64encode(signature).decode() != found.signature:
        raise BundleError(f"{place}: the signature is not 64 bytes of base64; sign the bundle again")
    return signature, found.public_key_sha256
