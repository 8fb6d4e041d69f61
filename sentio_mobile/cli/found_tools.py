"""What `doctor` knows of this machine besides formats: tools for the apps, the GPU, Ray, and the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sentio_mobile._internal.files import user_cache

_SECONDS = 10
"""Longest time that a tool may take to state its version."""

TOOLS = {
    "Node.js": (("node", "--version"), "the web page: package web, serve"),
    "JDK": (("java", "-version"), "Android apps (17 or newer)"),
    "Xcode": (("xcodebuild", "-version"), "iOS apps, and Core ML itself"),
    "qemu": (("qemu-aarch64-static", "--version"), "verify --arm64"),
}
"""The command that states a version, and what the tool is for."""


def find_tools() -> dict[str, dict[str, str | None]]:
    """Each tool with what was found of it, None where there is none, and what it is for."""
    found: dict[str, dict[str, str | None]] = {
        name: {"found": _version(*command), "for": purpose} for name, (command, purpose) in TOOLS.items()
    }
    found["GPU"] = {"found": _gpu(), "for": "training"}
    found["Ray"] = {"found": _ray(), "for": "many machines: --engine ray"}
    return found


def find_cache() -> dict[str, str | int]:
    """The user's cache of encoders, embeddings and tools: its place, and the bytes of its files."""
    place = user_cache("")
    total = 0
    for folder, _, files in os.walk(place):
        for name in files:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:
                continue
    return {"place": str(place), "bytes": total}


def _version(*command: str) -> str | None:
    """The first number that a tool says; None where it is not there, or does not answer."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # A number with a dot: qemu's name has one without.
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number[0] if done.returncode == 0 and number else None


def _gpu() -> str | None:
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return "Apple (MPS)" if torch.backends.mps.is_available() else None


def _ray() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ray")
    except PackageNotFoundError:
        return None
