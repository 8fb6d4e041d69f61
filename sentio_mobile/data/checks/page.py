"""The report of `data check`: one HTML page with its charts inside, and the same facts as JSON beside it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, Chart, draw_cells, make_chart
from sentio_mobile._internal.pages import write_page
from sentio_mobile._internal.records import write_record
from sentio_mobile.data.checks.duplicates import MAX_NEIGHBOURS
from sentio_mobile.data.checks.fingerprint import MAX_DISTANCE_DB, MIN_SIMILARITY
from sentio_mobile.data.checks.label_distribution import SIGNIFICANCE
from sentio_mobile.data.checks.report import CheckReport, labels_of
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.splits import GRID
from sentio_mobile.spec import OUTPUTS

PAGE, FACTS = "check.html", "check.json"

_LINES: Sequence[tuple[str, Any]] = ((LIGHT.faint, "-"), (LIGHT.second, (0, (4, 2))), (LIGHT.first, (0, (1, 1))))
"""Colour and dashes of each split's line."""


def write_check(folder: Path, data: PreparedData, report: CheckReport) -> None:
    """Write check.html and check.json.

    Args:
        folder: Folder to write to. It is created if it is missing.
        data: The prepared folder.
        report: What `check_data` found in it.

    Raises:
        DataError: songs.csv cannot be read.
        OutputError: `folder` cannot be written.
    """
    songs = [clip for clip in read_clip_rows(data.folder / SONGS) if clip.window == 0]
    labels = {
        split.name: labels_of([song for song in songs if song.split == split.name])
        for split in report.splits
        if split.grid is not None
    }
    curves = [
        labels_chart(dimension, {split: values[:, i] for split, values in labels.items()})
        for i, dimension in enumerate(OUTPUTS)
        if labels
    ]
    name = data.folder.resolve().name
    values = {
        "name": name,
        "command_name": shlex.quote(name),
        "report": report,
        "sheet": data.sheet,
        "audio": data.audio,
        "songs": len(songs),
        "grids": [(s.name, grid_chart(s.name, s.grid)) for s in report.splits if s.grid is not None],
        "curves": curves,
        "lengths": lengths_chart(np.array([song.seconds for song in songs]), data.audio.seconds),
        "limits": {
            "significance": SIGNIFICANCE,
            "distance": MAX_DISTANCE_DB,
            "similarity": MIN_SIMILARITY,
            "neighbours": MAX_NEIGHBOURS,
        },
    }
    write_page(folder / PAGE, Path(__file__).with_name("check.html.j2"), values)
    write_record(folder / FACTS, report)


def grid_chart(name: str, grid: Sequence[Sequence[int]]) -> Chart:
    """Chart of a split's songs in each cell of the plane.

    Args:
        name: Name of the split.
        grid: Counts [valence][arousal], from low to high.
    """
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
    """Chart of the cumulative distribution of one label in each split: the curves that the test compares.

    Args:
        dimension: Name of the label.
        splits: Labels of each split's songs [songs].
    """

    def draw(axes: Axes) -> None:
        for (name, values), (colour, dash) in zip(splits.items(), _LINES, strict=False):
            values = np.sort(values[np.isfinite(values)])
            x = np.concatenate([[-1.0], values, [1.0]])
            y = np.concatenate([[0.0], np.arange(1, len(values) + 1) / max(1, len(values)), [1.0]])
            axes.step(x, y, where="post", color=colour, linestyle=dash, linewidth=1.6, label=name)
        ticks = (-1, -0.5, 0, 0.5, 1)
        axes.set(xlim=(-1, 1), ylim=(0, 1), xticks=ticks, xlabel=dimension, ylabel="share of songs up to it")
        axes.grid(color=LIGHT.line, linewidth=0.6)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=LIGHT.ink)

    medians = "; ".join(f"{name} median {np.nanmedian(values):+.2f}" for name, values in splits.items())
    return make_chart(draw, (3.6, 2.9), f"Cumulative shares of songs over {dimension}: {medians}.")


def lengths_chart(seconds: NDArray[np.float64], clip: float) -> Chart:
    """Chart of the lengths of the files.

    Args:
        seconds: Length of each file in seconds [songs].
        clip: Length of a clip in seconds.
    """

    def draw(axes: Axes) -> None:
        high = max(float(seconds.max()), clip)
        axes.hist(seconds, bins=np.linspace(0, high * 1.05, 43).tolist(), color=LIGHT.first, alpha=0.65)
        axes.axvline(clip, color=LIGHT.second, linewidth=1.2, linestyle=(0, (4, 2)), label=f"a clip: {clip:g} s")
        axes.set(xlabel="length of the file in seconds", ylabel="songs", xlim=(0, high * 1.05))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, labelcolor=LIGHT.ink)

    low, middle, high = float(seconds.min()), float(np.median(seconds)), float(seconds.max())
    alt = f"Lengths of {len(seconds)} files: from {low:.1f} to {high:.1f} s, median {middle:.1f} s."
    return make_chart(draw, (4.4, 2.5), alt)
