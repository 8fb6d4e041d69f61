"""What an APK weighs, by its parts, as it lies in the file that is handed out.

python tests/packaging/android/apk_parts.py APK...
"""

from __future__ import annotations

import argparse
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

MODEL = "assets/sentio/"


def part_of(name: str) -> str:
    """The part that an entry belongs to."""
    folder, _, rest = name.partition("/")
    if folder == "lib" and name.endswith(".so"):
        return f"native code, {rest.partition('/')[0]}"
    if name.startswith(MODEL):
        golden, papers = name.endswith(".safetensors"), name.endswith((".json", ".md"))
        return "golden vectors" if golden else "manifest and card" if papers else "model"
    if name.endswith(".dex"):
        return "code of the app and its libraries"
    if folder == "res" or name in ("resources.arsc", "AndroidManifest.xml"):
        return "resources"
    return "other files"


def parts(apk: Path) -> dict[str, tuple[int, int]]:
    """Bytes of each part, in the file and unpacked, the largest in the file first.

    What zip itself needs is `the archive`.
    """
    stored: Counter[str] = Counter()
    unpacked: Counter[str] = Counter()
    with zipfile.ZipFile(apk) as opened:
        for entry in opened.infolist():
            stored[part_of(entry.filename)] += entry.compress_size
            unpacked[part_of(entry.filename)] += entry.file_size
    stored["the archive"] = apk.stat().st_size - stored.total()
    return {name: (size, unpacked[name]) for name, size in stored.most_common()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apk", type=Path, nargs="+", help="The files to look into.")
    for apk in parser.parse_args(arguments).apk:
        print(f"| {apk.name} | in the file | unpacked |\n|---|--:|--:|")
        for name, (stored, unpacked) in parts(apk).items():
            print(f"| {name} | {stored:,} | {unpacked:,} |")
        print(f"| all | {apk.stat().st_size:,} | |\n")


if __name__ == "__main__":
    main()
