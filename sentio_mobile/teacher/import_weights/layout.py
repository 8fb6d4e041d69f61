"""What a layout of weights is: how another project names the parts of the same network.

A layout is data, and all of them are read by the same code (`convert.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Names = Mapping[str, tuple[str, ...]]
"""Our name -> theirs. The tensors of several names are stacked along the first axis, in this order."""

HEAD: tuple[str, ...] = tuple(f"head.{i}.{kind}" for i in (0, 2, 5, 8) for kind in ("weight", "bias"))
"""A head with two hidden layers as it is in a model of ours: its norm and its linear maps."""


def pairs(parts: Mapping[str, str | tuple[str, ...]]) -> Names:
    """Weight and bias of each part: our part -> theirs, or theirs to be stacked."""
    names = {}
    for ours, theirs in parts.items():
        # torch keeps queries, keys and values as one parameter of the attention itself, not of a linear map in it.
        joint = "_" if ours.endswith("in_proj") else "."
        for kind in ("weight", "bias"):
            several = (theirs,) if isinstance(theirs, str) else theirs
            names[f"{ours}{joint}{kind}"] = tuple(f"{part}.{kind}" for part in several)
    return names


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to name a vision transformer's weights. Our names are torchvision's.

    Attributes:
        name: what messages call it.
        prefixes: what may stand before the names of the backbone, alike for all.
        outer: the backbone's tensors that belong to no block.
        block_prefix: what stands before a block's tensors; `{n}` is its number, from 0.
        block: a block's tensors.
        inside: beginnings of names that belong to the backbone, where one without a place here means another network.
        norm_eps: the epsilon of the layer norms, which a file of weights does not state.
        head: whether our head is in the file, too, under our names.
        normalization: what such models were fed, where nothing else is said.
    """

    name: str
    prefixes: tuple[str, ...]
    outer: Names
    block_prefix: str
    block: Names
    inside: tuple[str, ...]
    norm_eps: float = 1e-6
    head: bool = False
    normalization: Literal["db80", "zscore"] = "db80"

    def prefix_in(self, names: frozenset[str]) -> str | None:
        """With which prefix `names` are of this layout; None where they are of another.

        Two names decide: the class token's and that of the first block's first linear map. The head's last map is a
        third where the layout has one.
        """
        first = self.block_prefix.format(n=0) + self.block["mlp.0.weight"][0]
        last = HEAD[-2:-1] if self.head else ()
        for prefix in self.prefixes:
            if {prefix + self.outer["class_token"][0], prefix + first, *last} <= names:
                return prefix
        return None
