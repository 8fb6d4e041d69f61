"""First weights for a network: shipped ones, from music without labels, or those of a checkpoint.

A student that starts from weights that have heard thousands of clips needs fewer labelled songs and fewer steps.
Shipped weights are in `distill/weights`: one safetensors file and one JSON sheet for each architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from msgspec import Meta
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn
from torch.nn.functional import interpolate

from sentio_mobile._internal.files import sha256, write_bytes
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Count, Name, Record, Sha256, read_record, to_plain, write_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import CheckpointError, InputError, OutputError
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.config import MusicnnSettings
from sentio_mobile.models.encoders.musicnn import load_msd
from sentio_mobile.models.musicnn_weights import weights_of
from sentio_mobile.models.registry import build, settings_of
from sentio_mobile.spec import ModelSpec

SHIPPED = ROOT / "distill" / "weights"
"""The folder of the shipped weights."""

MAX_BYTES = 20_000_000
"""Size of all shipped weights together, which every installation downloads."""

TRAINING_ONLY = frozenset({"patch_keep", "head_dropout", "dropout", "drop_path"})
"""Settings of architectures that change how a network is trained, and not what it computes afterwards."""

MUSICNN = "musicnn"
"""The architecture whose first weights an encoder has."""

_LARGEST_HALF = torch.finfo(torch.float16).max


class FirstWeightsSheet(Record, frozen=True, kw_only=True):
    """What is known about a file of shipped first weights. The sheet is beside the file, and has its name."""

    schema: Literal[1] = 1  # version of this record
    name: Name  # name of the weights, such as mobilevit_xs
    spec: ModelSpec  # architecture, settings, front end and image size
    weights_sha256: Sha256  # hash of the file of weights
    parameters: Count  # number of weights
    trained_on: Annotated[str, Meta(min_length=1, max_length=4096)]  # music and teacher that they were trained on
    licence: Name  # licence of the weights


@dataclass(frozen=True, kw_only=True)
class FirstWeights:
    """Weights for a network to begin with.

    Attributes:
        name: What messages and records call them: the name of shipped weights, or the path of a checkpoint.
        spec: The network that they are from.
        state: The weights by name, in any floating-point format.
        digest: SHA-256 that identifies them.
    """

    name: str
    spec: ModelSpec
    state: Mapping[str, torch.Tensor]
    digest: str


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """What became of a network's weights.

    Attributes:
        loaded: Names of the weights that were set.
        interpolated: Those of them that were interpolated to another grid of tokens.
        random: Names of the weights that stay random.
    """

    loaded: tuple[str, ...]
    interpolated: tuple[str, ...]
    random: tuple[str, ...]


def first_weights_for(spec: ModelSpec, folder: Path | None = None) -> FirstWeights | None:
    """The shipped weights that fit a network; None where none do. Those of a musicnn are the installed encoder's.

    They fit if architecture, settings and front end are equal. The image size may differ, and so may settings that
    have an effect in training only.

    Args:
        spec: The network.
        folder: A folder that `write_first_weights` wrote; by default that of the shipped weights.

    Raises:
        CheckpointError: A shipped file is damaged.
        InputError: The network is a musicnn, and the encoder is not installed.
    """
    if spec.architecture == MUSICNN:
        return _weights_of_encoder(spec)
    paths = sorted((folder or SHIPPED).glob("*.json"))
    sheets = [(path, read_record(FirstWeightsSheet, path, CheckpointError)) for path in paths]
    fitting = [(path, sheet) for path, sheet in sheets if not differences(sheet.spec, spec)]
    if not fitting:
        return None
    same_size = [one for one in fitting if one[1].spec.audio.image_size == spec.audio.image_size]
    path, sheet = (same_size or fitting)[0]
    weights = path.with_suffix(".safetensors")
    try:
        content = weights.read_bytes()
        if sha256(weights) != sheet.weights_sha256:
            raise CheckpointError(f"{weights} is truncated or changed: its hash is not the one in {path.name}")
        state = load(content)
    except OSError as error:
        raise CheckpointError(f"cannot read {weights}: {error.strerror}; install sentio-mobile again") from error
    except SafetensorError as error:
        raise CheckpointError(f"{weights} is no file of weights ({error}); install sentio-mobile again") from error
    return FirstWeights(name=sheet.name, spec=sheet.spec, state=state, digest=sheet.weights_sha256)


def _weights_of_encoder(spec: ModelSpec) -> FirstWeights:
    encoder = load_msd()
    settings = settings_of(spec)
    assert isinstance(settings, MusicnnSettings)
    state = {**build(spec).state_dict(), **weights_of(encoder.network, settings)}
    return FirstWeights(name=encoder.info.name, spec=spec, state=state, digest=encoder.info.digest)


def weights_of_checkpoint(name: str, checkpoint: Checkpoint) -> FirstWeights:
    """The weights of a checkpoint as first weights of another network."""
    return FirstWeights(
        name=name,
        spec=checkpoint.spec,
        state=checkpoint.model.state_dict(),
        digest=weights_digest(checkpoint.model),
    )


def differences(have: ModelSpec, want: ModelSpec) -> list[str]:
    """How two networks differ, except in their image size and in what has an effect in training only.

    Args:
        have: The network that weights are from.
        want: The network that they are for.

    Returns:
        A phrase for each difference, such as `width 64 and not 224`.
    """
    if have.architecture != want.architecture:
        return [f"architecture {shown(have.architecture)} and not {shown(want.architecture)}"]
    first, second = ({**_plain_settings(spec), **_front_end(spec)} for spec in (have, want))
    return [
        f"{name} {first.get(name)} and not {second.get(name)}"
        for name in dict.fromkeys((*first, *second))
        if first.get(name) != second.get(name)
    ]


def load_first_weights(model: nn.Module, weights: FirstWeights, *, head: bool = True) -> LoadedWeights:
    """Set a network's weights. Positions are interpolated where its grid of tokens is another one.

    Args:
        model: A freshly initialized network.
        weights: Weights of the same architecture and settings.
        head: Whether the layers of the head are set too, where the network says which they are (`head_layers`).

    Returns:
        What was loaded, and what stays random.

    Raises:
        CheckpointError: A weight is missing, unknown, or of another shape.
    """
    own = model.state_dict()
    layers = () if head else tuple(getattr(model, "head_layers", ()))
    random = tuple(name for name in own if name.split(".")[0] in layers)
    wanted = [name for name in own if name not in random]
    if differing := sorted(set(own) ^ set(weights.state)):
        raise CheckpointError(
            f"the first weights {shown(weights.name)} do not fit the network: {shown(differing[0])} is only in one of "
            "the two; choose others, or start from random weights"
        )
    loaded: dict[str, torch.Tensor] = {}
    interpolated = []
    for name in wanted:
        tensor = weights.state[name].to(own[name].dtype)
        if tensor.shape != own[name].shape:
            tensor = _on_other_grid(tensor, own[name].shape, name=name, model=model, weights=weights)
            interpolated.append(name)
        loaded[name] = tensor
    model.load_state_dict(loaded, strict=False)
    return LoadedWeights(loaded=tuple(loaded), interpolated=tuple(interpolated), random=random)


def interpolate_positions(positions: torch.Tensor, source: tuple[int, int], target: tuple[int, int]) -> torch.Tensor:
    """Interpolate the positions of a grid of tokens to another grid; what stands before the grid is kept.

    Dosovitskiy et al. 2021, section 3.2, do so for images of another size.

    Args:
        positions: Positions [1, n + rows * columns of `source`, width]. The first n, of class tokens, are kept.
        source: Rows and columns of the grid that they are for.
        target: Rows and columns of the other grid.

    Returns:
        Positions [1, n + rows * columns of `target`, width].
    """
    before = positions.shape[1] - source[0] * source[1]
    first, grid = positions[:, :before], positions[:, before:]
    grid = grid.transpose(1, 2).reshape(1, -1, *source)
    grid = interpolate(grid, size=target, mode="bicubic", align_corners=False)
    return torch.cat([first, grid.flatten(2).transpose(1, 2)], dim=1)


def write_first_weights(
    folder: Path, checkpoint: Checkpoint, *, name: str, trained_on: str, licence: str
) -> FirstWeightsSheet:
    """Write a checkpoint's weights as weights to ship: matrices in half precision, and a sheet.

    Biases and the statistics of norms, which take next to no space, keep their precision.

    Args:
        folder: The folder to write into; what it has under the same name is overwritten.
        checkpoint: The network.
        name: Name of the weights.
        trained_on: Music and teacher that they were trained on.
        licence: Licence of the weights.

    Raises:
        InputError: A weight is too large for half precision.
        OutputError: The folder cannot be written, or all weights in it would be larger than `MAX_BYTES`.
    """
    state = {key: _halved(key, tensor.detach().cpu()) for key, tensor in checkpoint.model.state_dict().items()}
    content = save(state)
    path = folder / f"{name}.safetensors"
    others = sum(other.stat().st_size for other in folder.glob("*.safetensors") if other != path)
    if others + len(content) > MAX_BYTES:
        raise OutputError(
            f"{path}: all weights in {folder} would take {(others + len(content)) / 1e6:.1f} MB, more than the "
            f"{MAX_BYTES / 1e6:.0f} MB that may be shipped; ship fewer, or those of a smaller network"
        )
    write_bytes(path, content)
    sheet = FirstWeightsSheet(
        name=name,
        spec=checkpoint.spec,
        weights_sha256=sha256(path),
        parameters=sum(p.numel() for p in checkpoint.model.parameters()),
        trained_on=trained_on,
        licence=licence,
    )
    write_record(path.with_suffix(".json"), sheet)
    return sheet


def _halved(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point() or tensor.ndim < 2:
        return tensor.contiguous()
    if not tensor.abs().max() <= _LARGEST_HALF:
        raise InputError(f"the weight {shown(name)} is not finite, or too large for half precision; train again")
    return tensor.half().contiguous()


def _plain_settings(spec: ModelSpec) -> dict[str, object]:
    settings: dict[str, object] = to_plain(settings_of(spec))
    return {name: value for name, value in settings.items() if name not in TRAINING_ONLY}


def _front_end(spec: ModelSpec) -> dict[str, object]:
    """Everything about the input but the image size."""
    return {
        **spec.audio.log_mel,
        "normalization": spec.audio.normalization,
        "image_mean": spec.image_mean,
        "image_sd": spec.image_sd,
    }


def _on_other_grid(
    tensor: torch.Tensor, shape: torch.Size, *, name: str, model: nn.Module, weights: FirstWeights
) -> torch.Tensor:
    fault = CheckpointError(
        f"the first weights {shown(weights.name)} have {shown(name)} of the shape {list(tensor.shape)}, and the "
        f"network {list(shape)}; choose others, or start from random weights"
    )
    target = getattr(model, "grid", None)
    with torch.device("meta"):
        source = getattr(build(weights.spec), "grid", None)
    if target is None or source is None or tensor.ndim != 3:
        raise fault
    before = tensor.shape[1] - source[0] * source[1]
    if before < 0 or tuple(shape) != (1, before + target[0] * target[1], tensor.shape[2]):
        raise fault
    return interpolate_positions(tensor, source, target)
