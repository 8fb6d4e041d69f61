"""How native libraries in an AAR or APK are laid out for pages of memory, as `readelf` reads it.

    python tests/packaging/android/pages.py APK...

fails where a library could not be loaded on a phone whose pages are 16 KB.
"""

from __future__ import annotations

import argparse
import re
import shutil
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

PAGE = 16 * 1024
"""Bytes of a page on devices that Google Play asks apps to be ready for; 64-bit processors alone have them."""

_ABIS = ("arm64-v8a", "x86_64")
_NAME_LENGTH = 26
"""Where an entry of a zip file says how long its name is."""
_LOAD = re.compile(r"^\s*LOAD\s.*\s(0x[0-9a-f]+)$", re.MULTILINE)


def alignments(archive: Path, work: Path) -> dict[str, int]:
    """The least alignment of a library's segments that are loaded, by its name; of 64-bit libraries."""
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if _is_library(name):
                found[name] = _alignment(Path(opened.extract(name, work)))
    return found


def offsets(archive: Path) -> dict[str, int]:
    """Where in the file a library begins that is not compressed, by its name; of 64-bit libraries.

    Such a library is mapped from the APK as it is, and so has to begin where a page does.
    """
    found = {}
    with zipfile.ZipFile(archive) as opened, archive.open("rb") as file:
        for entry in opened.infolist():
            if _is_library(entry.filename) and entry.compress_type == zipfile.ZIP_STORED:
                file.seek(entry.header_offset + _NAME_LENGTH)
                name, extra = struct.unpack("<HH", file.read(4))
                found[entry.filename] = entry.header_offset + _NAME_LENGTH + 4 + name + extra
    return found


def faults(apk: Path, work: Path) -> list[str]:
    """Why an APK does not run where pages are 16 KB, one line each.

    Args:
        apk: The APK.
        work: A folder for its libraries.
    """
    found = alignments(apk, work)
    if not found:
        return [f"{apk.name}: has no library for 64 bits"]
    lines = [f"{apk.name}: {name} is laid out for pages of {size} bytes" for name, size in found.items() if size < PAGE]
    placed = offsets(apk).items()
    return lines + [f"{apk.name}: {name} begins within a page, at byte {at}" for name, at in placed if at % PAGE]


def _is_library(name: str) -> bool:
    return name.endswith(".so") and name.split("/")[-2] in _ABIS


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong; 0 where nothing is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apk", type=Path, nargs="+", help="The files to look into.")
    wrong = []
    for apk in parser.parse_args(arguments).apk:
        with tempfile.TemporaryDirectory() as work:
            wrong += faults(apk, Path(work))
    print("\n".join(wrong) or "every library is laid out for pages of 16 KB")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
