"""The Maven builds in android/verify: models that it checks on ONNX Runtime, and what Maven Central has of Android.

    sentio-mobile export --checkpoint export/golden/student --format onnx --form waveform \\
        --precision fp32 --precision fp16 --precision int8-dynamic --out student
    python tests/packaging/android/maven.py student models/default --out benchmarks/baselines/onnxruntime-jvm.json

writes the recorded table of golden vectors by precision.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import GOLDEN, Bundle, open_bundle
from sentio_mobile.bundle.manifest import MANIFEST, hash_files

VERIFY = ROOT / "android" / "verify"
SCREENS = VERIFY / "screens"
DECLARATIONS = VERIFY / "build" / "declarations"

_NOT_SERVED = re.compile(
    r"Could not (?:find artifact|transfer artifact|resolve)|No plugin found for prefix|Cannot access|was not found in"
)


class NotServedError(Exception):
    """Maven is missing, or what it asked for is not served here."""


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How near the answers of one artifact are to PyTorch's."""

    artifact: str
    vectors: int
    max_diff: float


def maven(*arguments: str, project: Path = VERIFY, seconds: int = 1500) -> str:
    """Run Maven on android/verify, or on another project.

    Raises:
        NotServedError: It is missing, or cannot fetch what it needs.
        AssertionError: The build failed.
    """
    if shutil.which("mvn") is None:
        raise NotServedError("no mvn: `apt-get install maven`")
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(project / "pom.xml"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    said = done.stdout + done.stderr
    if done.returncode and (found := _NOT_SERVED.search(said)):
        file = (project / "pom.xml").relative_to(ROOT)
        raise NotServedError(f"Maven: {found[0]}; see `mvn --file {file} {' '.join(arguments)}`")
    assert done.returncode == 0, said[-4000:]
    return said


@contextmanager
def served() -> Iterator[None]:
    """Skip the test where Maven or an artifact is missing."""
    try:
        yield
    except NotServedError as error:
        pytest.skip(str(error))


def lay_out(bundle: Bundle, root: Path) -> None:
    """Write a model folder for each `onnx` artifact of a bundle, with all of its golden vectors."""
    for artifact in bundle.artifacts:
        entry = bundle.entry(artifact)
        if artifact.format != "onnx":
            continue
        folder = root / f"{bundle.folder.name}-{artifact.form}-{artifact.precision}"
        folder.mkdir()
        for name in (*bundle.manifest.files_of(entry), GOLDEN):
            shutil.copyfile(bundle.folder / name, folder / name)
        write_record(folder / MANIFEST, replace(bundle.manifest, artifacts=(entry,), files=hash_files(folder)))


def measure(bundles: Iterable[Bundle], work: Path) -> dict[str, Measured]:
    """Check every `onnx` artifact on ONNX Runtime for the JVM; by the names of their folders.

    Raises:
        NotServedError: As `maven`.
        AssertionError: An artifact is further from PyTorch than an export may be, or another test failed.
    """
    models, report = work / "models", work / "golden.jsonl"
    models.mkdir()
    for bundle in bundles:
        lay_out(bundle, models)
    maven("test", f"-Dsentio.models={models}", f"-Dsentio.report={report}")
    names = sorted(path.name for path in models.iterdir())
    lines = [msgspec.json.decode(line, type=Measured) for line in report.read_text().splitlines()]
    return dict(zip(names, lines, strict=True))


def declarations(work: Path) -> list[Path]:
    """The real classes that android/ compiles against: jars, and those in AARs.

    Raises:
        NotServedError: As `maven`.
    """
    maven("dependency:copy@declarations")
    found = sorted(DECLARATIONS.glob("*.jar"))
    for archive in sorted(DECLARATIONS.glob("*.aar")):
        jar = work / f"{archive.stem}.jar"
        with zipfile.ZipFile(archive) as opened:
            jar.write_bytes(opened.read("classes.jar"))
        found.append(jar)
    return found


def compose_jars() -> list[Path]:
    """Compose for desktop, and what comes with it.

    Raises:
        NotServedError: As `maven`.
    """
    with tempfile.TemporaryDirectory() as work:
        listed = Path(work) / "classpath"
        arguments = (f"-Dmdep.outputFile={listed}", "-Dmdep.includeScope=compile")
        maven("dependency:build-classpath", *arguments, project=SCREENS)
        return [Path(path) for path in listed.read_text().strip().split(os.pathsep)]


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        measured = measure(map(open_bundle, arguments.bundles), Path(work))
    pom = (VERIFY / "pom.xml").read_text()
    runtime = re.search(r"<onnxruntime\.version>([^<]+)<", pom)
    assert runtime is not None
    write_json(
        arguments.out,
        {
            "bundles": [str(path) for path in arguments.bundles],
            "onnxruntime": runtime[1],
            "models": {name: msgspec.to_builtins(one) for name, one in measured.items()},
        },
    )


if __name__ == "__main__":
    main()
