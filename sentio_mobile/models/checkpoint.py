"""A checkpoint is a folder: `model.safetensors`, `checkpoint.json` and `times.json`. Nothing in it can run code."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import torch
from msgspec import Meta
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from sentio_mobile import __version__
from sentio_mobile._internal.files import is_file, new_folder, sha256, write_bytes
from sentio_mobile._internal.quantities import parameters_in_words
from sentio_mobile._internal.records import Count, Name, Record, Sha256, Versions, from_plain, read_plain, write_record
from sentio_mobile._internal.without_folders import values_without_folders
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.metrics.evaluation import Evaluation, History
from sentio_mobile.models.blocks import count_parameters
from sentio_mobile.models.registry import build
from sentio_mobile.models.times import with_times, without_times, write_times
from sentio_mobile.spec import DataOrigin, ModelSpec

MAKERS = (
    "torchvision",
    "timm",
    "lightning",
    "numpy",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "litert-torch",
    "ai-edge-litert",
    "executorch",
    "coremltools",
)
"""Packages whose versions are written to checkpoints and bundles, besides torch."""

WEIGHTS, SHEET = "model.safetensors", "checkpoint.json"

SCHEMA = 2
"""Version of the sheet. Version 1 had no number in it."""

Details = Annotated[dict[Name, object], Meta(max_length=1000)]
"""The settings that made a checkpoint, as plain JSON values: shown to people, and interpreted by no other stage."""


class CheckpointSheet(Record, frozen=True, kw_only=True):
    """checkpoint.json: everything that is known about a trained network but its weights."""

    schema: Literal[2] = 2  # version of this record
    spec: ModelSpec  # architecture, input and output
    weights_sha256: Sha256  # hash of the file of weights
    parameters: Count  # number of weights that were trained
    # the same when batch normalization is folded into the layers before it, as in an exported file; null in older files
    parameters_folded: Count | None = None
    recipe: Details  # settings that it was trained with
    history: History  # the training, one row per epoch; empty where there was none
    evaluation: Evaluation  # metrics on validation and test songs
    data: DataOrigin | None  # songs that it was trained on; None where that is not known
    versions: Versions  # packages that made it


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network and everything that is known about it.

    Attributes:
        model: The network.
        spec: Its architecture, input and output.
        recipe: Settings that it was trained with.
        history: The training, one row per epoch.
        evaluation: Metrics on validation and test songs.
        data: Songs that it was trained on; None where that is not known.
        versions: Packages that made it; empty for those of this process.
    """

    model: nn.Module
    spec: ModelSpec
    recipe: Details = field(default_factory=dict)
    history: History = ()
    evaluation: Evaluation = field(default_factory=Evaluation)
    data: DataOrigin | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the checkpoint, all of it or nothing.

        Args:
            folder: The checkpoint folder to write.
            overwrite: Whether an existing folder gives way.

        Raises:
            OutputError: `folder` cannot be written, or exists and `overwrite` is false.
        """
        trained, folded = count_parameters(self.model)
        with new_folder(folder, overwrite) as part:
            sheet = CheckpointSheet(
                spec=self.spec,
                weights_sha256=save_weights(self.model, part / WEIGHTS),
                parameters=trained,
                parameters_folded=folded,
                recipe=values_without_folders(self.recipe),
                history=without_times(self.history),
                evaluation=self.evaluation,
                data=self.data,
                versions=self.versions or package_versions(),
            )
            write_record(part / SHEET, sheet)
            write_times(part, self.history)

    @classmethod
    def load(cls, folder: Path) -> Checkpoint:
        """Read a checkpoint; the network comes back in evaluation mode.

        Raises:
            CheckpointError: The folder is missing or was written by an older version, or its weights are truncated,
                changed, or of another architecture.
        """
        sheet = read_sheet(folder)
        try:
            model = build(sheet.spec)
        except InputError as error:
            raise CheckpointError(f"{folder / SHEET}: {error}") from error
        load_weights(model, folder / WEIGHTS, sheet.weights_sha256, SHEET)
        return cls(
            model=model.eval(),
            spec=sheet.spec,
            recipe=sheet.recipe,
            history=with_times(folder, sheet.history),
            evaluation=sheet.evaluation,
            data=sheet.data,
            versions=sheet.versions,
        )

    @property
    def parameters_in_words(self) -> str:
        """How many weights it has, trained and folded."""
        trained, folded = count_parameters(self.model)
        return parameters_in_words(folded, trained)


def read_sheet(folder: Path) -> CheckpointSheet:
    """Read what is known about a checkpoint, without its weights.

    Raises:
        CheckpointError: The folder holds no checkpoint, or one that an older version wrote.
    """
    path = folder / SHEET
    if not is_file(path):
        raise CheckpointError(f"{folder} is no checkpoint: it has no {SHEET}; give a folder that training wrote")
    values = read_plain(path, CheckpointError)
    if isinstance(values, dict) and "spec" in values and values.get("schema", 1) == 1:
        raise CheckpointError(f"{path} was written by an older version of sentio-mobile; train again")
    return from_plain(CheckpointSheet, values, str(path), CheckpointError, complete=True)


def save_weights(model: nn.Module, path: Path) -> str:
    """Write a network's weights as safetensors; returns the file's SHA-256 as hex digits.

    Raises:
        OutputError: The file cannot be written.
    """
    # Not `save_file`, whose error does not say that the disk is full.
    write_bytes(path, save({name: tensor.detach().contiguous().cpu() for name, tensor in model.state_dict().items()}))
    return sha256(path)


def load_weights(model: nn.Module, path: Path, digest: str, sheet: str) -> None:
    """Load what `save_weights` wrote into a network of the same architecture.

    Args:
        model: The network.
        path: The file of weights.
        digest: Its SHA-256, from the sheet beside it.
        sheet: The sheet's name, for messages.

    Raises:
        CheckpointError: The file is missing, changed, or of another architecture.
    """
    try:
        if sha256(path) != digest:
            raise CheckpointError(f"{path} is truncated or changed: its hash is not the one in {sheet}")
        model.load_state_dict(load_file(path))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit the spec beside it: {str(error).splitlines()[0]}") from error


def weights_digest(model: nn.Module) -> str:
    """SHA-256 over a network's weights in the order of its state dictionary, as hex digits."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def package_versions() -> dict[str, str]:
    """Versions of Python, this package, and the packages that weights and artifacts depend on."""
    found = {"python": platform.python_version(), "sentio-mobile": __version__, "torch": str(torch.__version__)}
    for name in MAKERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
