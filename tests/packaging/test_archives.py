"""The wheel and the sdist as their builder writes them: scripts in them can still be run."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.packaging.platforms import PLATFORMS

SCRIPTS = {f"{platform.name}/{path}" for platform in PLATFORMS for path in platform.executable}


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_scripts_can_be_run_out_of_both_archives(tmp_path: Path) -> None:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("not a checkout")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", tmp_path], cwd=ROOT, check=True, capture_output=True
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        place = "sentio_mobile/_resources/"
        modes = {info.filename.removeprefix(place): info.external_attr >> 16 for info in wheel.infolist()}
    assert {name for name in modes if name in SCRIPTS} == SCRIPTS
    assert all(modes[name] & 0o111 == 0o111 for name in SCRIPTS)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sdist:
        modes = {info.name.partition("/")[2]: info.mode for info in sdist.getmembers()}
    assert all(modes[name] & 0o111 == 0o111 for name in SCRIPTS)
