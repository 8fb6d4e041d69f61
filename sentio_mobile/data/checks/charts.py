"""The pictures of `data check`: the plane, the labels and the lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, Chart, draw_cells, make_chart
from sentio_mobile.data.splits import GRID

_LOOKS: Sequence[tuple[str, Any]] = ((LIGHT.faint, "-"), (LIGHT.second, (0, (4, 2))), (LIGHT.first, (0, (1, 1))))


def grid_chart(name: str, grid: Sequence[Sequence[int]]) -> Chart:
    """Songs of one split in each cell of the plane; `grid` is [valence][arousal], from low to high."""
    counts = np.array(grid)

    def draw(axes: Axes) -> None:
        for valence, arousal in np.ndindex(counts.shape):
            count = int(counts[valence, arousal])
            shade = 0.65 * count / max(1, counts.max())
            axes.add_patch(Rectangle((valence, arousal), 1, 1, facecolor=LIGHT.first, alpha=shade, linewidth=0))
            colour = LIGHT.ink if count else LIGHT.faint
            axes.text(valence + 0.5, arousal + 0.5, str(count), ha="center", va="center", color=colour)
        draw_cells(axes, GRID, "valence", "arousal")

    filled = int((counts > 0).sum())
    return make_chart(
        draw, (3.1, 3.0), f"{name}: {counts.sum()} songs in {filled} of {GRID * GRID} cells of the plane."
    )


def labels_chart(dimension: str, splits: Mapping[str, NDArray[np.float64]]) -> Chart:
    """For each split [songs] the share of its songs whose label is at most x: the curves that the test compares."""

    def draw(axes: Axes) -> None:
        for (name, values), (colour, dash) in zip(splits.items(), _LOOKS, strict=False):
            values = np.sort(values[np.isfinite(values)])
            x = np.concatenate([[-1.0], values, [1.0]])
            y = np.concatenate([[0.0], np.arange(1, len(values) + 1) / max(1, len(values)), [1.0]])
            axes.step(x, y, where="post", color=colour, linestyle=dash, linewidth=1.6, label=name)
        ticks = (-1, -0.5, 0, 0.5, 1)
        axes.set(xlim=(-1, 1), ylim=(0, 1), xticks=ticks, xlabel=dimension, ylabel="share of songs up to it")
        axes.grid(color=LIGHT.line, linewidth=0.6)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=LIGHT.ink)

    said = "; ".join(f"{name} median {np.nanmedian(values):+.2f}" for name, values in splits.items())
    return make_chart(draw, (3.6, 2.9), f"Cumulative shares of songs over {dimension}: {said}.")


def lengths_chart(seconds: NDArray[np.float64], clip: float) -> Chart:
    """How long the files are [songs], beside the length of a clip."""

    def draw(axes: Axes) -> None:
        high = max(float(seconds.max()), clip)
        axes.hist(seconds, bins=np.linspace(0, high * 1.05, 43).tolist(), color=LIGHT.first, alpha=0.65)
        axes.axvline(clip, color=LIGHT.second, linewidth=1.2, linestyle=(0, (4, 2)), label=f"a clip: {clip:g} s")
        axes.set(xlabel="length of the file in seconds", ylabel="songs", xlim=(0, high * 1.05))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, labelcolor=LIGHT.ink)

    low, middle, high = float(seconds.min()), float(np.median(seconds)), float(seconds.max())
    alt = f"Lengths of {len(seconds)} files: from {low:.1f} to {high:.1f} s, median {middle:.1f} s."
    return make_chart(draw, (4.4, 2.5), alt)
