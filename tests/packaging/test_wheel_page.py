"""The wheel in a fresh environment without npm: the web page is built in it, `serve` shows it, `package` copies it."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.packaging.source_files import is_built

WEB = ROOT / "web"
MAX_PAGE_BYTES = 5_000_000
PAGE = "sentio_mobile/_resources/web/dist/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("not a checkout")
    if not is_built(WEB):
        if not (shutil.which("npm") and (WEB / "node_modules" / "vite").is_dir()):
            pytest.skip("needs web/dist, or npm and web/node_modules, made by `npm ci` in web/")
        subprocess.run(["npm", "run", "build"], cwd=WEB, check=True, capture_output=True)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it, which finds the packages that it needs in the one of these tests."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # Behind the wheel's own place, so that the checkout, which is installed there too, is not found.
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.mark.exhaustive
def test_the_page_in_the_wheel_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: info for info in archive.infolist() if info.filename.startswith(PAGE)}
    assert {f"{PAGE}index.html", f"{PAGE}sw.js", f"{PAGE}licences.txt"} <= set(files)
    assert any(name.endswith(".wasm") for name in files), "ONNX Runtime Web's WebAssembly comes with it"
    assert not any(name.startswith(f"{PAGE}sentio/") for name in files), "no model is in it twice"
    assert sum(info.compress_size for info in files.values()) <= MAX_PAGE_BYTES


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_serve_and_package_need_no_npm(environment: Path, tmp_path: Path) -> None:
    variables = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    variables |= {name: os.environ[name] for name in ("TMPDIR", "OPENBLAS_CORETYPE") if name in os.environ}
    python, model = str(environment / "bin" / "python"), str(WEB / "public" / "sentio")
    run = [python, "-c", "from sentio_mobile.cli import main; main()"]
    place = subprocess.run(
        [python, "-c", "import sentio_mobile; print(sentio_mobile.__file__)"],
        **{"env": variables, "cwd": tmp_path, "check": True, "capture_output": True, "text": True},
    ).stdout
    assert place.startswith(str(environment))
    with subprocess.Popen(
        [*run, "serve", model, "--port", "0"],
        **{"env": variables, "cwd": tmp_path, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
            assert found, process.communicate(timeout=20)[1]
            page = urllib.request.urlopen(found[0], timeout=20).read().decode()
            assert "<title>Sentio: how music feels</title>" in page
            for name in re.findall(r'(?:src|href)="\./([^"]+)"', page):
                assert urllib.request.urlopen(found[0] + name, timeout=20).status == 200
            manifest = urllib.request.urlopen(f"{found[0]}sentio/manifest.json", timeout=20).read()
            assert b'"waveform"' in manifest
        finally:
            process.terminate()
            process.communicate(timeout=20)
    subprocess.run(
        [*run, "package", "web", model, "--out", "app", "--name", "Moods", "--id", "org.example.moods"],
        **{"env": variables, "cwd": tmp_path, "check": True, "capture_output": True},
    )
    assert "<title>Moods: how music feels</title>" in (tmp_path / "app" / "dist" / "index.html").read_text()
    assert (tmp_path / "app" / "dist" / "sentio" / "manifest.json").is_file()
    assert not (tmp_path / ".cache").exists(), "nothing was built"
