"""Map a third-party transformer's tensors to ours: every name is matched, every shape checked, every leftover reported.

Sizes are read from shapes. A tensor without a counterpart here is harmless outside the backbone, such as a classifier.
Inside the backbone it shows that the file is of another network, whose predictions ours could not reproduce.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.ast import AST
from sentio_mobile.models.config import ASTSettings, ViTSettings
from sentio_mobile.models.vit import ViT
from sentio_mobile.teacher.import_weights.config_json import HuggingFaceConfig
from sentio_mobile.teacher.import_weights.find import Found, find_network, listed
from sentio_mobile.teacher.import_weights.layouts import HEAD_NAMES, Names
from sentio_mobile.teacher.import_weights.one_channel import spread_over_channels
from sentio_mobile.teacher.import_weights.read import Weights
from sentio_mobile.teacher.import_weights.sizes import Sizes, find_sizes


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A third-party file as the weights of a `ViT` or an `AST`.

    Attributes:
        found: The network in the file.
        sizes: Its sizes, read from shapes.
        tensors: float32 tensors under torchvision's names, and under `head.` if the layout has our head.
        left_out: Names in the file without a counterpart here.
    """

    found: Found
    sizes: Sizes
    tensors: Mapping[str, torch.Tensor]
    left_out: tuple[str, ...]


def convert(
    weights: Weights,
    heads: int | None = None,
    norm_eps: float | None = None,
    config: HuggingFaceConfig | None = None,
) -> Converted:
    """Map a file's tensors to torchvision's names.

    Args:
        weights: The content of the file.
        heads: Attention heads of a block, which no shape shows; by default the width divided by 64.
        norm_eps: Epsilon of the encoder's layer norms; by default the layout's.
        config: The config.json beside the file, which counts more than `heads` and `norm_eps`.

    Raises:
        CheckpointError: The layout is unknown, the file is of another network, or a tensor is missing, of another
            shape, or not made of finite numbers.
    """
    path, found = weights.path, find_network(weights)
    layout, given = found.layout, found.state.tensors
    names = _name_map(found)
    sources = {name for several in names.values() for name in several}
    if missing := sorted(sources - given.keys()):
        raise CheckpointError(f"{path} ({layout.name}) lacks {listed(missing)}")
    inside = tuple(found.backbone + beginning for beginning in layout.inside)
    if layout.head:
        inside += (f"{found.wrapper}head.",)
    if unknown := [name for name in given.keys() - sources if name.startswith(inside)]:
        raise CheckpointError(
            f"{path} ({layout.name}) is of another network: a transformer here has no parts like {listed(unknown)}"
        )
    for name in sorted(sources):
        _check_tensor(path, name, given[name])
    if config is not None:
        heads, norm_eps = config.heads, config.norm_eps
    sizes = find_sizes(
        path,
        {target: (several[0], tuple(given[several[0]].shape)) for target, several in names.items()},
        heads=heads,
        norm_eps=layout.norm_eps if norm_eps is None else norm_eps,
        spectrogram=None if config is None else config.spectrogram,
        head=layout.head,
    )
    with torch.device("meta"):
        expected = network(sizes.settings, sizes.image_size).state_dict()
    tensors = {}
    for target, several in names.items():
        shape = tuple(expected[own_name(sizes.settings, target)].shape)
        if target == "conv_proj.weight":
            shape = (shape[0], sizes.channels, *shape[2:])
        tensors[target] = _stack(path, several, given, shape)
    if sizes.channels == 1:
        tensors |= spread_over_channels(tensors["conv_proj.weight"], tensors["conv_proj.bias"])
    left_out = (*sorted(given.keys() - sources), *found.state.others)
    return Converted(found=found, sizes=sizes, tensors=tensors, left_out=left_out)


def network(settings: ViTSettings | ASTSettings, image_size: tuple[int, int]) -> ViT | AST:
    """A freshly initialized network."""
    return ViT(settings, image_size) if isinstance(settings, ViTSettings) else AST(settings, image_size)


def own_name(settings: ViTSettings | ASTSettings, name: str) -> str:
    """What a `ViT` or an `AST` calls a tensor of torchvision's name; our head's tensors have their own."""
    if name.startswith("head."):
        return name
    if isinstance(settings, ViTSettings):
        return f"backbone.{name}"
    return re.sub(r"^encoder\.", "transformer.", re.sub(r"^conv_proj\.", "patches.", name))


def _name_map(found: Found) -> Names:
    """torchvision's names with those in the file."""
    layout, tensors, before = found.layout, found.state.tensors, found.backbone
    outer = dict(layout.outer)
    outer.update({target: several for target, several in layout.optional.items() if before + several[0] in tensors})
    names = {target: tuple(before + name for name in several) for target, several in outer.items()}
    for n in range(_count_blocks(before, layout.block_prefix, tensors)):
        block = before + layout.block_prefix.format(n=n)
        for target, several in layout.block.items():
            names[f"encoder.layers.encoder_layer_{n}.{target}"] = tuple(block + name for name in several)
    if layout.head:
        names |= {name: (found.wrapper + name,) for name in HEAD_NAMES}
    return names


def _count_blocks(before: str, block_prefix: str, names: Iterable[str]) -> int:
    """How many different block numbers occur. If one is skipped, its tensors are reported as missing later."""
    start, end = (re.escape(part) for part in block_prefix.split("{n}"))
    pattern = re.compile(f"{re.escape(before)}{start}([0-9]+){end}")
    return len({match[1] for name in names if (match := pattern.match(name))})


def _check_tensor(path: Path, name: str, tensor: torch.Tensor) -> None:
    """Require finite floating-point numbers, all of which are in the file: a view may claim more than there are."""
    if not tensor.is_floating_point() or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        raise CheckpointError(f"{path}: the tensor {name} is of an unsupported kind: {tensor.dtype}, {tensor.layout}")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise CheckpointError(f"{path}: the tensor {name} claims more numbers than the file has")
    if not torch.isfinite(tensor.float()).all():
        raise CheckpointError(f"{path}: the tensor {name} has values that are not numbers, or infinite")


def _stack(
    path: Path, names: tuple[str, ...], tensors: Mapping[str, torch.Tensor], expected: tuple[int, ...]
) -> torch.Tensor:
    """One of our tensors in float32, from one source tensor or from several equal parts."""
    part = (expected[0] // len(names), *expected[1:])
    for name in names:
        if tuple(tensors[name].shape) != part:
            raise CheckpointError(f"{path}: the tensor {name} has the shape {tuple(tensors[name].shape)}, not {part}")
    return torch.cat([tensors[name].float() for name in names])
