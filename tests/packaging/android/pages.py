"""How native libraries in an AAR or APK are laid out for pages of memory, as `readelf` reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

PAGE = 16 * 1024
"""Bytes of a page on devices that Google Play asks apps to be ready for; 64-bit processors alone have them."""

_ABIS = ("arm64-v8a", "x86_64")
_LOAD = re.compile(r"^\s*LOAD\s.*\s(0x[0-9a-f]+)$", re.MULTILINE)


def alignments(archive: Path, work: Path) -> dict[str, int]:
    """The least alignment of a library's segments that are loaded, by its name; of 64-bit libraries."""
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith(".so") and name.split("/")[-2] in _ABIS:
                found[name] = _alignment(Path(opened.extract(name, work)))
    return found


def _alignment(library: Path) -> int:
    said = subprocess.run(["readelf", "-lW", library], capture_output=True, text=True, check=True).stdout
    return min(int(align, 16) for align in _LOAD.findall(said))


def has_readelf() -> bool:
    """Whether there is something to read libraries with."""
    return shutil.which("readelf") is not None


def downloaded(group: str, module: str, version: str) -> list[Path]:
    """An AAR that Gradle or Maven fetched on this machine before."""
    gradle = Path.home() / ".gradle" / "caches" / "modules-2" / "files-2.1" / group / module / version
    maven = Path.home() / ".m2" / "repository" / Path(*group.split(".")) / module / version
    return sorted([*gradle.glob("*/*.aar"), *maven.glob("*.aar")])
