"""Pictures as SVG that needs no network, each in a light and a dark version, in the project's colours."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one version, all different, so that each can be put for its counterpart.

    The hues of `first` and `second` stay apart for colour-blind eyes and against their background.
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
    """One picture: data URIs of both versions, the words for whoever does not see it, and its size in CSS pixels."""

    light: str
    dark: str
    alt: str
    width: int
    height: int


def make_chart(draw: Callable[[Axes], None], inches: tuple[float, float], alt: str) -> Chart:
    """Draw once, in the light colours; the dark version is the same with each of them replaced.

    Args:
        draw: draws on empty axes with the colours of `LIGHT`.
        inches: width and height.
        alt: what the picture says, in words.
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
    """The lines and the scale of the valence-arousal plane, cut into `cells` by `cells`; a cell is 1 wide and high."""
    for edge in range(cells + 1):
        axes.plot([0, cells], [edge, edge], color=LIGHT.line, linewidth=0.6)
        axes.plot([edge, edge], [0, cells], color=LIGHT.line, linewidth=0.6)
    edges = [f"{2 * edge / cells - 1:+.1f}" for edge in range(cells + 1)]
    axes.set(xlim=(0, cells), ylim=(0, cells), xlabel=x, ylabel=y, aspect="equal")
    axes.set_xticks(range(cells + 1), edges)
    axes.set_yticks(range(cells + 1), edges)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=5)


def _uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
