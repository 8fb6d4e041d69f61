"""The table of layouts that can be imported, and which of them a file has."""

from __future__ import annotations

from collections.abc import Collection

from sentio_mobile.teacher.import_weights.huggingface import HUGGING_FACE, HUGGING_FACE_5
from sentio_mobile.teacher.import_weights.layout import Layout
from sentio_mobile.teacher.import_weights.notebook import NOTEBOOK, NOTEBOOK_5
from sentio_mobile.teacher.import_weights.timm import TIMM
from sentio_mobile.teacher.import_weights.torchvision import TORCHVISION, TORCHVISION_OLD

LAYOUTS: tuple[Layout, ...] = (
    # Before Hugging Face's own: the same names and a head.
    NOTEBOOK,
    NOTEBOOK_5,
    HUGGING_FACE,
    HUGGING_FACE_5,
    TORCHVISION,
    TORCHVISION_OLD,
    TIMM,
)


def find_layout(names: Collection[str]) -> tuple[Layout, str] | None:
    """The layout of a file that has these names, and the prefix before those of its backbone."""
    there = frozenset(names)
    for layout in LAYOUTS:
        prefix = layout.prefix_in(there)
        if prefix is not None:
            return layout, prefix
    return None
