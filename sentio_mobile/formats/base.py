"""The base class of all formats, and what their implementations share: file names, metadata, and error messages."""

from __future__ import annotations

import importlib.util
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import BundleError, ConversionError, MissingExtraError
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import Artifact, Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

SPEC_KEY = "sentio_mobile.spec"
"""Key of the spec's JSON in the metadata of formats that have any."""


class Runner(Protocol):
    """A loaded artifact: a function from a model's input to its predictions."""

    def __call__(self, inputs: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Predict.

        Args:
            inputs: One clip in the spec's input shape; where the format has batches, [clips, ...].

        Returns:
            Valence and arousal, [clips, 2].
        """


class ConvertedModel(Protocol):
    """A network in a format's own terms, from which artifacts of all precisions are written."""

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Write one artifact.

        Args:
            precision: One that the format has for the form.
            options: Has a calibration where the format's `calibrated` names the precision.
            path: The file, or for Core ML the folder, to write.
        """


@dataclass(frozen=True, kw_only=True)
class Format(ABC):
    """A file format: how a network is written in it, and how what was written is run.

    A subclass gives the fields values and implements the three methods; `sentio_mobile.formats.registry` has its name.
    """

    name: str
    """What commands and manifests call it."""
    suffix: str
    """End of the artifacts' names, with its dot."""
    extra: str | None = None
    """The pip extra that installs the packages below; None when sentio-mobile itself does."""
    converters: tuple[str, ...] = ()
    """Import names of the packages that converting needs beside torch."""
    runtimes: tuple[str, ...] = ()
    """Import names of the packages that running needs on this machine."""
    precisions: tuple[Precision, ...] = ("fp32",)
    """What can be written."""
    spectrogram_only: tuple[Precision, ...] = ()
    """Those precisions that the form `waveform` does not have."""
    calibrated: tuple[Precision, ...] = ()
    """Those precisions that need activation ranges measured on songs."""
    batched: tuple[Form, ...] = ()
    """The forms whose artifacts take any number of clips at once; the others take one."""
    timed_here: bool = True
    """Whether `open` gives the format's own runtime on this machine, so that its speed can be measured."""
    systems: str | None = None
    """The systems that its artifacts run on, as a model card says them; None where they are not limited."""
    varies: str | None = None
    """Why two conversions of one model may differ in their bytes; None where they do not."""
    allowed: frozenset[str] = frozenset()
    """Operators that files of a format of another package may ask for; ours are in `operators/allowed.toml`."""

    def __post_init__(self) -> None:
        if not self.suffix.startswith("."):
            raise ValueError(f"the suffix of {self.name} must begin with a dot, not be {self.suffix!r}")
        for field in ("spectrogram_only", "calibrated"):
            if unknown := set(getattr(self, field)).difference(self.precisions):
                raise ValueError(f"{field} of {self.name} names {', '.join(sorted(unknown))}, not among its precisions")

    def precisions_of(self, form: Form) -> tuple[Precision, ...]:
        """The precisions that can be written in a form."""
        left_out = self.spectrogram_only if form == "waveform" else ()
        return tuple(precision for precision in self.precisions if precision not in left_out)

    @abstractmethod
    def convert(self, model: nn.Module, spec: ModelSpec) -> ConvertedModel:
        """Convert a network. What takes long and is the same for all precisions is done here.

        It runs in a process of its own, so that a converter may print, import what it likes, and crash.

        Args:
            model: In evaluation mode, its norms folded, and with the front end before it in the form `waveform`.
            spec: The model's spec, in the form that is converted.
        """

    @abstractmethod
    def open(self, path: Path, spec: ModelSpec, threads: int = 1) -> Runner:
        """Load an artifact.

        Args:
            path: The artifact.
            spec: The model's spec, in the artifact's form.
            threads: Number of threads that the runtime may use.

        Raises:
            BundleError: The format's runtime cannot load the file, or it has not the spec's input and output.
        """

    @abstractmethod
    def operators(self, path: Path) -> Iterable[str]:
        """Name all that a file asks its runtime to do, without loading it; empty for a format that holds only data.

        A file that asks for anything but `allowed` is refused. It may be hostile: what is read here must not run, and
        must be what the runtime will read.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not one of this format.
        """

    @abstractmethod
    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers that an artifact stores, by numpy's names of their types (`int4` for narrower ones).

        An empty result means that the format cannot be read for this.

        Raises:
            BundleError: The file is not one of this format.
        """


def missing_packages(packages: tuple[str, ...]) -> list[str]:
    """Those of the import names that are not installed."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def require_packages(format_: Format, packages: tuple[str, ...]) -> None:
    """Make sure that the converters or the runtimes of a format are installed.

    Raises:
        MissingExtraError: One is not; the message names the pip command that installs it.
    """
    if absent := missing_packages(packages):
        raise MissingExtraError(absent[0], format_.extra or "all", f"the {format_.name} format")


def write_artifact(
    format_: Format,
    converted: ConvertedModel,
    *,
    spec: ModelSpec,
    folder: Path,
    precision: Precision = "fp32",
    options: QuantizationOptions | None = None,
    stem: str | None = None,
) -> Artifact:
    """Write one artifact, named after the model, the form and the precision.

    Args:
        format_: The format.
        converted: What its `convert` gave.
        spec: The model's spec, in the form that was converted.
        folder: Where the artifact is written.
        precision: The artifact's precision.
        options: Calibration, and layers that stay as they are.
        stem: Beginning of the file's name; the architecture's name by default.

    Raises:
        ConversionError: The format has no such precision in the spec's form, or needs a calibration and has none.
    """
    if precision not in format_.precisions_of(spec.form):
        raise ConversionError(f"{format_.name} has no {precision} for the form {spec.form}")
    options = (options or QuantizationOptions()).for_precision(precision, format_.calibrated)
    if precision in format_.calibrated and options.calibration is None:
        raise ConversionError(f"{format_.name} {precision} needs songs to measure ranges on; give them as --data")
    path = folder / f"{stem or spec.architecture}-{spec.form}-{precision}{format_.suffix}"
    converted.write(precision, options, path)
    return Artifact(format_.name, precision, spec.form, path)


def spec_json(spec: ModelSpec) -> str:
    """The spec as one line of JSON, for metadata fields."""
    return json.dumps(spec.to_dict(), allow_nan=False)


def damaged(path: Path, runtime: str, fault: object) -> BundleError:
    """The error for an artifact that its runtime cannot load.

    Args:
        path: The artifact.
        runtime: What tried to load it.
        fault: The runtime's exception or message; its first line is shown.
    """
    reason = str(fault).strip() or type(fault).__name__
    return BundleError(f"{runtime} cannot load {path}: {reason.splitlines()[0]}; copy it or export it again")


def check_name(path: Path, name: str, names: list[str]) -> None:
    """Make sure that an artifact has an input or output of the spec's name.

    Raises:
        BundleError: It has not.
    """
    if name not in names:
        raise BundleError(f"{path} has no {name!r}, only {', '.join(names) or 'nothing'}; it is not the spec's model")
