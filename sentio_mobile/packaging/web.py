"""The web project: ONNX models that are fed PCM, and app.json, which names the page and its web manifest."""

from __future__ import annotations

import json

from sentio_mobile.packaging.platform import App, Platform
from sentio_mobile.spec import Precision

_SETTINGS = "app.json"

_PRECISIONS: tuple[Precision, ...] = ("int8-dynamic", "int8", "fp16", "fp32")
"""ONNX Runtime Web took 82, 176, 166 and 157 ms for them (7.3 M parameters, one thread, taking turns): ranges as they
come make files as small as measured ones do, run twice as fast there, and stay nearer to 32 bits."""


def _configure(text: str, app: App, formats: tuple[str, ...]) -> str:
    return json.dumps({**json.loads(text), "name": app.name, "id": app.id}, indent=2, ensure_ascii=False) + "\n"


def _next_steps(folder: str) -> tuple[str, ...]:
    return (f"cd {folder} && npm ci && npm run dev",)


WEB = Platform(
    name="web",
    title="the web",
    model="public/sentio",
    formats=("onnx",),
    forms=("waveform",),
    precisions=_PRECISIONS,
    shipped=("index.html", "src/*", "public/*"),
    runtime="ONNX Runtime Web comes from npm when the page is built",
    settings=_SETTINGS,
    configure=_configure,
    left_out=lambda formats: (),
    next_steps=_next_steps,
)
