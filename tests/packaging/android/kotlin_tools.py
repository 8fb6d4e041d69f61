"""The real Kotlin compiler, from npm, and JUnit, from Debian; what was compiled is kept until its sources change."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT

COMPILER = ROOT / "tests" / "mobile-tools" / "node_modules" / "kotlin-compiler"
JARS = Path("/usr/share/java")
ANDROID = ROOT / "android"


@dataclass(frozen=True)
class Compiled:
    """What the compiler said, and where it left the classes."""

    folder: Path
    code: int
    said: str


def need_kotlin() -> None:
    """Skip the test where there is no compiler to run it with."""
    if shutil.which("java") is None:
        pytest.skip("no java: install a JDK 17")
    if not (COMPILER / "bin" / "kotlinc").is_file():
        pytest.skip("no kotlinc: `make mobile-tools` installs it from npm")


def library(name: str) -> Path:
    """A jar that comes with the compiler."""
    return COMPILER / "lib" / f"{name}.jar"


def junit() -> list[Path]:
    """JUnit 4 and what it needs; skips the test where it is not installed."""
    jars = [JARS / "junit4.jar", JARS / "hamcrest.jar"]
    if not all(jar.is_file() for jar in jars):
        pytest.skip("no JUnit 4: `apt-get install junit4`")
    return jars


def versions() -> list[str]:
    """The language of the Gradle build, so that nothing newer is used by mistake."""
    catalogue = (ANDROID / "gradle" / "libs.versions.toml").read_text()
    found = re.search(r'^kotlin = "(\d+\.\d+)', catalogue, re.MULTILINE)
    assert found is not None
    return ["-language-version", found[1], "-api-version", found[1], "-jvm-target", "17"]


def compile_kotlin(name: str, sources: Sequence[Path], classpath: Sequence[Path], *options: str) -> Compiled:
    """Compile folders, warnings being errors, unless that was done before.

    Args:
        name: what is compiled; one result is kept for each.
        sources: folders of Kotlin, and of Java as far as its headers are needed.
        classpath: jars, and folders that another compilation left.
        options: more arguments of the compiler.
    """
    need_kotlin()
    arguments = [*versions(), "-Werror", *options]

    def build(folder: Path) -> str:
        command = ["bash", str(COMPILER / "bin" / "kotlinc"), *arguments, "-d", str(folder / "classes")]
        command += ["-cp", os.pathsep.join(map(str, classpath)), *map(str, sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        (folder / "code").write_text(str(done.returncode))
        return done.stdout + done.stderr

    known = (COMPILER / "build.txt").read_text() + repr([*arguments, *map(str, classpath)])
    folder = _kept(name, sources, known, build)
    return Compiled(folder / "classes", int((folder / "code").read_text()), (folder / "said").read_text())


def _kept(name: str, sources: Sequence[Path], known: str, build: Callable[[Path], str]) -> Path:
    """The folder that was built of these sources, wherever they lie; built now where there is none."""
    digest = hashlib.sha256(known.encode())
    for folder in sources:
        for file in sorted(path for path in folder.rglob("*") if path.suffix in (".kt", ".java")):
            digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    home = Path(tempfile.gettempdir()) / f"sentio-kotlin-{os.getuid()}" / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = home / digest.hexdigest()[:20]
    if not folder.is_dir():
        for old in home.iterdir():
            shutil.rmtree(old)
        beside = Path(tempfile.mkdtemp(dir=home))
        (beside / "said").write_text(build(beside))
        beside.rename(folder)
    return folder
