"""What a format must be able to do. One file beside this one implements it for each format."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import ConversionError, InputError, MissingExtraError
from sentio_mobile.formats.artifacts import artifact_name
from sentio_mobile.quantization.settings import QuantizationOptions
from sentio_mobile.spec import FORMATS, Artifact, Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn


class Runner(Protocol):
    """An artifact that is loaded and answers."""

    def __call__(self, given: NDArray[np.float32], /) -> NDArray[np.float32]:
        """One clip, in the spec's input shape, to valence and arousal [1, 2]."""


class ConvertedModel(Protocol):
    """A model in a format's own terms: what its artifacts of all precisions are written from."""

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """Write one artifact to `path`.

        Args:
            precision: one that the format has for the form.
            rounding: has a calibration where the format says that the precision is calibrated.
            path: where it is to stand.
        """


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
    varies: str | None
    """Why two conversions of one model on one machine may differ in their bytes; None where they do not."""
    precisions: Mapping[Form, tuple[Precision, ...]]
    """What can be written, for each form."""
    calibrated: tuple[Precision, ...]
    """Those precisions that are written with ranges measured on songs."""

    def convert(self, model: nn.Module, spec: ModelSpec) -> ConvertedModel:
        """Take `model`, which is in evaluation mode, has its norms folded, and is in the spec's form.

        Runs in a process of its own: it may be noisy, import what it likes, and die. Whatever takes long and is the
        same for all precisions is done here.
        """

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load an artifact, to run on `threads` threads.

        Raises:
            BundleError: the file is not one that this format's runtime can load.
        """

    def numbers(self, path: Path) -> Mapping[str, int]:
        """How many numbers an artifact keeps of each type, by numpy's names for them (`int4` for narrower ones).

        Raises:
            BundleError: the file is not one of this format.
        """


_MODULES: Mapping[str, str] = {name: f"sentio_mobile.formats.{name}" for name in FORMATS}


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


def write_artifact(
    format_: Format,
    converted: ConvertedModel,
    *,
    spec: ModelSpec,
    folder: Path,
    precision: Precision = "fp32",
    rounding: QuantizationOptions | None = None,
    stem: str | None = None,
) -> Artifact:
    """One artifact in `folder`, under the name that `stem` (the architecture by default), form and precision give it.

    Raises:
        ConversionError: the format has no such precision in the spec's form, or lacks songs to measure ranges on.
    """
    if precision not in format_.precisions[spec.form]:
        raise ConversionError(f"{format_.name} has no {precision} for the form {spec.form}")
    rounding = (rounding or QuantizationOptions()).of(precision, format_.calibrated)
    if precision in format_.calibrated and rounding.calibration is None:
        raise ConversionError(f"{format_.name} {precision} needs songs to measure ranges on; give them as --data")
    path = folder / artifact_name(stem or spec.architecture, spec, precision, format_.suffix)
    converted.write(precision, rounding, path)
    return Artifact(format_.name, precision, spec.form, path)
