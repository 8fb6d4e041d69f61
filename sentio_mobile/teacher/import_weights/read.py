"""A file of weights from a stranger becomes named tensors, or one line that says why not. Nothing in it can run.

A pickle can call any function when it is loaded; `weights_only=True` has torch rebuild tensors and plain containers,
and refuse the rest. There is no way around it here, on purpose.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sentio_mobile.errors import CheckpointError

NESTED: tuple[str, ...] = ("state_dict", "model_state_dict", "model")
"""Under which of its keys a training checkpoint keeps the weights; the first that is there."""

WRAPPERS: tuple[str, ...] = ("module.", "model.")
"""What DataParallel and Lightning put before every name."""


@dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes:
        path: the file.
        tensors: by name.
        others: names of values beside them that are no tensors.
    """

    path: Path
    tensors: Mapping[str, torch.Tensor]
    others: tuple[str, ...] = ()


def read_weights(path: Path) -> Weights:
    """Read a safetensors file, or a state dictionary that torch saved, bare or within a training checkpoint.

    Raises:
        CheckpointError: the file is missing, truncated, no file of weights, or holds anything but tensors in plain
            containers: code, say, which is not run.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; give the file of weights in it")
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    # A safetensors file begins with eight bytes of length, then JSON; what torch saves has no brace there.
    found: Any = _safetensors(path) if start[8:] == b"{" or path.suffix == ".safetensors" else _pickle(path)
    if isinstance(found, Mapping):
        found = next((found[key] for key in NESTED if isinstance(found.get(key), Mapping)), found)
    named = {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}
    tensors = {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors; save a model's state_dict(), or safetensors")
    others = tuple(sorted(named.keys() - tensors.keys()))
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in tensors):
            tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    return Weights(path, tensors, others)


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated, or no safetensors file ({_line(error)})") from error


def _pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # torch has advice for odd files; what matters here is whether this one can be read.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's message begins with how to load the file all the same; only what stands behind this word is the fault.
        fault = str(error).rpartition("WeightsUnpickler error:")[2]
        if forbidden := re.search(r"GLOBAL (\S+)", fault):
            raise CheckpointError(
                f"{path} holds more than tensors ({forbidden[1]}) and is not loaded, because that could run anything; "
                "save the model's state_dict() alone, or safetensors"
            ) from error
        raise CheckpointError(f"{path} is truncated, or no file of weights ({_line(fault)})") from error
    # Bytes from a stranger can make a reader of archives and pickles fail in any way; all of them mean the same.
    except Exception as error:
        raise CheckpointError(f"{path} is truncated, or no file of weights ({_line(error)})") from error


def _line(error: object) -> str:
    """The first line of a message, short; readers that come to the end of a file say nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else "it ends too early"
