"""Answers as a picture: a song's course over time, or songs on the plane of valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

from sentio_mobile._internal.charts import LIGHT
from sentio_mobile._internal.picture import write_picture
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.songs import clock
from sentio_mobile.inference.write import PICTURES, check_place

_MOST_NAMES = 12
"""Songs that are named in the plane: the names of more would hide each other."""

_LINE_HEIGHT = 0.065
"""Height of a name in the plane, on its scale."""

_STEPS: tuple[int, ...] = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds between ticks that a reader of clocks finds round."""


def plot_trajectory(place: Path, answers: Sequence[Emotion]) -> None:
    """Valence and arousal of one song over time, a point at the middle of each window; intervals as bands.

    Args:
        place: a .png or .svg file to write.
        answers: of one song, at least one.

    Raises:
        InputError: the ending is neither.
        OutputError: the file cannot be written.
    """

    def draw(axes: Axes) -> None:
        times = [answer.time for answer in answers]
        marker = "o" if len(answers) <= 60 else ""
        for name, colour in (("valence", LIGHT.first), ("arousal", LIGHT.second)):
            values = [getattr(answer, name) for answer in answers]
            axes.plot(times, values, color=colour, linewidth=1.6, marker=marker, markersize=3, label=name)
            bounds = [answer.intervals[name] for answer in answers if answer.intervals is not None]
            if len(bounds) == len(times):
                low, high = zip(*bounds, strict=True)
                axes.fill_between(times, low, high, color=colour, alpha=0.12, linewidth=0)
        first, last = answers[0].start, max(answers[-1].end, answers[0].start + 1)
        step = next((step for step in _STEPS if (last - first) / step <= 8), _STEPS[-1])
        axes.xaxis.set_major_locator(MultipleLocator(step))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
        axes.axhline(0, color=LIGHT.faint, linewidth=0.7, zorder=0)
        axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
        unit = "h:mm:ss" if last >= 3600 else "min:s"
        axes.set(xlim=(first, last), ylim=(-1.02, 1.02), yticks=(-1, -0.5, 0, 0.5, 1), ylabel="value, -1 to 1")
        length = answers[0].end - answers[0].start
        axes.set_xlabel(f"time ({unit}); a point stands in the middle of its {length:.3g} s{_said(answers)}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0.2)
        axes.set_title(_short(answers[0].song), loc="left", fontsize=10, parse_math=False)

    check_place(place, PICTURES)
    write_picture(place, (7.5, 3.2), draw)


def plot_plane(place: Path, answers: Sequence[Emotion]) -> None:
    """Songs on the plane of valence and arousal; few of them with their names and intervals.

    Args:
        place: a .png or .svg file to write.
        answers: at least one.

    Raises:
        InputError: the ending is neither.
        OutputError: the file cannot be written.
    """

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=LIGHT.line, linewidth=0.8, zorder=0)
        axes.axvline(0, color=LIGHT.line, linewidth=0.8, zorder=0)
        axes.plot(
            [answer.valence for answer in answers],
            [answer.arousal for answer in answers],
            linestyle="",
            marker="o",
            markersize=5,
            markeredgewidth=0,
            color=LIGHT.first,
            alpha=0.75,
        )
        named = sorted(answers, key=lambda answer: answer.arousal) if len(answers) <= _MOST_NAMES else []
        for answer, height in zip(named, _apart([answer.arousal for answer in named]), strict=True):
            if answer.intervals is not None:
                low, high = zip(*(answer.intervals[name] for name in ("valence", "arousal")), strict=True)
                axes.plot(
                    (low[0], high[0]), (answer.arousal, answer.arousal), color=LIGHT.first, alpha=0.4, linewidth=0.8
                )
                axes.plot(
                    (answer.valence, answer.valence), (low[1], high[1]), color=LIGHT.first, alpha=0.4, linewidth=0.8
                )
            side = 1 if answer.valence < 0.4 else -1
            axes.annotate(
                _short(Path(answer.song).name, 26),
                (answer.valence, answer.arousal),
                (answer.valence + 0.08 * side, height + _LINE_HEIGHT / 2),
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
        axes.set_xlabel(f"valence, -1 (unpleasant) to 1 (pleasant){_said(named)}")
        axes.set_ylabel("arousal, -1 (calm) to 1 (energetic)")

    check_place(place, PICTURES)
    write_picture(place, (5, 5), draw)


def _said(answers: Sequence[Emotion]) -> str:
    """What the intervals in a picture are, where it has some."""
    known = answers[0].uncertainty if answers else None
    return "" if known is None else f"; {known.coverage:.0%} intervals"


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights in ascending order, moved so far that lines of text at them do not touch."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _LINE_HEIGHT) if placed else height)
    over = max(0.0, placed[-1] - 1) if placed else 0.0
    return [height - over for height in placed]


def _short(name: str, most: int = 60) -> str:
    """A name that fits its place; its end, where the song is named, stays."""
    line = " ".join(name.split())
    return line if len(line) <= most else "…" + line[1 - most :]
