"""Map a third-party ViT's tensors to ours: every name is matched, every shape checked, every leftover reported.

Sizes are read from shapes. A tensor without a counterpart here is harmless outside the backbone, such as a classifier.
Inside the backbone it shows that the file is of another network, whose predictions ours could not reproduce.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import torch

from sentio_mobile.errors import CheckpointError, RecordError
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.vit import ViT
from sentio_mobile.teacher.import_weights.layouts import HEAD_NAMES, LAYOUTS, Layout, Names, find_layout
from sentio_mobile.teacher.import_weights.read import Weights

CHANNELS = 3
"""Channels of the model's input image."""

HEAD_WIDTH = 64
"""Width of one attention head in ViT-Ti to ViT-L (Dosovitskiy et al. 2021, table 1, and DeiT, table 1)."""

MAX_LISTED = 5
"""Names that a message lists."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A third-party file as the weights of a `ViT`.

    Attributes:
        layout: The file's layout.
        settings: Sizes, read from shapes.
        image_size: Height and width of the input image, a square, that the position embeddings are for.
        tensors: float32 tensors under the names of a `ViT` with these settings: `backbone.`, and `head.` if the layout
            has one.
        left_out: Names in the file without a counterpart in a `ViT`.
    """

    layout: Layout
    settings: ViTSettings
    image_size: tuple[int, int]
    tensors: Mapping[str, torch.Tensor]
    left_out: tuple[str, ...]


def convert(weights: Weights, heads: int | None = None, norm_eps: float | None = None) -> Converted:
    """Map a file's tensors to those of a `ViT`.

    Args:
        weights: The content of the file.
        heads: Attention heads of a block, which no shape shows; by default the width divided by 64.
        norm_eps: Epsilon of the encoder's layer norms; by default the layout's.

    Raises:
        CheckpointError: The layout is unknown, the file is of another network, or a tensor is missing, of another
            shape, or not made of finite numbers.
    """
    path = weights.path
    match = find_layout(weights.tensors)
    if match is None:
        raise CheckpointError(
            f"{path} follows none of the known layouts ({', '.join(layout.name for layout in LAYOUTS)}); "
            f"its names are {_listed(weights.tensors)}"
        )
    layout, prefix = match
    names = _name_map(layout, prefix, _count_blocks(layout, prefix, weights.tensors))
    sources = {name for several in names.values() for name in several}
    if missing := sorted(sources - weights.tensors.keys()):
        raise CheckpointError(f"{path} ({layout.name}) lacks {_listed(missing)}")
    _refuse_unknown_parts(path, layout, prefix, weights.tensors.keys() - sources)
    for name in sorted(sources):
        _check_tensor(path, name, weights.tensors[name])
    settings, image_size = _sizes(path, layout, names=names, tensors=weights.tensors, heads=heads, norm_eps=norm_eps)
    with torch.device("meta"):
        expected = ViT(settings, image_size).state_dict()
    tensors = {
        target: _stack(path, several, weights.tensors, tuple(expected[target].shape))
        for target, several in names.items()
    }
    left_out = (*sorted(weights.tensors.keys() - sources), *weights.others)
    return Converted(layout=layout, settings=settings, image_size=image_size, tensors=tensors, left_out=left_out)


def _count_blocks(layout: Layout, prefix: str, names: Iterable[str]) -> int:
    """How many different block numbers occur. If one is skipped, its tensors are reported as missing later."""
    before, after = (re.escape(part) for part in (prefix + layout.block_prefix).split("{n}"))
    pattern = re.compile(f"{before}([0-9]+){after}")
    return len({match[1] for name in names if (match := pattern.match(name))})


def _name_map(layout: Layout, prefix: str, blocks: int) -> Names:
    """The names of a `ViT`'s tensors with those in the file."""
    names = {f"backbone.{target}": tuple(prefix + name for name in sources) for target, sources in layout.outer.items()}
    for n in range(blocks):
        before = prefix + layout.block_prefix.format(n=n)
        for target, sources in layout.block.items():
            names[f"backbone.encoder.layers.encoder_layer_{n}.{target}"] = tuple(before + name for name in sources)
    if layout.head:
        names |= {name: (name,) for name in HEAD_NAMES}
    return names


