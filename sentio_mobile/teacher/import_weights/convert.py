"""From a stranger's named tensors to ours: every name is matched, every shape is checked, and what is left is told.

Sizes are read from shapes. A tensor that has no place here is harmless outside the backbone, a classifier say; inside
it, it is the sign of another network, whose answers ours could not give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path

import torch

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.vit import ViT
from sentio_mobile.teacher.import_weights.layout import HEAD, Layout, Names
from sentio_mobile.teacher.import_weights.layouts import LAYOUTS, find_layout
from sentio_mobile.teacher.import_weights.read import Weights

CHANNELS = 3
"""Of the picture that a model looks at."""

HEAD_OF_64 = 64
"""Width of one attention head in ViT-Ti to ViT-L (Dosovitskiy et al. 2021, table 1, and DeiT, table 1)."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What a file came to.

    Attributes:
        layout: how it names things.
        settings: sizes, as the shapes state them.
        image_size: height and width of the picture, a square, that its positions are for.
        tensors: float32, under the names of a `ViT` with these settings: `backbone.`, and `head.` where it has one.
        left_out: what the file has and a `ViT` has no place for.
    """

    layout: Layout
    settings: ViTSettings
    image_size: tuple[int, int]
    tensors: Mapping[str, torch.Tensor]
    left_out: tuple[str, ...]


def convert(weights: Weights, heads: int | None = None, norm_eps: float | None = None) -> Converted:
    """Map a file's tensors to those of a `ViT`.

    Args:
        weights: what was read from the file.
        heads: attention heads of a block, which no shape tells; by default one for every 64 of the width.
        norm_eps: epsilon of the encoder's layer norms; by default the layout's.

    Raises:
        CheckpointError: no known layout, another network, a tensor that is missing, of another shape, or not made of
            finite numbers.
    """
    path = weights.path
    found = find_layout(weights.tensors)
    if found is None:
        raise CheckpointError(
            f"{path} has none of the layouts known here ({', '.join(layout.name for layout in LAYOUTS)}); "
            f"its names are {_some(weights.tensors)}"
        )
    layout, prefix = found
    names = _names(layout, prefix, _count_blocks(layout, prefix, weights.tensors))
    theirs = {name for several in names.values() for name in several}
    if missing := sorted(theirs - weights.tensors.keys()):
        raise CheckpointError(f"{path} ({layout.name}) lacks {_some(missing)}")
    _refuse_strangers(path, layout, prefix, weights.tensors.keys() - theirs)
    for name in sorted(theirs):
        _check_plain(path, name, weights.tensors[name])
    settings, image_size = _sizes(path, layout, names=names, tensors=weights.tensors, heads=heads, norm_eps=norm_eps)
    with torch.device("meta"):
        wanted = ViT(settings, image_size).state_dict()
    tensors = {
        ours: _stacked(path, several, weights.tensors, tuple(wanted[ours].shape)) for ours, several in names.items()
    }
    left_out = (*sorted(weights.tensors.keys() - theirs), *weights.others)
    return Converted(layout=layout, settings=settings, image_size=image_size, tensors=tensors, left_out=left_out)


def _count_blocks(layout: Layout, prefix: str, names: Iterable[str]) -> int:
    """How many different numbers of blocks there are: where one is skipped, its tensors are missed."""
    before, after = (re.escape(part) for part in (prefix + layout.block_prefix).split("{n}"))
    pattern = re.compile(f"{before}([0-9]+){after}")
    return len({match[1] for name in names if (match := pattern.match(name))})


def _names(layout: Layout, prefix: str, blocks: int) -> Names:
    """The names of a `ViT`'s tensors with those of the file."""
    names = {f"backbone.{ours}": tuple(prefix + name for name in theirs) for ours, theirs in layout.outer.items()}
    for n in range(blocks):
        before = prefix + layout.block_prefix.format(n=n)
        for ours, theirs in layout.block.items():
            names[f"backbone.encoder.layers.encoder_layer_{n}.{ours}"] = tuple(before + name for name in theirs)
    if layout.head:
        names |= {name: (name,) for name in HEAD}
    return names


