"""Signatures of bundles: a signature over the manifest, which has the hash of every other file.

`manifest.sig.json` stands beside `manifest.json`. It holds an Ed25519 signature (RFC 8032) over that file's exact
bytes, so that an app or OpenSSL can check it without parsing JSON.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Count, Record, Sha256, from_plain, read_plain, write_record
from sentio_mobile.bundle.bundle import Bundle, Choice, open_bundle, open_with_manifest
from sentio_mobile.bundle.keys import fingerprint, read_private_key, read_public_key
from sentio_mobile.bundle.manifest import MANIFEST, read_manifest_bytes
from sentio_mobile.errors import BundleError, CheckFailedError

SIGNATURE = "manifest.sig.json"
SIGNATURE_SCHEMA = 1

MAX_SIGNATURE_BYTES = 512
"""A signature file has half of that; one that is much longer is not read."""


class Signature(Record, frozen=True, kw_only=True):
    """The content of a signature file."""

    # Version of this record.
    schema: Literal[1] = 1
    # Algorithm of the signature.
    algorithm: Literal["Ed25519"] = "Ed25519"
    # The fingerprint of the key that made it.
    public_key_sha256: Sha256
    # 64 bytes as base64.
    signature: Annotated[str, Meta(min_length=88, max_length=88)]


class SignatureCheck(Record, frozen=True, kw_only=True):
    """A signature that holds; what `bundle check --json` prints."""

    # The fingerprint of the key that made it.
    public_key_sha256: Sha256
    # Number of files that it covers.
    files: Count


def sign(folder: Path, key: Path) -> str:
    """Sign a bundle. The bundle is checked first, so that no broken one is signed. An older signature is overwritten.

    Args:
        folder: The bundle.
        key: An Ed25519 private key, as PEM.

    Returns:
        The fingerprint of the public key.

    Raises:
        InputError: The key cannot be used.
        BundleError: The bundle is damaged.
        CheckFailedError: The folder has files that the manifest does not list.
        OutputError: The signature cannot be written.
    """
    private = read_private_key(key)
    content = read_manifest_bytes(folder)
    _open_signed(folder, content)
    digest = fingerprint(private.public_key())
    text = base64.b64encode(private.sign(content)).decode()
    write_record(folder / SIGNATURE, Signature(public_key_sha256=digest, signature=text))
    return digest


def check(folder: Path, key: Path) -> SignatureCheck:
    """Check a bundle's signature, and only if it holds, every hash, and that nothing was added.

    Args:
        folder: The bundle.
        key: The Ed25519 public key of the signer whom you trust, as PEM.

    Raises:
        InputError: The key cannot be used.
        BundleError: There is no signature or it is damaged, or a file is missing or was changed.
        CheckFailedError: The signature does not hold, or the folder has files that the manifest does not list.
    """
    bundle, digest = _open_checked(folder, key)
    return SignatureCheck(public_key_sha256=digest, files=len(bundle.manifest.files))


def open_trusted(folder: Path, key: Path | None, only: Choice | None = None) -> Bundle:
    """Open a bundle; with a key, only one that the owner of the key signed.

    Args:
        folder: The bundle.
        key: The Ed25519 public key of the signer whom you trust, as PEM; None to ask for no signature.
        only: Chooses the one artifact that is wanted, as for `open_bundle`; by default every file is hashed.

    Raises:
        InputError: The key cannot be used.
        BundleError: There is no signature or it is damaged, or a file is missing or was changed.
        CheckFailedError: The signature does not hold, or the folder has files that the manifest does not list.
    """
    return open_bundle(folder, only) if key is None else _open_checked(folder, key, only)[0]


def signed_manifest(folder: Path, key: Path) -> tuple[bytes, str]:
    """Read a bundle's manifest, and make sure that the owner of a key signed it. No other file is looked at.

    Args:
        folder: The bundle.
        key: The Ed25519 public key of the signer whom you trust, as PEM.

    Returns:
        The exact content of the manifest, and the key's fingerprint.

    Raises:
        InputError: The key cannot be used.
        BundleError: There is no manifest, or there is no signature or it is damaged.
        CheckFailedError: The signature does not hold.
    """
    from cryptography.exceptions import InvalidSignature

    public = read_public_key(key)
    digest, content = fingerprint(public), read_manifest_bytes(folder)
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
    return content, digest


def _open_checked(folder: Path, key: Path, only: Choice | None = None) -> tuple[Bundle, str]:
    """A signed bundle, and the fingerprint of its signer's key."""
    content, digest = signed_manifest(folder, key)
    return _open_signed(folder, content, only), digest


def unlisted(bundle: Bundle) -> list[str]:
    """List files in a bundle's folder that its manifest has no hash for, sorted. A linked folder counts as one file."""
    known = {MANIFEST, SIGNATURE, *bundle.manifest.files}
    found = []
    for above, folders, files in os.walk(bundle.folder, onerror=_refuse_unreadable):
        linked = [name for name in folders if (Path(above) / name).is_symlink()]
        found += [(Path(above) / name).relative_to(bundle.folder).as_posix() for name in (*files, *linked)]
    return sorted(set(found) - known)


def _refuse_unreadable(error: OSError) -> None:
    raise BundleError(f"cannot read {error.filename}: {error.strerror}") from error


def _open_signed(folder: Path, content: bytes, only: Choice | None = None) -> Bundle:
    """Open the bundle whose manifest has this content, and make sure that it has no other files."""
    bundle = open_with_manifest(folder, content, only)
    if extra := unlisted(bundle):
        named = ", ".join(map(repr, extra[:5])) + (f" and {len(extra) - 5} more" if len(extra) > 5 else "")
        raise CheckFailedError(f"{folder}: has files that its manifest does not list: {named}; remove them")
    return bundle


def _read_signature(path: Path) -> tuple[bytes, str]:
    """The signature, and the fingerprint of the key that it claims to be made with."""
    if not is_file(path):
        raise BundleError(f"{path.parent}: is not signed (no {SIGNATURE}); sign it with `sentio-mobile bundle sign`")
    if path.stat().st_size > MAX_SIGNATURE_BYTES:
        raise BundleError(f"{path}: is too long for a signature; sign the bundle again")
    plain = read_plain(path, BundleError)
    if isinstance(plain, dict) and plain.get("schema") not in (None, SIGNATURE_SCHEMA):
        raise BundleError(
            f"{path}: has schema {shown(plain['schema'])}, this version checks {SIGNATURE_SCHEMA}; upgrade"
        )
    found = from_plain(Signature, plain, str(path), BundleError, complete=True)
    try:
        signature = base64.b64decode(found.signature, validate=True)
    except ValueError as error:
        raise BundleError(f"{path}: the signature is not base64; sign the bundle again") from error
    # Base64 has spare bits: only one spelling of a signature is accepted.
    if len(signature) != 64 or base64.b64encode(signature).decode() != found.signature:
        raise BundleError(f"{path}: the signature is not 64 bytes of base64; sign the bundle again")
    return signature, found.public_key_sha256
