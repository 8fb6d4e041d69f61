"""The platforms that a bundle is packaged for: what each one runs, and where things stand in its project.

To add one, write its project in a folder of its own, describe it by a `Platform`, and list that in `PLATFORMS`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile._internal.records import Record, Text, json_bytes
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import InputError, RecordError
from sentio_mobile.formats.coreml import minimum_ios
from sentio_mobile.packaging.copy_page import copy_page
from sentio_mobile.packaging.source_files import is_built
from sentio_mobile.spec import Artifact, Form, Precision

_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+")
"""Accepted by both stores: Google's has no hyphen, Apple's no underscore."""

MAX_ID_LENGTH = 100
MAX_NAME_LENGTH = 50
"""Characters. The App Store shows 30 of a name, Google Play 30, a home screen about 12."""

SMALLEST_FIRST: tuple[Precision, ...] = ("int8", "int8-dynamic", "fp16", "fp32")
"""The smallest file first, and the faster one of two equal sizes."""

_WEB_FASTEST_FIRST: tuple[Precision, ...] = ("int8-dynamic", "int8", "fp16", "fp32")
"""ONNX Runtime Web took 82, 176, 166 and 157 ms for them (7.3 M parameters, one thread, taking turns): ranges measured
at run time make files as small as calibrated ones, run twice as fast there, and stay closer to fp32."""

_IOS_OLDEST_FIRST: tuple[Precision, ...] = ("fp16", "fp32", "int8", "int8-dynamic")
"""What runs on the oldest iOS first: 8-bit weights need a newer one, and are computed in 16 bits there all the same."""

_RESERVED = frozenset('"\\<>$`/:@?%*|;#={}[]')
"""Characters with a meaning in a settings file, a resource or a path on one of the platforms."""


class App(Record, frozen=True, kw_only=True):
    """The id and the name of an app, as all platforms accept them; the content of the web project's `app.json`."""

    # The name under the icon.
    name: Text = "Sentio"
    # Reverse-DNS: the application id, the bundle identifier, or the id of the web manifest.
    id: Text = "org.sentiomobile.demo"

    def check(self) -> None:
        """Check both against the rules of every platform.

        Raises:
            RecordError: One of them is not accepted.
        """
        if not _ID.fullmatch(self.id) or len(self.id) > MAX_ID_LENGTH:
            raise RecordError(
                f"id {self.id!r:.120} is no application id; give one like org.example.moods: words of letters and "
                f"digits with dots between, each word starting with a letter, {MAX_ID_LENGTH} characters at most"
            )
        if not self.name.strip() or self.name != self.name.strip() or len(self.name) > MAX_NAME_LENGTH:
            raise RecordError(
                f"name {self.name!r:.120} is no name for an app; give 1 to {MAX_NAME_LENGTH} characters, without "
                "spaces at the ends"
            )
        if bad := next((c for c in self.name if c in _RESERVED or not c.isprintable()), None):
            raise RecordError(f"name {self.name!r} is no name for an app: leave out the character {bad!r}")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One of the projects that a bundle is packaged into.

    Attributes:
        name: The platform's name in commands.
        title: The platform's name in messages.
        description: The kind of project, for help texts.
        model: The folder inside the project that holds the trimmed bundle.
        formats: The formats that it has a back end for, in order of preference.
        forms: The forms that it can feed, in order of preference.
        precisions: The precisions that it can feed, in order of preference. `int8-full` is in no such list: it takes
            integers, and every app feeds floating point.
        shipped: Patterns of the files that end up in the app; all others are for building and testing it.
        runtime: What an app contains besides the project's files, for the table of sizes.
        settings: The file that names the app.
        configure: Maps the settings file's text, an app and the packaged artifacts to the file's new text.
        notes: Maps the packaged artifacts to what whoever publishes the app should know of them, one line each.
        unused: Maps the packaged formats to the folders of the project that an app with these does not need.
        next_steps: Maps the project's folder, quoted for a shell, to the commands to type next.
        add_build: Writes a build into the project, given the template, the project's folder and the app, where its user
            lacks the tools to make one and there is one at hand; whether it did.
        build_steps: As `next_steps`, for a project with such a build.
        executable: The files that are made executable, whatever their mode was where the project lay.
        folder: The folder of the project; None for the one that is called like the platform in a checkout or a wheel.
    """

    name: str
    title: str
    description: str
    model: str
    formats: tuple[str, ...]
    forms: tuple[Form, ...]
    precisions: tuple[Precision, ...]
    shipped: tuple[str, ...]
    runtime: str
    settings: str
    configure: Callable[[str, App, tuple[Artifact, ...]], str]
    notes: Callable[[tuple[Artifact, ...]], tuple[str, ...]] = lambda artifacts: ()
    unused: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda formats: ()
    next_steps: Callable[[str], tuple[str, ...]]
    add_build: Callable[[Path, Path, App], bool] = lambda template, project, app: False
    build_steps: Callable[[str], tuple[str, ...]] = lambda folder: ()
    executable: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def template(self) -> Path:
        """The folder of the project."""
        return self.folder or ROOT / self.name


def set_lines(text: str, values: Mapping[str, str], *, separator: str, where: str) -> str:
    """Replace the values of some keys in a settings file; each key has one line of its own.

    Args:
        text: The content of the file.
        values: The new value of each key.
        separator: The characters between a key and its value.
        where: The name of the file in messages.

    Raises:
        InputError: A key has no line, so that its value would get lost.
    """
    lines = text.splitlines()
    for key, value in values.items():
        found = [i for i, line in enumerate(lines) if line.partition("=")[0].strip() == key]
        if len(found) != 1:
            raise InputError(f"{where}: has {len(found)} lines for {key}, not one; install sentio-mobile again")
        lines[found[0]] = f"{key}{separator}{value}"
    return "\n".join(lines) + "\n"


_ANDROID_SETTINGS = "gradle.properties"
_ANDROID_BACKENDS = {"tflite": "litert", "onnx": "onnx"}
"""The back end of each format, in the module `sentio-<name>`; an app without its formats is built without it."""


def _android_backends(formats: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ANDROID_BACKENDS[name] for name in formats))


def _configure_android(text: str, app: App, artifacts: tuple[Artifact, ...]) -> str:
    formats = tuple(artifact.format for artifact in artifacts)
    values = {
        "sentio.applicationId": app.id,
        "sentio.appName": _escape_property(app.name),
        "sentio.backends": ",".join(_android_backends(formats)),
    }
    return set_lines(text, values, separator="=", where=_ANDROID_SETTINGS)


def _escape_property(value: str) -> str:
    """Escape a name for a string resource that comes from a Java properties file.

    A string resource needs a backslash before an apostrophe, and a properties file another before that one. Properties
    files are Latin-1, so that other characters are written as UTF-16 units.
    """
    value = value.replace("'", r"\\'")
    return "".join(character if character.isascii() else _utf16_escapes(character) for character in value)


def _utf16_escapes(character: str) -> str:
    code = character.encode("utf-16-be")
    return "".join(f"\\u{code[i : i + 2].hex()}" for i in range(0, len(code), 2))


ANDROID = Platform(
    name="android",
    title="Android",
    description="an Android project (Gradle, Kotlin)",
    model="demo/src/main/assets/sentio",
    formats=tuple(_ANDROID_BACKENDS),
    forms=("waveform", "spectrogram"),
    precisions=SMALLEST_FIRST,
    shipped=("*/src/main/*",),
    runtime="the model runtime, Compose and Kotlin's standard library come from Maven when Gradle builds",
    settings=_ANDROID_SETTINGS,
    configure=_configure_android,
    unused=lambda formats: (
        "verify",  # the library's own test, on a desktop
        *(f"sentio-{name}" for name in _ANDROID_BACKENDS.values() if name not in _android_backends(formats)),
    ),
    next_steps=lambda folder: (f"cd {folder} && ./gradlew :demo:installDebug    # or press Run in Android Studio",),
    executable=("gradlew",),
)

_IOS_SETTINGS = "Config.xcconfig"
_OLDEST_IOS = 15
"""What the SDK runs on, and the oldest that Xcode 27 builds for."""


def _minimum_ios(artifacts: tuple[Artifact, ...]) -> int:
    """The oldest iOS on which an app has a model that runs."""
    needed = [minimum_ios(artifact.precision) if artifact.format == "coreml" else _OLDEST_IOS for artifact in artifacts]
    return max(_OLDEST_IOS, min(needed))


def _configure_ios(text: str, app: App, artifacts: tuple[Artifact, ...]) -> str:
    values = {
        "SENTIO_BUNDLE_IDENTIFIER": app.id,
        "SENTIO_APP_NAME": app.name,
        "IPHONEOS_DEPLOYMENT_TARGET": f"{_minimum_ios(artifacts)}.0",
    }
    return set_lines(text, values, separator=" = ", where=_IOS_SETTINGS)


def _ios_notes(artifacts: tuple[Artifact, ...]) -> tuple[str, ...]:
    minimum = _minimum_ios(artifacts)
    if minimum == _OLDEST_IOS:
        return ()
    return (f"this model needs iOS {minimum}, and so does the app; --precision fp16 runs on iOS {_OLDEST_IOS}",)


IOS = Platform(
    name="ios",
    title="iOS",
    description="an iOS project (Xcode, Swift)",
    model="Demo/sentio",
    formats=("coreml", "mlmodel"),
    forms=("waveform", "spectrogram"),
    precisions=_IOS_OLDEST_FIRST,
    shipped=("Demo/*", "Sources/SentioCore/*", "Sources/SentioKit/*"),
    runtime="Core ML, AVFoundation and SwiftUI are part of iOS",
    settings=_IOS_SETTINGS,
    configure=_configure_ios,
    notes=_ios_notes,
    unused=lambda formats: ("package",),  # what the package has as a repository of its own
    next_steps=lambda folder: (
        f"open {folder}/Demo.xcodeproj    # choose your team under Signing & Capabilities, then press Run",
    ),
)


def _add_page(template: Path, project: Path, app: App) -> bool:
    if shutil.which("npm") is not None or not is_built(template):
        return False
    copy_page(template, project, name=app.name, app_id=app.id, model=project / _WEB_MODEL)
    return True


_WEB_MODEL = "public/sentio"

WEB = Platform(
    name="web",
    title="the web",
    description="a web page (Vite, TypeScript)",
    model=_WEB_MODEL,
    formats=("onnx",),
    forms=("waveform", "spectrogram"),
    precisions=_WEB_FASTEST_FIRST,
    shipped=("index.html", "src/*", "public/*"),
    runtime="ONNX Runtime Web comes from npm when the page is built",
    settings="app.json",
    configure=lambda text, app, artifacts: json_bytes(app).decode(),
    next_steps=lambda folder: (f"cd {folder} && npm ci && npm run dev",),
    add_build=_add_page,
    build_steps=lambda folder: (
        f"python3 -m http.server --bind 127.0.0.1 --directory {folder}/dist    # or lay dist/ on any host with https",
    ),
)

PLATFORMS: tuple[Platform, ...] = (ANDROID, IOS, WEB)
"""All platforms, in the order in which help texts name them."""
