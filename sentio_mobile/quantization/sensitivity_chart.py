"""The ranking of layers as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from sentio_mobile._internal.charts import LIGHT
from sentio_mobile._internal.picture import write_picture
from sentio_mobile.quantization.sensitivity import Sensitivity

_ROW = 0.19
"""Inches."""


def draw_sensitivity(place: Path, found: Sensitivity) -> None:
    """Draw a bar for each layer, the worst on top, and a mark where the largest change of any answer is.

    Args:
        place: a .png or .svg file.
        found: as `rank_layers` gives it.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [(cost.layer, cost.change) for cost in found.layers]
    rows = [("all at once", found.together), *rows]

    def draw(axes: Axes) -> None:
        for row, (_, change) in enumerate(rows):
            axes.barh(row, change.rms, height=0.7, color=LIGHT.second if row == 0 else LIGHT.first)
            axes.plot([change.largest], [row], "|", color=LIGHT.ink, label="largest" if row == 0 else None)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel(f"change of the answers when this layer alone is INT8: root mean square, {found.clips} clips")
        axes.legend(loc="lower right", frameon=False)

    write_picture(place, (8, 1 + _ROW * len(rows)), draw)
