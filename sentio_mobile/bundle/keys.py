"""Key pairs for signing: Ed25519, as PEM files without a password. Only its owner can read a private key."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.files import open_file
from sentio_mobile.errors import InputError, MissingExtraError, OutputError
from sentio_mobile.formats.base import missing_packages

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAX_BYTES = 65_536
"""The largest PEM file that is read."""


def make_key(path: Path) -> tuple[Path, str]:
    """Write a new private key, readable by its owner only, and the public key beside it. Nothing is ever overwritten.

    Returns:
        The path of the public key (`release.pub.pem` for `release.pem`), and its fingerprint.

    Raises:
        MissingExtraError: The package for signing is not installed.
        OutputError: One of the two files exists already or cannot be written; neither is left behind.
    """
    _require()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    _refuse_existing(path)
    public = path.with_name(f"{path.stem}.pub{path.suffix}")
    _refuse_existing(public)
    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    _write_new(path, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), 0o600)
    try:
        _write_new(public, key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo), 0o644)
    except OutputError:
        path.unlink()
        raise
    return public, fingerprint(key.public_key())


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key.

    Raises:
        MissingExtraError: The package for signing is not installed.
        InputError: The file holds none, or one that needs a password.
    """
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(path)
    # The library's errors are not passed on: they may quote the key.
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        raise InputError(f"{path}: is encrypted; give a private key without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        if b"PUBLIC KEY" in content:
            raise InputError(f"{path}: is a public key; sign with the private one") from None
        raise InputError(f"{path}: holds no private key in PEM; make one with `sentio-mobile bundle key`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: is a key for {_kind(key)}, not Ed25519; make one with `sentio-mobile bundle key`")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read an Ed25519 public key.

    Raises:
        MissingExtraError: The package for signing is not installed.
        InputError: The file holds none.
    """
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        if b"PRIVATE KEY" in content:
            raise InputError(f"{path}: is a private key; check with the public one beside it") from None
        raise InputError(f"{path}: holds no public key in PEM; ask the signer for it") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: is a key for {_kind(key)}, not Ed25519; ask the signer for the right one")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """Hex SHA-256 of a public key in DER, as `openssl pkey -pubin -outform der | sha256sum` prints it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _require() -> None:
    if missing_packages(("cryptography",)):
        raise MissingExtraError("cryptography", "sign", "signing a bundle")


def _read(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the key {path}: {error.strerror}") from error
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path}: is too long for a key; give a PEM file")
    return content


def _kind(key: object) -> str:
    """The kind of a key, such as `RSA`."""
    return type(key).__name__.strip("_").removesuffix("PrivateKey").removesuffix("PublicKey")


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputError(f"{path} exists already, and a key is never overwritten; choose another place")


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file beside its place, and link it in: unlike a move, that fails if the path exists."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.link(file.name, path)
    except OSError as error:
        _refuse_existing(path)
        raise OutputError(f"cannot write {path}: {error.strerror}; choose a folder that you can write to") from error
