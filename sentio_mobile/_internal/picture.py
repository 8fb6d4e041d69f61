"""A drawing as a file of its own, in the project's style."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sentio_mobile._internal.charts import STYLE
from sentio_mobile._internal.files import write_bytes


def write_picture(place: Path, inches: tuple[float, float], draw: Callable[[Axes], None]) -> None:
    """Draw on white paper, and move the complete file to its place.

    Args:
        place: a .png or .svg file.
        inches: width and height.
        draw: draws on empty axes with the colours of `pages.chart.LIGHT`.

    Raises:
        OutputError: the file cannot be written.
    """
    file = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A song may be called by letters that the font lacks: a box stands for them, which is no matter for a warning.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=inches, dpi=160, layout="constrained", facecolor="white")
        draw(figure.add_subplot())
        kind = place.suffix.lower().removeprefix(".")
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_bytes(place, file.getvalue())
