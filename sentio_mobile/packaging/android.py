"""The Android project: which back ends go with which formats, and the lines of gradle.properties that name the app."""

from __future__ import annotations

from sentio_mobile.packaging.platform import NARROWEST, App, Platform, set_lines

_BACKENDS = {"tflite": "litert", "onnx": "onnx"}
"""Each in a module of its own, `sentio-<name>`, that an app without its formats does not have."""

_SETTINGS = "gradle.properties"


def _used(formats: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_BACKENDS[name] for name in formats))


def _configure(text: str, app: App, formats: tuple[str, ...]) -> str:
    values = {"applicationId": app.id, "appName": _escape(app.name), "backends": ",".join(_used(formats))}
    return set_lines(text, {f"sentio.{key}": value for key, value in values.items()}, "=", _SETTINGS)


def _escape(value: str) -> str:
    """For a string resource, whose apostrophes have a backslash, in a Java properties file, where that one has another.

    Such files are read as Latin-1: what lies beyond ASCII stands there in UTF-16 units.
    """
    value = value.replace("'", r"\\'")
    return "".join(character if character.isascii() else _units(character) for character in value)


def _units(character: str) -> str:
    code = character.encode("utf-16-be")
    return "".join(f"\\u{code[i : i + 2].hex()}" for i in range(0, len(code), 2))


def _left_out(formats: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"sentio-{name}" for name in dict.fromkeys(_BACKENDS.values()) if name not in _used(formats))


def _next_steps(folder: str) -> tuple[str, ...]:
    studio = "or open it in Android Studio and press Run"
    return (f"cd {folder} && gradle wrapper && ./gradlew :demo:installDebug    # {studio}",)


ANDROID = Platform(
    name="android",
    title="Android",
    model="demo/src/main/assets/sentio",
    formats=("tflite", "onnx"),
    forms=("waveform", "spectrogram"),
    precisions=NARROWEST,
    shipped=("*/src/main/*",),
    runtime="the models' runtime, Compose and Kotlin's own library come from Maven when Gradle builds",
    settings=_SETTINGS,
    configure=_configure,
    left_out=_left_out,
    next_steps=_next_steps,
)
