"""A checkpoint is a folder: `model.safetensors` and `checkpoint.json`. Nothing in it can run code."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from sentio_mobile import __version__
from sentio_mobile._internal.files import new_folder, read_json, sha256, write_json
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.registry import build
from sentio_mobile.spec import ModelSpec

MAKERS = (
    "torchvision",
    "lightning",
    "numpy",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "litert-torch",
    "ai-edge-litert",
    "coremltools",
)
"""Packages whose versions go into checkpoints and bundles, beside torch's."""

WEIGHTS, SHEET = "model.safetensors", "checkpoint.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network and everything that is known about it.

    `recipe` is what it was trained with, `history` one row an epoch, `evaluation` its metrics on validation and test
    songs, `data` the fingerprint and origin of the songs, `versions` the packages that made it.
    """

    model: nn.Module
    spec: ModelSpec
    recipe: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    evaluation: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the checkpoint, all of it or nothing.

        Raises:
            OutputError: `folder` cannot be written, or exists and `overwrite` is false.
        """
        with new_folder(folder, overwrite) as part:
            sheet = {
                "spec": self.spec.to_dict(),
                "weights_sha256": save_weights(self.model, part / WEIGHTS),
                "parameters": sum(p.numel() for p in self.model.parameters()),
                "recipe": self.recipe,
                "history": self.history,
                "evaluation": self.evaluation,
                "data": self.data,
                "versions": self.versions or package_versions(),
            }
            write_json(part / SHEET, sheet)

    @classmethod
    def load(cls, folder: Path) -> Checkpoint:
        """Read a checkpoint; the network comes back in evaluation mode.

        Raises:
            CheckpointError: the folder is missing, its weights are truncated, changed, or of another architecture.
        """
        if not (folder / SHEET).is_file():
            raise CheckpointError(f"{folder} is no checkpoint: it has no {SHEET}; give a folder that training wrote")
        sheet = read_json(folder / SHEET, CheckpointError)
        try:
            spec = ModelSpec.from_dict(sheet["spec"])
            model = build(spec)
            load_weights(model, folder / WEIGHTS, sheet["weights_sha256"], SHEET)
        except KeyError as error:
            raise CheckpointError(f"{folder / SHEET} lacks the field {error}; train again") from error
        except CheckpointError:
            raise
        except InputError as error:
            raise CheckpointError(f"{folder / SHEET}: {error}") from error
        rest = {name: sheet[name] for name in ("recipe", "history", "evaluation", "data", "versions") if name in sheet}
        return cls(model=model.eval(), spec=spec, **rest)


def save_weights(model: nn.Module, path: Path) -> str:
    """Write a network's weights as safetensors, and give the file's hex SHA-256."""
    save_file({name: tensor.detach().contiguous().cpu() for name, tensor in model.state_dict().items()}, path)
    return sha256(path)


def load_weights(model: nn.Module, path: Path, digest: str, sheet: str) -> None:
    """Read what `save_weights` wrote into a network of the same architecture.

    Args:
        model: the network.
        path: the file.
        digest: its SHA-256, as the sheet beside it has it.
        sheet: the sheet's name, for messages.

    Raises:
        CheckpointError: the file is missing, changed, or of another architecture.
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
    """Hex SHA-256 over a network's weights, in the order of its state dictionary."""
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
