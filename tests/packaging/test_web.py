"""The web project: what can be told without a browser, and its own tests in a real one where there is one."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import sentio_mobile
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import MANIFEST, open_bundle

WEB = ROOT / "web"
MODEL = WEB / "public" / "sentio"
SOURCES = [path for folder in ("src", "plugins") for path in sorted((WEB / folder).rglob("*")) if path.is_file()]


def test_the_lock_file_names_no_host_that_packages_come_from() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert len(packages) > 10
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert all("integrity" in entry for name, entry in packages.items() if name)
    assert "omit-lockfile-registry-resolved=true" in (WEB / ".npmrc").read_text().splitlines()


def test_few_packages_are_asked_for_and_one_is_shipped() -> None:
    package = json.loads((WEB / "package.json").read_text())
    assert list(package["dependencies"]) == ["onnxruntime-web"]
    assert sorted(package["devDependencies"]) == ["@types/node", "playwright-core", "typescript", "vite"]


def test_the_npm_package_has_the_projects_version_and_needs_nothing_else() -> None:
    package = json.loads((WEB / "npm" / "package.json").read_text())
    assert package["version"] == json.loads((WEB / "package.json").read_text())["version"] == sentio_mobile.__version__
    assert package["exports"]["."] == {"types": "./dist/index.d.ts", "import": "./dist/index.js"}
    assert [name for name in package if name.lower().endswith("dependencies")] == []


def test_the_policy_lets_nothing_in_that_the_page_does_not_need() -> None:
    headers = json.loads((WEB / "headers.json").read_text())
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    allowed = {word for name, words in policy.items() if name != "script-src" for word in words.split()}
    assert allowed <= {"'none'", "'self'", "blob:"}
    assert [name for name, words in policy.items() if "blob:" in words] == ["media-src"]


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (WEB / "index.html").read_text()
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert re.findall(r"(?:src|href)=\"(?!\./|/src/|#)[^\"]*", page) == []
    for path in SOURCES:
        assert 'setAttribute("style"' not in path.read_text(), path
        hosts = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text()))
        assert hosts <= {"http://www.w3.org/2000/svg"}, path


def test_the_settings_are_those_that_package_rewrites() -> None:
    assert json.loads((WEB / "app.json").read_text()) == {"name": "Sentio", "id": "org.sentiomobile.demo"}


def test_the_model_folder_is_a_bundle_that_a_browser_runs() -> None:
    bundle = open_bundle(MODEL)
    assert bundle.artifact("onnx", "waveform").path.is_file()
    listed = {MANIFEST, *bundle.manifest.files}
    assert {path.relative_to(MODEL).as_posix() for path in MODEL.rglob("*") if path.is_file()} == listed
    assert bundle.golden().output.std(axis=0).min() > 0.3


def test_the_model_answers_its_golden_vectors_here_too() -> None:
    ort = pytest.importorskip("onnxruntime")
    bundle = open_bundle(MODEL)
    spec = bundle.spec.in_form("waveform")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(bundle.artifact("onnx", "waveform").path, options)
    golden = bundle.golden()
    for given, wanted in zip(golden.inputs(spec), golden.output, strict=True):
        (answer,) = session.run([spec.output_name], {spec.input_name: given})
        assert np.abs(answer[0] - wanted).max() < 1e-4


def test_no_source_names_the_models_files() -> None:
    names = [path for path in open_bundle(MODEL).manifest.files if "." in path]
    names = [name for name in names if name != "golden.safetensors"]
    sources = [*SOURCES, *(WEB / "tests").rglob("*.ts"), WEB / "index.html", WEB / "vite.config.ts"]
    artifacts = [name for name in names if name.endswith(".onnx")]
    assert artifacts
    for path in sources:
        assert not any(name in path.read_text() for name in artifacts), path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.exhaustive
def test_the_page_passes_its_own_tests_in_a_browser() -> None:
    browser = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for what, there in (
        ("node and npm", shutil.which("node") and shutil.which("npm")),
        ("web/node_modules, made by `npm ci` in web/", (WEB / "node_modules" / "vite").is_dir()),
        (f"{browser}, or another that CHROMIUM names", Path(browser).is_file()),
    ):
        if not there:
            pytest.skip(f"needs {what}")
    run = subprocess.run(["npm", "test"], cwd=WEB, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert re.search(r"^# fail 0$", run.stdout, re.MULTILINE), run.stdout[-2000:]
