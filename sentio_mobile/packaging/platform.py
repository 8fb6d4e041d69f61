"""What packaging must know of a platform: where things stand in its project, what it runs, and how an app is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sentio_mobile.errors import InputError
from sentio_mobile.spec import Form, Precision

_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+")
"""What both stores take: Google's has no hyphen, Apple's no underscore."""

LONGEST_ID = 100
LONGEST_NAME = 50
"""Characters. The App Store shows 30 of a name, Google Play 30, a home screen about 12."""

NARROWEST: tuple[Precision, ...] = ("int8", "int8-dynamic", "fp16", "fp32")
"""The smallest file first, and of two alike the faster."""

_TROUBLE = frozenset('"\\<>$`/:@?%*|;#={}[]')
"""Characters that mean something in a settings file, a resource or a path on one platform or another."""


@dataclass(frozen=True)
class App:
    """What an app is called.

    Attributes:
        id: reverse-DNS, such as org.example.moods: the application id, bundle identifier, or id of the web manifest.
        name: what people read under the icon.

    Raises:
        InputError: one of them is not what all three platforms take.
    """

    id: str = "org.sentiomobile.demo"
    name: str = "Sentio"

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or len(self.id) > LONGEST_ID:
            raise InputError(
                f"{self.id!r:.120} is no application id; give one like org.example.moods: words of letters and digits "
                f"with dots between, each word beginning with a letter, {LONGEST_ID} characters at most"
            )
        if not self.name.strip() or self.name != self.name.strip() or len(self.name) > LONGEST_NAME:
            raise InputError(
                f"{self.name!r:.120} is no name for an app; give 1 to {LONGEST_NAME} characters, no spaces at its ends"
            )
        if bad := next((c for c in self.name if c in _TROUBLE or not c.isprintable()), None):
            raise InputError(f"{self.name!r} is no name for an app: {bad!r} cannot stand in one; leave it out")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One of the projects that a bundle is packaged into.

    Attributes:
        name: what the command and the project's folder are called.
        title: what messages call it.
        model: the folder in the project that holds the carried bundle.
        formats: those it has a back end for, in the order of preference.
        forms: those it can feed.
        precisions: those it can feed; where none is asked for, the first that a bundle has is taken. `int8-full` is in
            no such list: it takes integers, and every app gives floating point.
        shipped: patterns of the files that end up in the app; all others are for building and testing it.
        runtime: what an app has beside the project's files, for the table of sizes.
        settings: the file whose lines name the app.
        configure: that file's text, an app, and the formats that are carried -> the file's new text.
        left_out: the formats that are carried -> folders of the project that serve others only.
        next_steps: the project's folder, quoted for a shell -> what to type, or open, next.
    """

    name: str
    title: str
    model: str
    formats: tuple[str, ...]
    forms: tuple[Form, ...]
    precisions: tuple[Precision, ...]
    shipped: tuple[str, ...]
    runtime: str
    settings: str
    configure: Callable[[str, App, tuple[str, ...]], str]
    left_out: Callable[[tuple[str, ...]], tuple[str, ...]]
    next_steps: Callable[[str], tuple[str, ...]]


def set_lines(text: str, values: Mapping[str, str], separator: str, where: str) -> str:
    """A settings file with the values of some keys replaced; each key has one line of its own.

    Raises:
        InputError: a key has no line, so that its value would get lost.
    """
    lines = text.splitlines()
    for key, value in values.items():
        found = [i for i, line in enumerate(lines) if line.partition("=")[0].strip() == key]
        if len(found) != 1:
            raise InputError(f"{where}: has {len(found)} lines for {key}, not one; install sentio-mobile again")
        lines[found[0]] = f"{key}{separator}{value}"
    return "\n".join(lines) + "\n"
