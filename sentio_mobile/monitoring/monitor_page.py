"""The page of a monitoring: what asks for retraining, week by week."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from sentio_mobile._internal.charts import LIGHT, Chart, make_chart
from sentio_mobile._internal.pages import write_page
from sentio_mobile._internal.records import write_record
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.monitoring.monitor_records import Monitoring
from sentio_mobile.spec import OUTPUTS

PAGE, FACTS = "monitor.html", "monitor.json"
SHOWN_WEEKS = 104
"""Newest weeks that the page shows; JSON has all of them."""

_INCHES = (4.8, 2.4)
"""So small that its words can be read on a phone."""


def write_monitoring(folder: Path, found: Monitoring) -> None:
    """Write monitor.html and monitor.json.

    Raises:
        OutputError: They cannot be written.
    """
    weeks = found.weeks[-SHOWN_WEEKS:]
    view = {
        "found": found,
        "weeks": weeks[::-1],
        "drift_chart": _drift_chart(found),
        "ccc_chart": _ccc_chart(found),
        "outputs": OUTPUTS,
        "chance": found.settings.false_alarms * found.tested_weeks,
    }
    write_page(folder / PAGE, Path(__file__).with_name("monitor.html.j2"), view)
    write_record(folder / FACTS, found)


def _drift_chart(found: Monitoring) -> Chart | None:
    weeks = found.weeks[-SHOWN_WEEKS:]
    if not any(week.drift for week in weeks):
        return None
    series = {
        name: [next((one.ks for one in week.drift if one.quantity == name), None) for week in weeks] for name in OUTPUTS
    }

    def draw(axes: Axes) -> None:
        styles = ((LIGHT.first, "o", -0.1), (LIGHT.second, "s", 0.1))
        for (name, values), (colour, mark, aside) in zip(series.items(), styles, strict=True):
            _line(axes, values, colour=colour, mark=mark, label=name, aside=aside)
        axes.axhline(found.settings.min_ks, color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(ylabel="KS against the reference", ylim=(0, None))
        _weeks(axes, [week.name for week in weeks])

    named = ", ".join(week.name for week in weeks if week.drifted) or "none"
    return make_chart(
        draw, _INCHES, f"KS of valence and arousal by week, with 95% intervals. Weeks with drift: {named}."
    )


def _ccc_chart(found: Monitoring) -> Chart | None:
    weeks = found.weeks[-SHOWN_WEEKS:]
    values = [week.judged.ccc["mean"] if week.judged else None for week in weeks]
    if not any(one is not None and one.value is not None for one in values):
        return None

    def draw(axes: Axes) -> None:
        _line(axes, values, colour=LIGHT.first, mark="o", label="mean CCC", aside=0.0)
        axes.axhline(found.settings.floor, color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(ylabel="mean CCC", ylim=(None, 1))
        _weeks(axes, [week.name for week in weeks])

    recent = found.recent.ccc["mean"] if found.recent else "undefined"
    return make_chart(draw, _INCHES, f"Mean CCC by week, with 95% intervals. In the newest weeks it is {recent}.")


def _line(axes: Axes, values: Sequence[Interval | None], *, colour: str, mark: str, label: str, aside: float) -> None:
    known = [
        (at + aside, one.value, one.low, one.high)
        for at, one in enumerate(values)
        if one is not None and one.value is not None and one.low is not None and one.high is not None
    ]
    for x, _, low, high in known:
        axes.plot([x, x], [low, high], color=colour, linewidth=0.9, alpha=0.6)
    axes.plot(
        [x for x, *_ in known],
        [value for _, value, *_ in known],
        color=colour,
        marker=mark,
        markersize=3.5,
        linewidth=1.1,
        label=label,
    )


def _weeks(axes: Axes, names: Sequence[str]) -> None:
    step = max(1, -(-len(names) // 8))
    axes.set_xticks(range(0, len(names), step), names[::step])
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=LIGHT.ink)
