"""The Swift SDK as a repository of its own, which is what Swift's package manager and the Swift Package Index take.

    python -m sentio_mobile.packaging.swift_package OUT --url https://example.org/sentio-swift

It reads the project's own files, and so runs in a checkout, not from an installed package.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import sentio_mobile
from sentio_mobile._internal.files import new_folder, write_text
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import InputError, OutputError, SentioError
from sentio_mobile.packaging.source_files import source_files

MANIFEST, README, INDEX = "Package.swift", "README.md", ".spi.yml"

_OWN = Path("package")
"""Where in ios/ the repository's own README and settings are."""

_TAKEN = (Path(MANIFEST), Path("Sources"), Path("Tests"), Path(".gitignore"), Path("Demo/sentio"))
"""What the repository has of ios/; the tests run the demo's model."""

_GOLDEN = Path("export/golden")
_SHARED = ("golden.safetensors", "signatures.json", "words.json")
"""What the tests of every language read."""

_URL = re.compile(r"https://[\w.-]+(?:/[\w.~-]+)+")
_TARGET = re.compile(r"\.(target|executableTarget|testTarget)\(\s*name: \"([\w-]+)\"")


def lay_out(out: Path, *, url: str, root: Path = ROOT) -> None:
    """Write the repository, without its history. The same checkout and address give the same bytes.

    Args:
        out: The folder to write; it appears only when all is written.
        url: The address at which the repository will be, with https, for its README.
        root: The checkout.

    Raises:
        InputError: A file is missing, the address is none, or Package.swift names a folder that is not there.
        OutputError: `out` cannot be written, or is not empty.
    """
    if not _URL.fullmatch(url):
        raise InputError(f"{url}: is no address of a repository; give one that begins with https://")
    ios = root / "ios"
    sources = [path for path in source_files(ios) if any(path.is_relative_to(part) for part in _TAKEN)]
    with new_folder(out.absolute()) as folder:
        try:
            for path in sources:
                _copy(ios / path, folder / path)
            for name in _SHARED:
                _copy(root / _GOLDEN / name, folder / _GOLDEN / name)
            _copy(root / "LICENSE", folder / "LICENSE")
            _copy(ios / _OWN / INDEX, folder / INDEX)
            readme = (ios / _OWN / README).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise InputError(f"{error.filename}: is missing; give the command in a checkout") from error
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error.strerror} ({error.filename}); nothing was left") from error
        write_text(folder / README, _filled(readme, url=url, package=_identity(url), version=sentio_mobile.__version__))
        if absent := list(missing_targets(folder)):
            raise InputError(
                f"ios/{MANIFEST}: names {', '.join(absent)}, where no Swift files are; correct one of the two"
            )


def missing_targets(folder: Path) -> Iterator[str]:
    """The folders that a Package.swift builds from and that have no Swift files."""
    for kind, name in _TARGET.findall((folder / MANIFEST).read_text(encoding="utf-8")):
        place = Path("Tests" if kind == "testTarget" else "Sources", name)
        if not any((folder / place).glob("*.swift")):
            yield place.as_posix()


def _identity(url: str) -> str:
    """What Swift's package manager calls a package at an address."""
    return url.rpartition("/")[2].removesuffix(".git")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _filled(readme: str, **values: str) -> str:
    for name, value in values.items():
        mark = f"<{name}>"
        if mark not in readme:
            raise InputError(f"ios/{_OWN / README}: has no {mark} to fill in; put it where the {name} belongs")
        readme = readme.replace(mark, value)
    return readme


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the repository and say what to do with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="The folder to write; it must not be there yet.")
    parser.add_argument("--url", required=True, help="The address at which the repository will be, with https.")
    given = parser.parse_args(arguments)
    try:
        lay_out(given.out, url=given.url)
    except SentioError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    version = sentio_mobile.__version__
    print(f"{given.out}: version {version}. In a clone of the repository, to release it:")
    print(f"    git --work-tree={given.out.absolute()} add --all && git commit -m {version} && git tag {version}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
