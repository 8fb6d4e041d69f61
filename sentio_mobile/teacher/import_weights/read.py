"""Read a third-party file of weights as data: named tensors, or one line that says why not. No code in it runs.

A pickle can call any function while it is loaded. `weights_only=True` has torch rebuild tensors and plain containers
and refuse everything else. No option turns this off, on purpose.
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

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.records import read_plain
from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights.layouts import HUGGING_FACE

STATE_KEYS: tuple[str, ...] = ("state_dict", "model_state_dict", "model")
"""Keys under which training checkpoints keep the weights; the first one found is used."""

WRAPPER_PREFIXES: tuple[str, ...] = ("module.", "model.")
"""Prefixes that DataParallel and Lightning put before every name."""


@dataclass(frozen=True)
class Weights:
    """The content of a file of weights.

    Attributes:
        path: The file.
        tensors: Tensors by name.
        others: Names of values in the file that are not tensors.
    """

    path: Path
    tensors: Mapping[str, torch.Tensor]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class HuggingFaceConfig:
    """Settings in a Hugging Face `config.json` that the shapes of weights do not show.

    Attributes:
        heads: Attention heads of a block.
        norm_eps: Epsilon of the layer norms.
    """

    heads: int
    norm_eps: float


def read_weights(path: Path) -> Weights:
    """Read a safetensors file, or a state dictionary that torch saved, bare or inside a training checkpoint.

    Raises:
        CheckpointError: The file is missing, truncated, not a file of weights, or holds more than tensors in plain
            containers, such as code, which is not run.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; give the file of weights in it")
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    # A safetensors file begins with eight bytes of length, then JSON; a file saved by torch has no brace there.
    content: Any = _read_safetensors(path) if start[8:] == b"{" or path.suffix == ".safetensors" else _read_pickle(path)
    if isinstance(content, Mapping):
        content = next((content[key] for key in STATE_KEYS if isinstance(content.get(key), Mapping)), content)
    values = {str(name): value for name, value in content.items()} if isinstance(content, Mapping) else {}
    tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors; save a model's state_dict(), or safetensors")
    others = tuple(sorted(values.keys() - tensors.keys()))
    for prefix in WRAPPER_PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return Weights(path, tensors, others)


def read_config(weights: Path) -> HuggingFaceConfig | None:
    """Read the Hugging Face `config.json` beside a file of weights; None if there is none, or none of a ViT.

    Raises:
        CheckpointError: The file is not JSON, or names an activation other than the exact GELU, or has a number of
            heads or an epsilon that is out of range.
    """
    path = weights.with_name("config.json")
    if not is_file(path):
        return None
    config = read_plain(path, CheckpointError)
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds no JSON object; make it again")
    if config.get("model_type") != "vit":
        return None
    if config.get("hidden_act", "gelu") != "gelu":
        raise CheckpointError(
            f"{path}: the activation {config['hidden_act']!r} is not supported; a ViT here has gelu alone"
        )
    heads, eps = config.get("num_attention_heads", 12), config.get("layer_norm_eps", HUGGING_FACE.norm_eps)
    if not isinstance(heads, int) or heads < 1 or not isinstance(eps, int | float) or not 0 <= eps < 1:
        raise CheckpointError(
            f"{path}: num_attention_heads must be a whole number from 1 on, and layer_norm_eps a number from 0 to 1"
        )
    return HuggingFaceConfig(heads, float(eps))


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated, or not a safetensors file ({_first_line(error)})") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # torch warns about unusual files; all that matters here is whether this one can be read.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's message begins with how to load the file anyway. Only what follows this phrase is the fault.
        fault = str(error).rpartition("WeightsUnpickler error:")[2]
        if forbidden := re.search(r"GLOBAL (\S+)", fault):
            raise CheckpointError(
                f"{path} holds more than tensors ({forbidden[1]}) and is not loaded, because loading it could run "
                "any code; save the model's state_dict() alone, or safetensors"
            ) from error
        raise CheckpointError(f"{path} is truncated, or not a file of weights ({_first_line(fault)})") from error
    # Readers of archives and pickles can fail in any way on arbitrary bytes; every failure means the same here.
    except Exception as error:
        raise CheckpointError(f"{path} is truncated, or not a file of weights ({_first_line(error)})") from error


def _first_line(error: object) -> str:
    """The first line of a message, cut to 160 characters. Readers that reach the end of a file give no message."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else "it ends too early"
