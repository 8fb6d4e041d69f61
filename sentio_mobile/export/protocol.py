"""What a format must be able to do. One file beside this one implements it for each format."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import InputError, MissingExtraError
from sentio_mobile.spec import FORMATS, Artifact, Form, ModelSpec

if TYPE_CHECKING:
    from torch import nn


class Runner(Protocol):
    """An artifact that is loaded and answers."""

    def __call__(self, given: NDArray[np.float32], /) -> NDArray[np.float32]:
        """One clip, in the spec's input shape, to valence and arousal [1, 2]."""


class Format(Protocol):
    """One way to put a model on disk, and to run what was put there."""

    name: str
    suffix: str
    extra: str | None
    """The pip extra that brings the packages below; None when the package itself does."""
    converters: tuple[str, ...]
    """Import names that converting needs beside torch."""
    runtimes: tuple[str, ...]
    """Import names that running needs on this machine."""
    free_batch: tuple[Form, ...]
    """The forms whose artifacts take any number of clips at once; the others take one."""
    timed_here: bool
    """Whether `open` gives the format's own runtime on this machine, so that its speed means something."""

    def export(self, model: nn.Module, spec: ModelSpec, folder: Path) -> Artifact:
        """Convert `model` (in evaluation mode, norms folded, in the spec's form) and write it to `folder`.

        Runs in a process of its own: it may be noisy, import what it likes, and die.
        """

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load an artifact, to run on `threads` threads.

        Raises:
            BundleError: the file is not one that this format's runtime can load.
        """


_MODULES: Mapping[str, str] = {name: f"sentio_mobile.export.{name}" for name in FORMATS}


def get_format(name: str) -> Format:
    """The implementation of a format.

    Raises:
        InputError: no format has this name.
    """
    if name not in _MODULES:
        raise InputError(f"unknown format {name!r}; known: {', '.join(FORMATS)}, or all")
    format_: Format = import_module(_MODULES[name]).FORMAT
    return format_


def missing(packages: tuple[str, ...]) -> list[str]:
    """Those import names that are not installed."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def require(format_: Format, packages: tuple[str, ...]) -> None:
    """Make sure that these packages of a format, its converters or its runtimes, are installed.

    Raises:
        MissingExtraError: one is not; the message names the pip command that brings it.
    """
    if absent := missing(packages):
        raise MissingExtraError(absent[0], format_.extra or "all", f"the {format_.name} format")