def _refuse_strangers(path: Path, layout: Layout, prefix: str, names: Iterable[str]) -> None:
    inside = tuple(prefix + beginning for beginning in layout.inside) + (("head.",) if layout.head else ())
    if strangers := sorted(name for name in names if name.startswith(inside)):
        raise CheckpointError(
            f"{path} ({layout.name}) is of a network with parts that no ViT here has: {_some(strangers)}"
        )


def _check_plain(path: Path, name: str, tensor: torch.Tensor) -> None:
    """Finite floating-point numbers, all of which are in the file: a view may claim more than there is."""
    if not tensor.is_floating_point() or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        raise CheckpointError(f"{path}: the tensor {name} is of a kind that is not read here: {tensor.dtype}")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise CheckpointError(f"{path}: the tensor {name} claims more numbers than the file has")
    if not torch.isfinite(tensor.float()).all():
        raise CheckpointError(f"{path}: the tensor {name} has values that are not numbers, or infinite")


def _sizes(
    path: Path,
    layout: Layout,
    *,
    names: Names,
    tensors: Mapping[str, torch.Tensor],
    heads: int | None,
    norm_eps: float | None,
) -> tuple[ViTSettings, tuple[int, int]]:
    """Settings and the size of the picture, from the shapes of four tensors; the others must fit them."""

    def shape(ours: str, rank: int) -> tuple[int, ...]:
        name = names[ours][0]
        found = tuple(tensors[name].shape)
        if len(found) != rank or 0 in found:
            raise CheckpointError(f"{path}: the tensor {name} has the shape {found}, not one of {rank} sizes")
        return found

    width = shape("backbone.class_token", 3)[2]
    patch = shape("backbone.conv_proj.weight", 4)
    if patch != (width, CHANNELS, patch[3], patch[3]):
        raise CheckpointError(
            f"{path}: the patches have the shape {patch}; a ViT here looks at {CHANNELS} channels in squares, "
            f"({width}, {CHANNELS}, {patch[3]}, {patch[3]})"
        )
    positions = shape("backbone.encoder.pos_embedding", 3)[1]
    side = isqrt(positions - 1)
    if side < 1 or side * side != positions - 1:
        raise CheckpointError(f"{path}: {positions} positions are not those of a class token and a square of patches")
    if heads is None and width % HEAD_OF_64:
        raise CheckpointError(f"{path}: the width {width} does not say how many attention heads it has; give --heads")
    if heads is not None and (heads < 1 or width % heads):
        raise CheckpointError(f"{path}: {heads} attention heads do not divide the width {width}")
    settings = ViTSettings(
        patch_size=patch[3],
        layers=sum(ours.endswith(".ln_1.weight") for ours in names),
        heads=heads or width // HEAD_OF_64,
        width=width,
        mlp_width=shape("backbone.encoder.layers.encoder_layer_0.mlp.0.weight", 2)[0],
        norm_eps=layout.norm_eps if norm_eps is None else norm_eps,
    )
    if layout.head:
        widths = tuple(shape(f"head.{i}.weight", 2)[0] for i in (2, 5))
        settings = replace(settings, head_widths=widths)
    return settings, (side * patch[3], side * patch[3])


def _stacked(
    path: Path, names: tuple[str, ...], tensors: Mapping[str, torch.Tensor], wanted: tuple[int, ...]
) -> torch.Tensor:
    """One tensor of ours in float32, from one of theirs or several, each an equal share of it."""
    share = (wanted[0] // len(names), *wanted[1:])
    for name in names:
        if tuple(tensors[name].shape) != share:
            raise CheckpointError(f"{path}: the tensor {name} has the shape {tuple(tensors[name].shape)}, not {share}")
    return torch.cat([tensors[name].float() for name in names])


def _some(names: Iterable[str], most: int = 5) -> str:
    """Names for a message, not too many of them."""
    every = sorted(names)
    return ", ".join(every[:most]) + (f", and {len(every) - most} more" if len(every) > most else "")
