"""A bundle whose artifacts are bytes that no runtime reads, and projects of few files: packaging runs neither."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifacts import write_harmless
from support import MakeBundle, artifact_entry, manifest_facts, write_manifest

from sentio_mobile._internal.files import write_json, write_text
from sentio_mobile.bundle.bundle import GOLDEN
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.spec import ModelSpec

SUFFIXES = {"tflite": ".tflite", "onnx": ".onnx", "ort": ".ort", "coreml": ".mlpackage", "mlmodel": ".mlmodel"}
BITS = {"fp32": 4000, "fp16": 2000, "int8-dynamic": 1000, "int8": 1000, "int8-full": 1000}
FRONT_END = 300
"""Bytes that a waveform artifact has over a spectrogram one."""

PROJECTS = {
    "LICENSE": "Apache License\n",
    "android/gradle.properties": "org.gradle.caching=true\n"
    "sentio.applicationId=org.sentiomobile.demo\n"
    "sentio.appName=Sentio\n"
    "sentio.backends=litert,onnx\n",
    "android/README.md": "# Android\n",
    "android/sentio-core/src/main/kotlin/Core.kt": "class Core\n",
    "android/sentio-core/src/test/kotlin/CoreTest.kt": "class CoreTest\n",
    "android/sentio-litert/src/main/kotlin/LiteRt.kt": "class LiteRt\n",
    "android/sentio-onnx/src/main/kotlin/Onnx.kt": "class Onnx\n",
    "android/verify/pom.xml": "<project/>\n",
    "android/demo/src/main/AndroidManifest.xml": "<manifest/>\n",
    "android/demo/src/main/assets/sentio/manifest.json": "{}\n",
    "android/demo/src/main/assets/sentio/old.tflite": "the demo's own model",
    "android/demo/build/left.txt": "from a build",
    "android/.gradle/left.bin": "from a build",
    "android/local.properties": "sdk.dir=/somewhere\n",
    "ios/Config.xcconfig": "// Names.\nSENTIO_BUNDLE_IDENTIFIER = org.sentiomobile.demo\nSENTIO_APP_NAME = Sentio\n"
    "IPHONEOS_DEPLOYMENT_TARGET = 15.0\n",
    "ios/Demo.xcodeproj/project.pbxproj": "// !$*UTF8*$!\n",
    "ios/Demo.xcodeproj/xcuserdata/me.xcuserdatad/state.plist": "mine",
    "ios/Demo/App.swift": "struct App {}\n",
    "ios/Demo/sentio/manifest.json": "{}\n",
    "web/app.json": '{\n  "name": "Sentio",\n  "id": "org.sentiomobile.demo"\n}\n',
    "web/headers.json": '{"Content-Security-Policy": "default-src \'none\'"}\n',
    "web/index.html": "<!doctype html>\n",
    "web/src/main.ts": "export {};\n",
    "web/public/sentio/manifest.json": "{}\n",
    "web/node_modules/other/index.js": "installed",
    "web/dist/index.html": "built",
}

Wanted = tuple[str, str, str]


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Write a bundle of artifacts (format, form, precision); keywords replace entries of its manifest."""

    def make(artifacts: Sequence[Wanted], name: str = "bundle", **changes: Any) -> Path:
        folder = tmp_path / name
        spec = ModelSpec(architecture="mobilevit")
        entries = [_artifact(folder, *artifact) for artifact in artifacts]
        write_text(folder / "MODEL_CARD.md", "# A model\n")
        write_json(folder / "evaluation.json", {"songs": ["a song's name"]})
        _golden(spec).save(folder / GOLDEN)
        write_manifest(folder, manifest_facts(spec, entries, **changes))
        return folder

    return make


@pytest.fixture
def bundle(make_bundle: MakeBundle) -> Path:
    """One with every format, form and precision that exports have."""
    every = [
        (name, form, precision)
        for name in SUFFIXES
        for form in ("spectrogram", "waveform")
        for precision in BITS
        if precision != "int8-full" or name == "tflite"
    ]
    return make_bundle(every)


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Projects of a few files each, and what a developer's machine leaves in them, in place of the real ones."""
    folder = tmp_path / "projects"
    for name, text in PROJECTS.items():
        write_text(folder / name, text)
    monkeypatch.setattr("sentio_mobile.packaging.platforms.ROOT", folder)
    monkeypatch.setattr("sentio_mobile.packaging.project.ROOT", folder)
    return folder


def _artifact(folder: Path, name: str, form: str, precision: str) -> dict[str, Any]:
    path = f"emotion-{form}-{precision}{SUFFIXES[name]}"
    size = BITS[precision] + FRONT_END * (form == "waveform")
    write_harmless(folder / path, size, f"{name} {form} {precision}")
    return artifact_entry(name, form, precision, path)


def _golden(spec: ModelSpec) -> Golden:
    random = np.random.default_rng(0)
    height, width = spec.audio.image_size
    return Golden(
        excerpt=random.integers(-9000, 9000, (6, 500)).astype(np.int16),
        length=np.array([661_500] * 5 + [220_500], dtype=np.int32),
        image=random.random((6, height, width), dtype=np.float32),
        output=random.uniform(-1, 1, (6, 2)).astype(np.float32),
    )
