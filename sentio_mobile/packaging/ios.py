"""The iOS project: Core ML's formats, and the lines of Config.xcconfig that name the app."""

from __future__ import annotations

from sentio_mobile.packaging.platform import NARROWEST, App, Platform, set_lines

_SETTINGS = "Config.xcconfig"


def _configure(text: str, app: App, formats: tuple[str, ...]) -> str:
    values = {"SENTIO_BUNDLE_IDENTIFIER": app.id, "SENTIO_APP_NAME": app.name}
    return set_lines(text, values, " = ", _SETTINGS)


def _next_steps(folder: str) -> tuple[str, ...]:
    return (f"open {folder}/Demo.xcodeproj    # choose your team under Signing & Capabilities, then press Run",)


IOS = Platform(
    name="ios",
    title="iOS",
    model="Demo/sentio",
    formats=("coreml", "mlmodel"),
    forms=("waveform", "spectrogram"),
    precisions=NARROWEST,
    shipped=("Demo/*", "Sources/SentioCore/*", "Sources/SentioKit/*"),
    runtime="Core ML, AVFoundation and SwiftUI are part of iOS",
    settings=_SETTINGS,
    configure=_configure,
    left_out=lambda formats: (),
    next_steps=_next_steps,
)
