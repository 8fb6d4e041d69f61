"""Charts of the report."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from sentio_mobile._internal.charts import LIGHT, Chart, make_chart
from sentio_mobile.metrics.bootstrap import DIMENSIONS
from sentio_mobile.metrics.evaluation import Evaluation, LearningCurves, SplitEvaluation
from sentio_mobile.spec import OUTPUTS

COLOURS = {"student": LIGHT.first, "teacher": LIGHT.second}
MAX_SONGS = 200
"""Songs that a chart shows; more would only be a blot, in a large file."""


def agreement_chart(evaluation: Evaluation) -> Chart:
    """CCC of teacher and student with intervals, one row for each dimension."""
    teacher = None if evaluation.teacher is None else evaluation.teacher.test
    models = [(name, s) for name, s in (("teacher", teacher), ("student", evaluation.held_out)) if s is not None]

    def draw(axes: Axes) -> None:
        for row, dimension in enumerate(DIMENSIONS):
            for offset, (name, model) in zip((-0.14, 0.14), models, strict=False):
                figure = model.ccc[dimension]
                if figure.value is None or figure.low is None or figure.high is None:
                    continue
                colour = COLOURS[name]
                y = row + (offset if len(models) == 2 else 0)
                label = name if row == 0 else None
                axes.plot([figure.low, figure.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="round")
                marker = "s" if name == "teacher" else "o"
                axes.plot([figure.value], [y], marker=marker, color=colour, markersize=5.5, linestyle="", label=label)
        lows = [model.ccc[d].low or 0.0 for _, model in models for d in DIMENSIONS]
        axes.set(xlim=(min(0.0, *lows) - 0.02, 1.02), ylim=(len(DIMENSIONS) - 0.5, -0.5), xlabel="CCC (1 is perfect)")
        axes.set_yticks(range(len(DIMENSIONS)), DIMENSIONS)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=LIGHT.line, linewidth=0.6)
        _legend(axes)

    values = "; ".join(f"{name} {d} {model.ccc[d]}" for name, model in models for d in DIMENSIONS)
    return make_chart(draw, (3.6, 2.2), f"CCC on the test songs with 95% intervals: {values}.")


def plane_chart(scores: SplitEvaluation) -> Chart:
    """The valence-arousal plane with an arrow from each song's label to the prediction."""
    indices = drawn_songs(scores)

    def draw(axes: Axes) -> None:
        start, end = scores.labels[indices], scores.predictions[indices]
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

    distance = float(np.linalg.norm(scores.predictions - scores.labels, axis=1).mean())
    alt = (
        f"The plane of valence and arousal with {len(indices)} songs: arrows from the label to the prediction, "
        f"{distance:.2f} long on average."
    )
    return make_chart(draw, (4.6, 4.6), alt)


def scatter_chart(scores: SplitEvaluation, output: int) -> Chart:
    """Predictions against labels of one output, with the line where they are equal."""
    indices, name = drawn_songs(scores), OUTPUTS[output]

    def draw(axes: Axes) -> None:
        axes.plot([-1, 1], [-1, 1], color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.plot(
            scores.labels[indices, output],
            scores.predictions[indices, output],
            linestyle="",
            marker="o",
            markersize=3.5,
            markeredgewidth=0,
            color=LIGHT.first,
            alpha=0.7,
        )
        _square(axes, f"{name}: label", f"{name}: prediction")

    alt = (
        f"Predictions against labels of {len(indices)} songs for {name}; CCC {scores.ccc[name]}. The dashed line is "
        "perfect agreement."
    )
    return make_chart(draw, (3.6, 3.6), alt)


def history_chart(history: LearningCurves, model: str) -> Chart:
    """CCC on the validation songs, epoch by epoch."""

    def draw(axes: Axes) -> None:
        for name, dash in zip(OUTPUTS, ("-", (0, (4, 2))), strict=True):
            values = [np.nan if v is None else v for v in history.ccc[name]]
            marker = "o" if len(values) < 30 else ""
            colour = COLOURS[model]
            axes.plot(history.epochs, values, linestyle=dash, marker=marker, markersize=3, color=colour, label=name)
        defined = [v for values in history.ccc.values() for v in values if v is not None]
        axes.set(ylim=(min(0.0, *defined, 0.0) - 0.02, 1.02), xlabel="epoch", ylabel="validation CCC")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
        _legend(axes)

    values = "; ".join(f"{name} ends at {_last(history.ccc[name])}" for name in OUTPUTS)
    epochs = len(history.epochs)
    return make_chart(draw, (3.6, 2.5), f"Validation CCC of the {model} over {epochs} epochs: {values}.")


def terms_chart(history: LearningCurves) -> Chart:
    """Terms of a student's loss, epoch by epoch."""
    changes = "; ".join(
        f"{name} from {_value(values[0])} to {_value(values[-1])}" for name, values in history.terms.items()
    )
    return make_chart(
        lambda axes: draw_terms(axes, history), (3.6, 2.5), f"The terms of the student's loss: {changes}."
    )


def draw_terms(axes: Axes, history: LearningCurves) -> None:
    """Draw each term relative to its first epoch, because terms have different scales."""
    styles = ((LIGHT.ink, (0, (4, 2))), (LIGHT.ink, "-"), (LIGHT.first, "-"), (LIGHT.second, "-"))
    for (name, values), (colour, dash) in zip(history.terms.items(), styles, strict=False):
        relative = [np.nan if value is None or not values[0] else value / values[0] for value in values]
        axes.plot(history.epochs, relative, linestyle=dash, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="relative to first epoch")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=LIGHT.line, linewidth=0.6)
    _legend(axes)


def _value(value: float | None) -> str:
    return "an undefined value" if value is None else f"{value:.2g}"


def _last(values: tuple[float | None, ...]) -> str:
    return "an undefined value" if values[-1] is None else f"{values[-1]:.2f}"


def drawn_songs(scores: SplitEvaluation) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Indices of the songs to draw: all, or `MAX_SONGS` drawn with a fixed seed."""
    if scores.n <= MAX_SONGS:
        return np.arange(scores.n)
    return np.sort(np.random.default_rng(0).choice(scores.n, MAX_SONGS, replace=False))


def _square(axes: Axes, x: str, y: str) -> None:
    ticks = (-1, -0.5, 0, 0.5, 1)
    axes.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04), xlabel=x, ylabel=y, xticks=ticks, yticks=ticks, aspect="equal")


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=LIGHT.ink)
