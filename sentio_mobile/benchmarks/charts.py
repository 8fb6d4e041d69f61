"""The report's pictures."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from sentio_mobile._internal.charts import LIGHT, Chart, make_chart
from sentio_mobile.benchmarks.scores import DIMENSIONS, History, Scores, SetScores
from sentio_mobile.spec import OUTPUTS

COLOURS = {"student": LIGHT.first, "teacher": LIGHT.second}
MOST_SONGS = 200
"""Songs that a picture shows at most; more would be a blot in a large file."""


def agreement_chart(scores: Scores) -> Chart:
    """CCC with its interval for teacher and student, a row for each dimension."""
    sides = [(name, s) for name, s in (("teacher", scores.teacher), ("student", scores.student)) if s is not None]

    def draw(axes: Axes) -> None:
        for row, dimension in enumerate(DIMENSIONS):
            for offset, (name, side) in zip((-0.14, 0.14), sides, strict=False):
                figure = side.ccc[dimension]
                if figure.value is None or figure.low is None or figure.high is None:
                    continue
                colour = COLOURS[name]
                y = row + (offset if len(sides) == 2 else 0)
                label = name if row == 0 else None
                axes.plot([figure.low, figure.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="round")
                marker = "s" if name == "teacher" else "o"
                axes.plot([figure.value], [y], marker=marker, color=colour, markersize=5.5, linestyle="", label=label)
        lows = [side.ccc[d].low or 0.0 for _, side in sides for d in DIMENSIONS]
        axes.set(xlim=(min(0.0, *lows) - 0.02, 1.02), ylim=(len(DIMENSIONS) - 0.5, -0.5), xlabel="CCC (1 is perfect)")
        axes.set_yticks(range(len(DIMENSIONS)), DIMENSIONS)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=LIGHT.line, linewidth=0.6)
        _legend(axes)

    said = "; ".join(f"{name} {d} {side.ccc[d]}" for name, side in sides for d in DIMENSIONS)
    return make_chart(draw, (3.6, 2.2), f"CCC on the test songs with 95% intervals: {said}.")


def plane_chart(scores: SetScores) -> Chart:
    """The valence-arousal plane with an arrow from each song's label to the model's answer."""
    shown = _shown(scores)

    def draw(axes: Axes) -> None:
        start, end = scores.truth[shown], scores.predicted[shown]
        axes.axhline(0, color=LIGHT.line, linewidth=0.6, zorder=0)
        axes.axvline(0, color=LIGHT.line, linewidth=0.6, zorder=0)
        for x, y, word in ((-1, 1, "tense"), (1, 1, "joyful"), (-1, -1, "sad"), (1, -1, "peaceful")):
            align = "left" if x < 0 else "right"
            text = axes.text(x * 0.97, y * 0.97, word, ha=align, va="top" if y > 0 else "bottom", color=LIGHT.faint)
            text.set_path_effects([withStroke(linewidth=3, foreground=LIGHT.paper)])
        axes.quiver(
            *start.T,
            *(end - start).T,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.0032,
            headwidth=5,
            headlength=5,
            headaxislength=4.5,
            color=LIGHT.first,
            alpha=0.55,
        )
        axes.plot(*start.T, linestyle="", marker="o", markersize=3, color=LIGHT.ink)
        _square(axes, "valence", "arousal")

    distance = float(np.linalg.norm(scores.predicted - scores.truth, axis=1).mean())
    alt = (
        f"The plane of valence and arousal with {len(shown)} songs: arrows from the label to the answer, "
        f"{distance:.2f} long on average."
    )
    return make_chart(draw, (4.6, 4.6), alt)


def scatter_chart(scores: SetScores, output: int) -> Chart:
    """Answers against labels for one output, with the line where they are equal."""
    shown, name = _shown(scores), OUTPUTS[output]

    def draw(axes: Axes) -> None:
        axes.plot([-1, 1], [-1, 1], color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.plot(
            scores.truth[shown, output],
            scores.predicted[shown, output],
            linestyle="",
            marker="o",
            markersize=3.5,
            markeredgewidth=0,
            color=LIGHT.first,
            alpha=0.7,
        )
        _square(axes, f"{name}: label", f"{name}: answer")

    alt = (
        f"Answers against labels of {len(shown)} songs for {name}; CCC {scores.ccc[name]}. The dashed line is perfect."
    )
    return make_chart(draw, (3.6, 3.6), alt)


def history_chart(history: History, who: str) -> Chart:
    """CCC on the validation songs, epoch by epoch."""

    def draw(axes: Axes) -> None:
        for name, dash in zip(OUTPUTS, ("-", (0, (4, 2))), strict=True):
            values = [np.nan if v is None else v for v in history.ccc[name]]
            marker = "o" if len(values) < 30 else ""
            colour = COLOURS[who]
            axes.plot(history.epochs, values, linestyle=dash, marker=marker, markersize=3, color=colour, label=name)
        known = [v for values in history.ccc.values() for v in values if v is not None]
        axes.set(ylim=(min(0.0, *known, 0.0) - 0.02, 1.02), xlabel="epoch", ylabel="validation CCC")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
        _legend(axes)

    said = "; ".join(f"{name} ends at {_last(history.ccc[name])}" for name in OUTPUTS)
    epochs = len(history.epochs)
    return make_chart(draw, (3.6, 2.5), f"Validation CCC of the {who} over {epochs} epochs: {said}.")


def terms_chart(history: History) -> Chart:
    """The terms of a student's loss, epoch by epoch."""
    said = "; ".join(
        f"{name} from {_worth(values[0])} to {_worth(values[-1])}" for name, values in history.terms.items()
    )
    return make_chart(lambda axes: draw_terms(axes, history), (3.6, 2.5), f"The terms of the student's loss: {said}.")


def draw_terms(axes: Axes, history: History) -> None:
    """Each term as a part of what it was in the first epoch, for they are of different kinds."""
    styles = ((LIGHT.ink, (0, (4, 2))), (LIGHT.ink, "-"), (LIGHT.first, "-"), (LIGHT.second, "-"))
    for (name, values), (colour, dash) in zip(history.terms.items(), styles, strict=False):
        parts = [np.nan if value is None or not values[0] else value / values[0] for value in values]
        axes.plot(history.epochs, parts, linestyle=dash, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="part of the first epoch's")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
    _legend(axes)


def _worth(value: float | None) -> str:
    return "an undefined value" if value is None else f"{value:.2g}"


def _last(values: tuple[float | None, ...]) -> str:
    return "an undefined value" if values[-1] is None else f"{values[-1]:.2f}"


def _shown(scores: SetScores) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Indices of the songs to draw: all, or `MOST_SONGS` chosen by a fixed seed."""
    if scores.n <= MOST_SONGS:
        return np.arange(scores.n)
    return np.sort(np.random.default_rng(0).choice(scores.n, MOST_SONGS, replace=False))


def _square(axes: Axes, x: str, y: str) -> None:
    ticks = (-1, -0.5, 0, 0.5, 1)
    axes.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04), xlabel=x, ylabel=y, xticks=ticks, yticks=ticks, aspect="equal")


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=LIGHT.ink)
