"""Where the ARM64 userland stands, and whether it is whole and of the versions that are installed here."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sentio_mobile._internal.files import read_json, user_cache
from sentio_mobile.errors import InputError

STAMP = "sentio-mobile.json"
"""In the userland's root, with the versions in it. The root moves to its place when it is complete, stamp and all."""

PACKAGES = {"numpy": "numpy", "onnxruntime": "onnxruntime", "ai-edge-litert": "ai_edge_litert.interpreter"}
"""What the userland has beside Python, each with the module that it is for, in the versions of this environment."""

EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
"""Newer distributions have the second name only; its program is static there too."""

_BROUGHT_BY = {EMULATORS[0]: "qemu-user-static", "dpkg-deb": "dpkg", "apt-get": "apt"}


def default_place() -> Path:
    """`sentio-mobile/arm64` in the user's cache folder."""
    return user_cache("arm64")


def find_tools(*tools: str) -> tuple[str, ...]:
    """The paths of programs, of which the emulator may have either of its names.

    Raises:
        InputError: some are not installed; the message names the Debian packages that bring all of those.
    """
    found = {
        tool: next(filter(None, map(shutil.which, EMULATORS if tool in EMULATORS else (tool,))), None) for tool in tools
    }
    if absent := [tool for tool, path in found.items() if path is None]:
        brought = " ".join(_BROUGHT_BY[tool] for tool in absent)
        raise InputError(
            f"ARM64 needs {', '.join(absent)}, not found on PATH; on Debian or Ubuntu: apt-get install {brought}"
        )
    return tuple(path for path in found.values() if path)


def installed() -> dict[str, str]:
    """The versions of those `PACKAGES` that this environment has."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def require_ready(place: Path) -> None:
    """Make sure that a userland stands at `place`, with what is installed here in the same versions.

    Raises:
        InputError: it is missing or not whole, or was made for other versions.
    """
    again = "make it with `sentio-mobile arm64 setup`"
    if not (place / STAMP).is_file():
        raise InputError(f"{place}: no ARM64 userland stands there; {again}")
    inside = read_json(place / STAMP, InputError).get("packages")
    for name, wanted in installed().items():
        has = inside.get(name) if isinstance(inside, dict) else None
        if has != wanted:
            raise InputError(f"{place}: its {name} is {has or 'missing'}, here {wanted} is installed; {again}")
