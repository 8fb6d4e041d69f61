"""What Core ML's two kinds of model share: the trace they are converted from, metadata, reproducible bytes, loading."""

from __future__ import annotations

import json
import sys
import uuid
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.formats.base import SPEC_KEY, Format, Runner, damaged, spec_json
from sentio_mobile.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

PROGRAM = Path("Data", "com.apple.CoreML", "model.mlmodel")
"""Where a package has its program."""

_MANIFEST = "Manifest.json"


@dataclass(frozen=True, kw_only=True)
class CoreMLFormat(Format):
    """A format that Core ML runs. Its runtime exists on Apple's systems only.

    Elsewhere numpy executes the saved file, which checks what was written but says nothing about speed.
    """

    extra: str | None = "coreml"
    converters: tuple[str, ...] = ("coremltools",)
    runtimes: tuple[str, ...] = ("coremltools",) if sys.platform == "darwin" else ()
    timed_here: bool = sys.platform == "darwin"

    def open(self, path: Path, spec: ModelSpec, threads: int = 1) -> Runner:
        """Load a model with Core ML on the CPU, or with numpy where there is no Core ML.

        Neither can be limited to a number of threads: `threads` has no effect.

        Raises:
            BundleError: The model is damaged, or numpy's runtime does not know one of its operations.
        """
        if sys.platform != "darwin":
            return self.interpret(path, spec)
        import coremltools as ct

        try:
            model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit.CPU_ONLY)
        except Exception as error:  # its exceptions have no common base class but Exception
            raise damaged(path, "Core ML", error) from error
        return _Runner(model, spec)

    @abstractmethod
    def interpret(self, path: Path, spec: ModelSpec) -> Runner:
        """Load a model to be executed by numpy.

        Raises:
            BundleError: The model is damaged, or has an operation that is not known.
        """


@dataclass(frozen=True)
class _Runner:
    model: Any
    spec: ModelSpec

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = self.model.predict({self.spec.input_name: inputs})
        return np.asarray(outputs[self.spec.output_name], np.float32)


def trace(model: nn.Module, spec: ModelSpec) -> Any:
    """Trace the exported program, which has numbers where a plain trace reads the batch size from the input.

    coremltools fails on those sizes with numpy 2.4.
    """
    import torch
    import torchvision  # noqa: F401 (coremltools imports tensorflow if installed; torchvision after it crashes)

    example = torch.zeros(spec.input_shape)
    exported = torch.export.export(model.eval(), (example,)).run_decompositions({})
    with torch.no_grad():
        # Its own check would run the network again on silence; the golden vectors judge every artifact.
        return torch.jit.trace(exported.module(check_guards=False), example, check_trace=False)


def describe(model: Any, spec: ModelSpec) -> None:
    """Write the descriptions that Xcode shows, and the spec as metadata under `SPEC_KEY`."""
    low, high = spec.output_range
    audio = spec.audio
    inputs = {
        "waveform": f"PCM at {audio.sample_rate} Hz, mono, full scale at -1 and 1.",
        "spectrogram": f"Log-mel: {audio.n_mels} mel bands, {audio.f_min:g}-{audio.f_max:g} Hz of {audio.sample_rate} "
        f"Hz audio, normalized ({audio.normalization}), resized, three equal channels, then "
        f"(x - {list(spec.image_mean)}) / {list(spec.image_sd)}.",
    }
    model.short_description = (
        f"Music emotion ({spec.architecture}): {' and '.join(spec.outputs)} of a {audio.seconds:g} s clip."
    )
    model.input_description[spec.input_name] = f"float32 {list(spec.input_shape)}. {inputs[spec.form]}"
    model.output_description[spec.output_name] = (
        f"float32 [1, {len(spec.outputs)}]: {', '.join(spec.outputs)}, each from {low:g} to {high:g}."
    )
    model.user_defined_metadata[SPEC_KEY] = spec_json(spec)


def sort_maps(model: Path) -> None:
    """Write the maps of a model file in the order of their keys: coremltools writes another order in each process.

    Args:
        model: A file of Core ML's protocol buffer.
    """
    from coremltools.proto import Model_pb2

    model.write_bytes(Model_pb2.Model.FromString(model.read_bytes()).SerializeToString(deterministic=True))


def name_parts_by_content(package: Path) -> None:
    """Name the parts of a package after their content: coremltools draws random names."""
    manifest_path = package / _MANIFEST
    manifest = json.loads(manifest_path.read_text())
    names = {}
    for old, item in sorted(manifest["itemInfoEntries"].items(), key=lambda entry: str(entry[1]["path"])):
        part = package / "Data" / item["path"]
        files = sorted(file for file in part.rglob("*") if file.is_file()) if part.is_dir() else [part]
        names[old] = str(uuid.uuid5(uuid.NAMESPACE_OID, item["path"] + "".join(map(sha256, files)))).upper()
    manifest["itemInfoEntries"] = {names[old]: item for old, item in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    manifest_path.write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n")