def _refuse_unknown_parts(path: Path, layout: Layout, prefix: str, names: Iterable[str]) -> None:
    inside = tuple(prefix + beginning for beginning in layout.inside) + (("head.",) if layout.head else ())
    if unknown := sorted(name for name in names if name.startswith(inside)):
        raise CheckpointError(
            f"{path} ({layout.name}) is of another network: a ViT here has no parts like {_listed(unknown)}"
        )


def _check_tensor(path: Path, name: str, tensor: torch.Tensor) -> None:
    """Require finite floating-point numbers, all of which are in the file: a view may claim more than there are."""
    if not tensor.is_floating_point() or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        raise CheckpointError(f"{path}: the tensor {name} is of an unsupported kind: {tensor.dtype}, {tensor.layout}")
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
    """Settings and image size from the shapes of four tensors. All other tensors must fit them."""

    def shape(target: str, rank: int) -> tuple[int, ...]:
        name = names[target][0]
        sizes = tuple(tensors[name].shape)
        if len(sizes) != rank or 0 in sizes:
            raise CheckpointError(f"{path}: the tensor {name} has the shape {sizes}, not one of {rank} sizes")
        return sizes

    width = shape("backbone.class_token", 3)[2]
    patch = shape("backbone.conv_proj.weight", 4)
    if patch != (width, CHANNELS, patch[3], patch[3]):
        raise CheckpointError(
            f"{path}: the patch projection has the shape {patch}; a ViT here has square patches of {CHANNELS} "
            f"channels, ({width}, {CHANNELS}, {patch[3]}, {patch[3]})"
        )
    positions = shape("backbone.encoder.pos_embedding", 3)[1]
    side = isqrt(positions - 1)
    if side < 1 or side * side != positions - 1:
        raise CheckpointError(f"{path}: {positions} positions are not those of a class token and a square of patches")
    if heads is None and width % HEAD_WIDTH:
        raise CheckpointError(f"{path}: the width {width} does not show the number of attention heads; give --heads")
    if heads is not None and (heads < 1 or width % heads):
        raise CheckpointError(f"{path}: {heads} attention heads do not divide the width {width}")
    head_widths = (shape("head.2.weight", 2)[0], shape("head.5.weight", 2)[0]) if layout.head else None
    try:
        settings = ViTSettings(
            patch_size=patch[3],
            layers=sum(target.endswith(".ln_1.weight") for target in names),
            heads=heads or width // HEAD_WIDTH,
            width=width,
            mlp_width=shape("backbone.encoder.layers.encoder_layer_0.mlp.0.weight", 2)[0],
            norm_eps=layout.norm_eps if norm_eps is None else norm_eps,
            head_widths=head_widths or ViTSettings().head_widths,
        )
    except RecordError as error:
        raise CheckpointError(f"{path}: no model of these sizes can be built: {error}") from error
    return settings, (side * patch[3], side * patch[3])


def _stack(
    path: Path, names: tuple[str, ...], tensors: Mapping[str, torch.Tensor], expected: tuple[int, ...]
) -> torch.Tensor:
    """One of our tensors in float32, from one source tensor or from several equal parts."""
    part = (expected[0] // len(names), *expected[1:])
    for name in names:
        if tuple(tensors[name].shape) != part:
            raise CheckpointError(f"{path}: the tensor {name} has the shape {tuple(tensors[name].shape)}, not {part}")
    return torch.cat([tensors[name].float() for name in names])


def _listed(names: Iterable[str]) -> str:
    """The first names in alphabetical order, and how many more there are."""
    ordered = sorted(names)
    more = f", and {len(ordered) - MAX_LISTED} more" if len(ordered) > MAX_LISTED else ""
    return ", ".join(ordered[:MAX_LISTED]) + more
