"""The ablation as a picture: every arm's agreement, and its gain over real songs only, with intervals."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from sentio_mobile._internal.charts import LIGHT
from sentio_mobile._internal.picture import write_picture
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.gan.ablation import Outcome

_STEP = 0.2
"""Between the marks of one arm."""


def draw_ablation(place: Path, outcomes: tuple[Outcome, ...], songs: int) -> None:
    """Draw CCC on test songs by arm: valence, arousal and mean, with bootstrap intervals.

    Args:
        place: a .png or .svg file.
        outcomes: as `ablate` gives them.
        songs: how many test songs there are.

    Raises:
        OutputError: the file cannot be written.
    """

    def draw(axes: Axes) -> None:
        colours = dict(zip((*OUTPUTS, "mean"), (LIGHT.first, LIGHT.second, LIGHT.ink), strict=True))
        for offset, (name, colour) in zip((-_STEP, 0.0, _STEP), colours.items(), strict=True):
            for row, outcome in enumerate(outcomes):
                _mark(axes, outcome.agreement[name], y=row + offset, colour=colour, label=name if row == 0 else None)
        axes.set_yticks(range(len(outcomes)), [outcome.arm for outcome in outcomes])
        axes.invert_yaxis()
        axes.set_xlabel(f"CCC on {songs} real test songs, 95% interval over songs")
        axes.legend(loc="best", frameon=False)

    write_picture(place, (8, 4), draw)


def _mark(axes: Axes, interval: Interval, *, y: float, colour: str, label: str | None) -> None:
    if interval.value is None or interval.low is None or interval.high is None:
        return
    axes.plot([interval.low, interval.high], [y, y], color=colour, linewidth=2)
    axes.plot([interval.value], [y], "o", color=colour, label=label)
