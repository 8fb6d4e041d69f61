"""Find a network in a file: what wrappers put before its names, and which copy of it is meant, if there are several.

DataParallel puts `module.` before every name, torch.compile `_orig_mod.`, Lightning the name of an attribute, and they
are nested in any order. No list of them is kept: whatever stands before a layout's own names is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights.layouts import LAYOUTS, Layout
from sentio_mobile.teacher.import_weights.read import State, Weights

AVERAGED = re.compile(r"(^|[._])(ema|averaged)([._]|$)", re.IGNORECASE)
"""A part of a name that tells the mean of a network's weights over training, which evaluates better than the last."""

STATE_KEYS: tuple[str, ...] = ("state_dict", "model_state_dict", "model")
"""Keys under which training checkpoints keep the weights; the first one found is used."""

MAX_LISTED = 5
"""Names that a message lists."""


@dataclass(frozen=True)
class Found:
    """A network in a file.

    Attributes:
        state: The state dictionary that it is in.
        layout: The layout of its names.
        wrapper: What stands before all of its names: empty, or ending in a point.
    """

    state: State
    layout: Layout
    wrapper: str

    @property
    def backbone(self) -> str:
        """What stands before the names of the backbone."""
        return self.wrapper + self.layout.backbone

    @property
    def place(self) -> str:
        """Keys and wrapper, for people; empty for a bare state dictionary."""
        return ".".join((*self.state.keys, self.wrapper)).strip(".")


def find_network(weights: Weights) -> Found:
    """Find the one network in a file. Of a network and the mean of its weights, the mean is taken.

    Raises:
        CheckpointError: The names follow no known layout, or there are several networks.
    """
    found: dict[tuple[tuple[str, ...], str], Found] = {}
    for state in weights.states:
        for layout in LAYOUTS:
            for wrapper in _wrappers(layout, state.tensors.keys()):
                network = Found(state, layout, wrapper)
                found.setdefault((state.keys, network.backbone), network)
    if not found:
        layouts = dict.fromkeys(layout.name.partition(" (")[0] for layout in LAYOUTS)
        names = max((state.tensors for state in weights.states), key=len)
        raise CheckpointError(
            f"{weights.path} follows none of the known layouts ({', '.join(layouts)}); its names are {listed(names)}"
        )
    best = min(_rank(network) for network in found.values())
    chosen = [network for network in found.values() if _rank(network) == best]
    if len(chosen) > 1:
        places = listed({network.place or "the top" for network in chosen})
        raise CheckpointError(f"{weights.path} holds {len(chosen)} networks ({places}); save one of them alone")
    return chosen[0]


def listed(names: Collection[str]) -> str:
    """The first names in alphabetical order, and how many more there are."""
    ordered = sorted(names)
    more = f", and {len(ordered) - MAX_LISTED} more" if len(ordered) > MAX_LISTED else ""
    return ", ".join(ordered[:MAX_LISTED]) + more


def _wrappers(layout: Layout, names: Collection[str]) -> list[str]:
    """What stands before a layout's names wherever all of its marks are there."""
    mark, *others = layout.marks
    wrappers = (name.removesuffix(mark) for name in names if name == mark or name.endswith(f".{mark}"))
    return [wrapper for wrapper in wrappers if all(wrapper + other in names for other in others)]


def _rank(network: Found) -> int:
    """The order in which networks of one file are taken."""
    if AVERAGED.search(network.place):
        return 0
    last = network.state.keys[-1] if network.state.keys else ""
    return 1 + (STATE_KEYS.index(last) if last in STATE_KEYS else len(STATE_KEYS))
