"""Charts in the project's style: as SVG inside pages, with a light and a dark version, and as image files."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sentio_mobile._internal.files import write_bytes


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one version. They are all different, so that each can be replaced by its counterpart.

    Colour-blind readers can tell `first` from `second`, and both from the background.
    """

    paper: str
    ink: str
    faint: str
    line: str
    first: str
    second: str


LIGHT = Palette(paper="#fdfdfc", ink="#24262b", faint="#5f646d", line="#d5d7db", first="#0b5cad", second="#a34a00")
DARK = Palette(paper="#17181b", ink="#e4e6ea", faint="#a3a8b1", line="#3b3f46", first="#7ab8f5", second="#f0a35e")

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "sentio-mobile",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "text.color": LIGHT.ink,
    "axes.labelcolor": LIGHT.ink,
    "axes.edgecolor": LIGHT.faint,
    "xtick.color": LIGHT.faint,
    "ytick.color": LIGHT.faint,
}


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart: data URIs of both versions, a description for screen readers, and the size in CSS pixels."""

    light: str
    dark: str
    alt: str
    width: int
    height: int


def make_chart(draw: Callable[[Axes], None], inches: tuple[float, float], alt: str) -> Chart:
    """Draw a chart in the light colours. The dark version is the same SVG with each colour replaced.

    Args:
        draw: Draws on empty axes with the colours of `LIGHT`.
        inches: Width and height.
        alt: Description of what the chart shows.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_facecolor("none")
        draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    light = dark = file.getvalue()
    for name, colour in asdict(LIGHT).items():
        dark = dark.replace(colour, getattr(DARK, name))
    return Chart(light=_uri(light), dark=_uri(dark), alt=alt, width=round(inches[0] * 96), height=round(inches[1] * 96))


def draw_cells(axes: Axes, cells: int, x: str, y: str) -> None:
    """Draw the grid and scale of the valence-arousal plane, `cells` by `cells`. A cell is 1 wide and 1 high."""
    for edge in range(cells + 1):
        axes.plot([0, cells], [edge, edge], color=LIGHT.line, linewidth=0.6)
        axes.plot([edge, edge], [0, cells], color=LIGHT.line, linewidth=0.6)
    edges = [f"{2 * edge / cells - 1:+.1f}" for edge in range(cells + 1)]
    axes.set(xlim=(0, cells), ylim=(0, cells), xlabel=x, ylabel=y, aspect="equal")
    axes.set_xticks(range(cells + 1), edges)
    axes.set_yticks(range(cells + 1), edges)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=5)


def write_chart(path: Path, inches: tuple[float, float], draw: Callable[[Axes], None]) -> None:
    """Draw a chart on a white background and write it as a file.

    Args:
        path: A .png or .svg file.
        inches: Width and height.
        draw: Draws on empty axes with the colours of `LIGHT`.

    Raises:
        OutputError: The file cannot be written.
    """
    file = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The font lacks some letters that song names have. It draws a box for them, which needs no warning.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=inches, dpi=160, layout="constrained", facecolor="white")
        draw(figure.add_subplot())
        kind = path.suffix.lower().removeprefix(".")
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_bytes(path, file.getvalue())


def _uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
