"""The chart of an ablation: CCC of every arm on the test songs, with intervals."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.teacher.gan.ablation import AblationRecord

_OFFSET = 0.2
"""Distance between the marks of one arm."""

_COLOURS = {"valence": LIGHT.first, "arousal": LIGHT.second, "mean": LIGHT.ink}


def draw_ablation(path: Path, record: AblationRecord) -> None:
    """Draw CCC on test songs by arm: valence, arousal and mean, with bootstrap intervals.

    Args:
        path: The .png or .svg file.
        record: The ablation.

    Raises:
        OutputError: The file cannot be written.
    """

    def draw(axes: Axes) -> None:
        for offset, (name, colour) in zip((-_OFFSET, 0.0, _OFFSET), _COLOURS.items(), strict=True):
            for row, result in enumerate(record.arms):
                _mark(axes, result.ccc[name], y=row + offset, colour=colour, label=name if row == 0 else None)
        axes.set_yticks(range(len(record.arms)), [result.arm for result in record.arms])
        axes.invert_yaxis()
        axes.set_xlabel(f"CCC on {record.songs['test']} real test songs, 95% interval over songs")
        axes.legend(loc="best", frameon=False)

    write_chart(path, (8, 4), draw)


def _mark(axes: Axes, interval: Interval, *, y: float, colour: str, label: str | None) -> None:
    if interval.value is None or interval.low is None or interval.high is None:
        return
    axes.plot([interval.low, interval.high], [y, y], color=colour, linewidth=2)
    axes.plot([interval.value], [y], "o", color=colour, label=label)
