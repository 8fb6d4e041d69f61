"""The bill of materials of a release: what the lock files of Python, the web page and the Android libraries name.

    python -m sentio_mobile.packaging.sbom sbom.cdx.json

It reads the project's own files, and so runs in a checkout, not from an installed package.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

import sentio_mobile
from sentio_mobile._internal.cyclonedx import Component, Hash, Property, encode_bill, licences, package
from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.records import read_plain
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import InputError

PYTHON_LOCK, WEB_LOCK = "requirements.lock", "web/package-lock.json"
ANDROID_CATALOGUE = "android/gradle/libs.versions.toml"

_PINNED = re.compile(r"([a-z0-9][a-z0-9._-]*)==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class _WebPackage(msgspec.Struct):
    """A package of a package-lock.json."""

    version: str = ""
    integrity: str = ""
    license: str = ""
    dev: bool = False
    name: str = ""


class _WebLock(msgspec.Struct):
    """A package-lock.json."""

    packages: dict[str, _WebPackage]


class _Library(msgspec.Struct):
    """A library of Gradle's catalogue."""

    module: str
    version: dict[str, str] = msgspec.field(default_factory=dict)


class _Catalogue(msgspec.Struct):
    """libs.versions.toml."""

    versions: dict[str, str]
    libraries: dict[str, _Library]


def python_packages(lock: str) -> Iterator[Component]:
    """The packages of a lock file, with the hashes of all their files, of which an installation has one."""
    for entry in re.split(r"\n(?=\S)", lock):
        if (found := _PINNED.match(entry)) is not None:
            yield package(
                "pypi", found[1], found[2], hashes=[Hash(alg="SHA-256", content=one) for one in _HASH.findall(entry)]
            )


def web_packages(lock: object) -> Iterator[Component]:
    """The packages of a package-lock.json; those that build the page alone are marked as not in it."""
    for path, one in msgspec.convert(lock, _WebLock).packages.items():
        name = one.name or path.rpartition("node_modules/")[2]
        if not path or not one.integrity:
            continue
        try:
            digest = base64.b64decode(one.integrity.removeprefix("sha512-"), validate=True).hex()
        except binascii.Error:
            continue
        found = package("npm", name, one.version, hashes=[Hash(alg="SHA-512", content=digest)], licence=one.license)
        # One package can stand in several folders.
        yield msgspec.structs.replace(found, ref=f"{found.ref}#{path}", scope="excluded" if one.dev else "required")


def android_libraries(text: str) -> Iterator[Component]:
    """The libraries of Gradle's catalogue. Those without a version have that of a list of libraries in it."""
    catalogue = msgspec.convert(tomllib.loads(text), _Catalogue)
    for one in catalogue.libraries.values():
        yield package("maven", one.module, catalogue.versions.get(one.version.get("ref", ""), ""))


def release_bill(root: Path = ROOT) -> bytes:
    """The bill of materials of the project in a folder.

    Raises:
        InputError: A file of it is missing.
    """
    try:
        python = list(python_packages((root / PYTHON_LOCK).read_text(encoding="utf-8")))
        android = list(android_libraries((root / ANDROID_CATALOGUE).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}; give the command in a checkout") from error
    project = Component(
        type="application",
        ref="sentio-mobile",
        name="sentio-mobile",
        version=sentio_mobile.__version__,
        licenses=licences("Apache-2.0"),
        properties=(Property(name="sentio:python-lock", value=f"{PYTHON_LOCK}: with every extra, on Linux"),),
    )
    materials = [*python, *web_packages(read_plain(root / WEB_LOCK)), *android]
    return encode_bill(project, made_with=[one for one in python if one.name in ("hatchling", "uv")], made_of=materials)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="The file to write.")
    write_bytes(parser.parse_args(arguments).out, release_bill())


if __name__ == "__main__":
    main()
