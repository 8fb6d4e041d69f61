"""Charts of predictions: a song over time, or songs on the valence-arousal plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.songs import clock
from sentio_mobile.inference.write import CHART_SUFFIXES, check_output_file

_MAX_NAMES = 12
"""Largest number of songs that are labelled in the plane: more labels would hide each other."""

_LINE_HEIGHT = 0.065
"""Height of a label in the plane, in units of arousal."""

_STEPS: tuple[int, ...] = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Distances of ticks, in seconds, that are round on a clock."""


def plot_trajectory(path: Path, emotions: Sequence[Emotion]) -> None:
    """Draw valence and arousal of one song over time, a point at the middle of each window, intervals as bands.

    Args:
        path: A .png or .svg file to write.
        emotions: Predictions for one song, at least one.

    Raises:
        InputError: The suffix is another one.
        OutputError: The file cannot be written.
    """

    def draw(axes: Axes) -> None:
        times = [emotion.time for emotion in emotions]
        marker = "o" if len(emotions) <= 60 else ""
        for name, colour in (("valence", LIGHT.first), ("arousal", LIGHT.second)):
            values = [getattr(emotion, name) for emotion in emotions]
            axes.plot(times, values, color=colour, linewidth=1.6, marker=marker, markersize=3, label=name)
            bounds = [emotion.intervals[name] for emotion in emotions if emotion.intervals is not None]
            if len(bounds) == len(times):
                low, high = zip(*bounds, strict=True)
                axes.fill_between(times, low, high, color=colour, alpha=0.12, linewidth=0)
        first, last = emotions[0].start, max(emotions[-1].end, emotions[0].start + 1)
        step = next((step for step in _STEPS if (last - first) / step <= 8), _STEPS[-1])
        axes.xaxis.set_major_locator(MultipleLocator(step))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
        axes.axhline(0, color=LIGHT.faint, linewidth=0.7, zorder=0)
        axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
        unit = "h:mm:ss" if last >= 3600 else "min:s"
        axes.set(xlim=(first, last), ylim=(-1.02, 1.02), yticks=(-1, -0.5, 0, 0.5, 1), ylabel="value, -1 to 1")
        length = emotions[0].end - emotions[0].start
        axes.set_xlabel(f"time ({unit}); a point stands in the middle of its {length:.3g} s{_interval_note(emotions)}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0.2)
        axes.set_title(_short(emotions[0].song), loc="left", fontsize=10, parse_math=False)

    check_output_file(path, CHART_SUFFIXES)
    write_chart(path, (7.5, 3.2), draw)


def plot_plane(path: Path, emotions: Sequence[Emotion]) -> None:
    """Draw songs on the valence-arousal plane; up to 12 of them with names and intervals.

    Args:
        path: A .png or .svg file to write.
        emotions: Predictions, one a song, at least one.

    Raises:
        InputError: The suffix is another one.
        OutputError: The file cannot be written.
    """

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=LIGHT.line, linewidth=0.8, zorder=0)
        axes.axvline(0, color=LIGHT.line, linewidth=0.8, zorder=0)
        axes.plot(
            [emotion.valence for emotion in emotions],
            [emotion.arousal for emotion in emotions],
            linestyle="",
            marker="o",
            markersize=5,
            markeredgewidth=0,
            color=LIGHT.first,
            alpha=0.75,
        )
        labelled = sorted(emotions, key=lambda emotion: emotion.arousal) if len(emotions) <= _MAX_NAMES else []
        for emotion, height in zip(labelled, _spread_labels([emotion.arousal for emotion in labelled]), strict=True):
            if emotion.intervals is not None:
                low, high = zip(*(emotion.intervals[name] for name in ("valence", "arousal")), strict=True)
                axes.plot(
                    (low[0], high[0]), (emotion.arousal, emotion.arousal), color=LIGHT.first, alpha=0.4, linewidth=0.8
                )
                axes.plot(
                    (emotion.valence, emotion.valence), (low[1], high[1]), color=LIGHT.first, alpha=0.4, linewidth=0.8
                )
            side = 1 if emotion.valence < 0.4 else -1
            axes.annotate(
                _short(Path(emotion.song).name, 26),
                (emotion.valence, emotion.arousal),
                (emotion.valence + 0.08 * side, height + _LINE_HEIGHT / 2),
                fontsize=8,
                va="center",
                ha="left" if side > 0 else "right",
                parse_math=False,
                arrowprops={
                    "arrowstyle": "-",
                    "color": LIGHT.faint,
                    "linewidth": 0.5,
                    "shrinkB": 3,
                    "relpos": (side < 0, 0.5),
                },
            )
        ticks = (-1, -0.5, 0, 0.5, 1)
        axes.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04), xticks=ticks, yticks=ticks, aspect="equal")
        axes.set_xlabel(f"valence, -1 (unpleasant) to 1 (pleasant){_interval_note(labelled)}")
        axes.set_ylabel("arousal, -1 (calm) to 1 (energetic)")

    check_output_file(path, CHART_SUFFIXES)
    write_chart(path, (5, 5), draw)


def _interval_note(emotions: Sequence[Emotion]) -> str:
    """The coverage of the intervals in a chart; empty where it has none."""
    uncertainty = emotions[0].uncertainty if emotions else None
    return "" if uncertainty is None else f"; {uncertainty.coverage:.0%} intervals"


def _spread_labels(heights: Sequence[float]) -> list[float]:
    """Heights in ascending order, moved apart so that lines of text at them do not touch."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _LINE_HEIGHT) if placed else height)
    over = max(0.0, placed[-1] - 1) if placed else 0.0
    return [height - over for height in placed]


def _short(name: str, max_length: int = 60) -> str:
    """The end of a long name, where the song's own name stands."""
    line = " ".join(name.split())
    return line if len(line) <= max_length else "…" + line[1 - max_length :]
