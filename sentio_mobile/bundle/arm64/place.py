"""The place of the ARM64 userland, and whether it is complete and of the versions that are installed here."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.files import user_cache
from sentio_mobile._internal.records import Name, Record, read_record
from sentio_mobile.errors import InputError

STAMP = "sentio-mobile.json"
"""The file in the userland's root that marks it as complete: a `Userland`."""

Versions = Annotated[dict[Name, Name], Meta(max_length=1024)]
"""Versions of packages, by name."""


class Userland(Record, frozen=True, kw_only=True):
    """The versions in a userland."""

    # Python's version.
    python: Name
    # Python packages.
    packages: Versions
    # Debian packages.
    debian: Versions


PACKAGES = {"numpy": "numpy", "onnxruntime": "onnxruntime", "ai-edge-litert": "ai_edge_litert.interpreter"}
"""The Python packages of the userland, in the versions of this environment, each with the module to import."""

EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
"""Newer distributions have the second name only; there its program is static too."""

_DEBIAN_PACKAGES = {EMULATORS[0]: "qemu-user-static", "dpkg-deb": "dpkg", "apt-get": "apt"}


def default_place() -> Path:
    """`sentio-mobile/arm64` in the user's cache folder."""
    return user_cache("arm64")


def find_tools(*tools: str) -> tuple[str, ...]:
    """Find programs on PATH. The emulator may have either of its names.

    Raises:
        InputError: Some are not installed; the message names the Debian packages that contain them.
    """
    found = {
        tool: next(filter(None, map(shutil.which, EMULATORS if tool in EMULATORS else (tool,))), None) for tool in tools
    }
    if absent := [tool for tool, path in found.items() if path is None]:
        packages = " ".join(_DEBIAN_PACKAGES[tool] for tool in absent)
        raise InputError(
            f"ARM64 needs {', '.join(absent)}, not found on PATH; on Debian or Ubuntu: apt-get install {packages}"
        )
    return tuple(path for path in found.values() if path)


def installed() -> dict[str, str]:
    """The versions of those `PACKAGES` that are installed here."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def require_ready(place: Path) -> None:
    """Make sure that there is a userland at `place`, with the same versions as are installed here.

    Raises:
        InputError: It is missing or incomplete, or was made for other versions.
    """
    again = "make it with `sentio-mobile arm64 setup`"
    if not (place / STAMP).is_file():
        raise InputError(f"{place}: there is no ARM64 userland; {again}")
    found = read_record(Userland, place / STAMP).packages
    for name, wanted in installed().items():
        if found.get(name) != wanted:
            raise InputError(
                f"{place}: its {name} is {found.get(name, 'missing')}, here {wanted} is installed; {again}"
            )
