"""What Core ML's two kinds of model share: the trace they are made from, and what is written beside the weights."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentio_mobile._internal.files import sha256
from sentio_mobile.formats.artifacts import SPEC_KEY, spec_json
from sentio_mobile.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

PROGRAM = Path("Data", "com.apple.CoreML", "model.mlmodel")
"""Where a package has its program."""

_MANIFEST = "Manifest.json"


def plain_trace(model: nn.Module, spec: ModelSpec) -> Any:
    """The exported program as a trace: it has numbers where a plain trace reads the batch size from the input.

    coremltools fails on those sizes with numpy 2.4.
    """
    import torch
    import torchvision  # noqa: F401 (coremltools imports tensorflow where there is one; torchvision after it crashes)

    example = torch.zeros(spec.input_shape)
    exported = torch.export.export(model.eval(), (example,)).run_decompositions({})
    with torch.no_grad():
        return torch.jit.trace(exported.module(check_guards=False), example)  # type: ignore[no-untyped-call]


def describe(model: Any, spec: ModelSpec) -> None:
    """What Xcode shows of a model, and its spec among the metadata, under `SPEC_KEY`."""
    low, high = spec.output_range
    audio = spec.audio
    fed = {
        "waveform": f"PCM at {audio.sample_rate} Hz, mono, full scale at -1 and 1.",
        "spectrogram": f"Log-mel: {audio.n_mels} mel bands, {audio.f_min:g}-{audio.f_max:g} Hz of {audio.sample_rate} "
        f"Hz audio, normalized ({audio.normalization}), resized, three equal channels, then "
        f"(x - {list(spec.image_mean)}) / {list(spec.image_sd)}.",
    }
    model.short_description = (
        f"Music emotion ({spec.architecture}): {' and '.join(spec.outputs)} of a {audio.seconds:g} s clip."
    )
    model.input_description[spec.input_name] = f"float32 {list(spec.input_shape)}. {fed[spec.form]}"
    model.output_description[spec.output_name] = (
        f"float32 [1, {len(spec.outputs)}]: {', '.join(spec.outputs)}, each from {low:g} to {high:g}."
    )
    model.user_defined_metadata[SPEC_KEY] = spec_json(spec)


def settle_order(model: Path) -> None:
    """Write a model's maps in the order of their keys; each process has another. The same model, the same bytes.

    Args:
        model: a file of Core ML's protocol buffer.
    """
    from coremltools.proto import Model_pb2

    model.write_bytes(Model_pb2.Model.FromString(model.read_bytes()).SerializeToString(deterministic=True))


def settle_identifiers(package: Path) -> None:
    """Name the parts of a package after what is in them; coremltools draws names."""
    place = package / _MANIFEST
    manifest = json.loads(place.read_text())
    names = {}
    for old, item in sorted(manifest["itemInfoEntries"].items(), key=lambda entry: str(entry[1]["path"])):
        part = package / "Data" / item["path"]
        files = sorted(file for file in part.rglob("*") if file.is_file()) if part.is_dir() else [part]
        names[old] = str(uuid.uuid5(uuid.NAMESPACE_OID, item["path"] + "".join(map(sha256, files)))).upper()
    manifest["itemInfoEntries"] = {names[old]: item for old, item in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    place.write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n")
