"""Install musicnn's weights into the user's cache: pip fetches the wheel, its hash is checked, safetensors stay."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from sentio_mobile._internal.files import scratch_folder, sha256, write_bytes
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.encoders.musicnn import Musicnn, weights_path
from sentio_mobile.models.encoders.tensorflow_checkpoint import read_tensors

WHEEL = "musicnn-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
"""The one release on PyPI."""

DATASETS = ("msd", "mtt")

_NORMS = ("weight", "bias", "running_mean", "running_var")
_TENSORFLOW_NORMS = ("gamma", "beta", "moving_mean", "moving_variance")


def install_musicnn(wheel: Path | None = None) -> list[Path]:
    """Install both of musicnn's networks.

    Args:
        wheel: The wheel, where it was downloaded already; by default pip downloads it, without dependencies.

    Returns:
        The files that were written, one a network.

    Raises:
        InputError: The wheel cannot be had, or is another file than the one that this package was checked with.
        OutputError: The cache cannot be written.
    """
    with scratch_folder() as folder:
        found = _download(folder) if wheel is None else wheel
        if not found.is_file():
            raise InputError(f"{found} does not exist; give the path of {WHEEL}")
        if (digest := sha256(found)) != WHEEL_SHA256:
            raise InputError(
                f"{found} is not the musicnn 0.1.0 that this package was checked with (SHA-256 {digest[:12]}..., "
                f"expected {WHEEL_SHA256[:12]}...); download it again with `pip download --no-deps musicnn==0.1.0`"
            )
        return [_write(found, dataset) for dataset in DATASETS]


def convert(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, torch.Tensor]:
    """Turn musicnn's TensorFlow tensors into the weights of `Musicnn`.

    Raises:
        CheckpointError: A tensor is missing or has another shape.
    """
    expected = Musicnn().state_dict()
    weights = {name: value for name, value in expected.items() if name.endswith("num_batches_tracked")}
    layers = ["timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2", "middle.0", "middle.1", "middle.2"]
    norms = ["input_norm", *(f"{layer}.norm" for layer in layers), "pooled_norm", "dense_norm"]
    sources = {f"{layer}.conv": _numbered("conv2d", i) for i, layer in enumerate(layers)}
    sources |= {"dense": "dense", "tags": "dense_1"}
    try:
        for ours, theirs in sources.items():
            kernel = torch.from_numpy(tensors[f"{theirs}/kernel"].copy())
            weights[f"{ours}.weight"] = (kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T).contiguous()
            weights[f"{ours}.bias"] = torch.from_numpy(tensors[f"{theirs}/bias"].copy())
        for i, ours in enumerate(norms):
            theirs = _numbered("batch_normalization", i)
            for our_part, their_part in zip(_NORMS, _TENSORFLOW_NORMS, strict=True):
                weights[f"{ours}.{our_part}"] = torch.from_numpy(tensors[f"{theirs}/{their_part}"].copy())
    except KeyError as error:
        raise CheckpointError(f"musicnn's checkpoint has no tensor {error}; download the wheel again") from error
    for name, value in expected.items():
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"musicnn's tensor for {name} has the shape {tuple(weights[name].shape)}, not {tuple(value.shape)}"
            )
    return weights


def _numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name


def _write(wheel: Path, dataset: str) -> Path:
    folder = f"musicnn/{dataset.upper()}_musicnn"
    with zipfile.ZipFile(wheel) as archive:
        tensors = read_tensors(archive.read(f"{folder}/.index"), archive.read(f"{folder}/.data-00000-of-00001"))
    path = weights_path(dataset)
    write_bytes(path, save(convert(tensors)))
    return path


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder), "musicnn==0.1.0"],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"pip cannot be run ({error}); download {WHEEL} and give it as --wheel") from error
    if done.returncode != 0 or not (folder / WHEEL).is_file():
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"pip could not download musicnn ({last}); download {WHEEL} elsewhere and give it as --wheel")
    return folder / WHEEL
