"""The chart of a probe's predictions over time."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile.teacher.probe.listen import TimeCourse


def plot_time_course(path: Path, course: TimeCourse) -> None:
    """Draw valence and arousal over the time of a clip.

    Args:
        path: The .png or .svg file to write.
        course: The predictions to draw.

    Raises:
        OutputError: The file cannot be written.
    """

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=LIGHT.line, linewidth=0.8)
        curves = (
            ("valence", course.valences, course.valence, LIGHT.first, "-"),
            ("arousal", course.arousals, course.arousal, LIGHT.second, "--"),
        )
        for name, values, whole, colour, style in curves:
            axes.plot(course.times, values, style, color=colour, marker="o", markersize=3, label=f"{name} {whole:+.2f}")
        axes.set(xlim=(course.start, course.end), ylim=(-1, 1), xlabel="time (s)", ylabel="prediction, -1 to 1")
        axes.legend(loc="upper right", frameon=False, ncols=2)
        name = " ".join(Path(course.song).name.split())
        short = name if len(name) <= 40 else "…" + name[-39:]
        title = f"{short}: each point predicts the {course.window:.1f} s around it"
        axes.set_title(title, loc="left", fontsize=9, parse_math=False)

    write_chart(path, (8, 3), draw)
