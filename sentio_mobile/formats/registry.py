"""Which formats there are: ours, by name and module, and those that other installed packages add.

This module imports no format and no library, so that help texts can name the formats at once. Another package adds a
format through an entry point of the group `sentio_mobile.formats`, whose name is the format's and whose value is an
instance of `sentio_mobile.formats.base.Format`:

    [project.entry-points."sentio_mobile.formats"]
    npz = "my_package.npz_format:FORMAT"
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from sentio_mobile.formats.base import Format

ENTRY_POINTS = "sentio_mobile.formats"
"""The group of entry points through which other packages add formats."""


class BuiltIn(NamedTuple):
    """One of our formats."""

    module: str
    """The module that has the format as `FORMAT`."""
    purpose: str
    """What runs it, for help texts."""
    main: bool = False
    """Whether `export` makes it by default: one format for each runtime; the others are made on request."""
    package: str | None = None
    """The package without which `all` leaves it out; None where the extra `all` installs what it needs."""


_BUILT_IN: Mapping[str, BuiltIn] = {
    "torchscript": BuiltIn("sentio_mobile.formats.torchscript", "libtorch", main=True),
    "ptl": BuiltIn("sentio_mobile.formats.ptl", "PyTorch Mobile"),
    "executorch": BuiltIn("sentio_mobile.formats.executorch", "ExecuTorch", package="executorch"),
    "onnx": BuiltIn("sentio_mobile.formats.onnx", "ONNX Runtime", main=True),
    "ort": BuiltIn("sentio_mobile.formats.ort", "ONNX Runtime's mobile builds"),
    "tflite": BuiltIn("sentio_mobile.formats.tflite", "LiteRT (TensorFlow Lite)", main=True),
    "coreml": BuiltIn("sentio_mobile.formats.coreml", "Core ML from iOS 15 on", main=True),
    "mlmodel": BuiltIn("sentio_mobile.formats.mlmodel", "Core ML on iOS 13 and 14, for Xcode before 27"),
}
"""By name, in the order of tables and messages."""

MAIN_FORMATS: tuple[str, ...] = tuple(name for name, entry in _BUILT_IN.items() if entry.main)
"""What `export` makes when no format is chosen: one for each runtime."""

DEFAULT_FORMAT = "onnx"
"""The format that `predict` and `evaluate` run when none is chosen: its runtime exists for every desktop system."""


def format_names() -> tuple[str, ...]:
    """Names of all formats: ours first, in the order of tables, then those of other packages."""
    return (*_BUILT_IN, *sorted({point.name for point in _entry_points()} - _BUILT_IN.keys()))


def names_of_all() -> tuple[str, ...]:
    """Names of the formats that `all` stands for: those that the extra `all` installs, and the others that are here."""
    from importlib.util import find_spec

    packages = {name: entry.package for name, entry in _BUILT_IN.items() if entry.package}
    return tuple(name for name in format_names() if name not in packages or find_spec(packages[name]))


def builtin_names() -> tuple[str, ...]:
    """Names of our own formats."""
    return tuple(_BUILT_IN)


def other_formats() -> str:
    """The formats that are made on request only, each with what runs it, for help texts."""
    return ", ".join(f"{name} ({entry.purpose})" for name, entry in _BUILT_IN.items() if not entry.main)


def get_format(name: str) -> Format:
    """The implementation of a format.

    Raises:
        InputError: No format has this name, or the package that adds it is broken.
    """
    if name in _BUILT_IN:
        format_: Format = import_module(_BUILT_IN[name].module).FORMAT
        return format_
    points = [point for point in _entry_points() if point.name == name]
    if not points:
        near = difflib.get_close_matches(name, format_names(), 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"unknown format {name!r}; {hint}known: {', '.join(format_names())}, or all")
    if len(points) > 1:
        raise InputError(f"{len(points)} packages add a format {name!r}: {_packages(points)}; uninstall all but one")
    return _load(points[0])


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return list(entry_points(group=ENTRY_POINTS))


def _load(point: EntryPoint) -> Format:
    from sentio_mobile.formats.base import Format

    try:
        format_ = point.load()
    except Exception as error:  # a package of somebody else may fail in any way
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(
            f"the format {point.name!r} of {_packages([point])} cannot be loaded ({reason}); install it again"
        ) from error
    if not isinstance(format_, Format) or format_.name != point.name:
        raise InputError(
            f"{point.value} of {_packages([point])} is not a Format named {point.name!r}; tell the package's authors"
        )
    return format_


def _packages(points: list[EntryPoint]) -> str:
    return ", ".join(sorted(point.dist.name if point.dist else point.value for point in points))
