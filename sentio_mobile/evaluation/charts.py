"""Charts of an evaluation that the bundle's report does not have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, Chart, draw_cells, make_chart
from sentio_mobile.data.splits import GRID
from sentio_mobile.evaluation.calibration import Calibration
from sentio_mobile.evaluation.results import MIN_SONGS_TO_RANK, ModelEvaluation
from sentio_mobile.evaluation.robustness import PerturbationResult
from sentio_mobile.metrics.bootstrap import DIMENSIONS, Interval
from sentio_mobile.spec import OUTPUTS

_MARKS = ((LIGHT.first, "o", "-"), (LIGHT.second, "s", (0, (4, 2))))


def forest_chart(models: Sequence[ModelEvaluation]) -> Chart:
    """CCC of every model with its interval: valence, arousal and the mean."""
    names = [one.name for one in models]
    styles = list(zip(DIMENSIONS, [*_MARKS, (LIGHT.ink, "D", "-")], strict=True))

    def draw(axes: Axes) -> None:
        for row, one in enumerate(models):
            for offset, (name, (colour, mark, _)) in zip((-0.22, 0.0, 0.22), styles, strict=True):
                _interval(
                    axes,
                    one.metrics[name]["ccc"],
                    y=row + offset,
                    colour=colour,
                    mark=mark,
                    label=name if row == 0 else None,
                )
        axes.axvline(0, color=LIGHT.line, linewidth=0.8, zorder=0)
        axes.set(ylim=(len(models) - 0.5, -0.5), xlabel="CCC (1 is perfect)")
        axes.set_yticks(range(len(models)), [name if len(name) < 24 else f"{name[:22]}…" for name in names])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=LIGHT.line, linewidth=0.6)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=LIGHT.ink)

    values = "; ".join(f"{one.name} {one.metrics['mean']['ccc']}" for one in models)
    return make_chart(draw, (5.6, 1.0 + 0.42 * len(models)), f"Mean CCC with 95% intervals: {values}.")


def residual_chart(truth: NDArray[np.floating], predicted: NDArray[np.floating], output: int) -> Chart:
    """Prediction minus label over the label, with a fitted line: a falling line means a pull towards neutral."""
    name, error = OUTPUTS[output], predicted[:, output] - truth[:, output]
    varied = np.ptp(truth[:, output]) > 0

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.plot(
            truth[:, output],
            error,
            linestyle="",
            marker="o",
            markersize=3.5,
            markeredgewidth=0,
            color=LIGHT.first,
            alpha=0.6,
        )
        if varied:
            line = np.polyfit(truth[:, output], error, 1)
            ends = np.array([truth[:, output].min(), truth[:, output].max()])
            axes.plot(ends, np.polyval(line, ends), color=LIGHT.second, linewidth=1.4)
        axes.set(xlim=(-1.04, 1.04), xlabel=f"{name}: label", ylabel="prediction minus label")
        axes.set_xticks((-1, -0.5, 0, 0.5, 1))

    return make_chart(draw, (3.6, 2.8), f"Residuals of {name} over its label, {len(truth)} songs.")


def error_map(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> Chart:
    """Mean distance of prediction and label in each cell of the plane, with the number of songs; grey where few."""
    cell = np.clip(((truth + 1) / 2 * GRID).astype(int), 0, GRID - 1)
    cells = GRID * cell[:, 0] + cell[:, 1]
    distance = np.linalg.norm(predicted - truth, axis=1)

    def draw(axes: Axes) -> None:
        means = [distance[cells == one].mean() for one in np.unique(cells) if (cells == one).sum() >= MIN_SONGS_TO_RANK]
        largest = max([1e-9, *means])
        for valence, arousal in np.ndindex(GRID, GRID):
            own = (cell[:, 0] == valence) & (cell[:, 1] == arousal)
            if not own.any():
                continue
            mean, enough = float(distance[own].mean()), own.sum() >= MIN_SONGS_TO_RANK
            colour = LIGHT.ink if enough else LIGHT.faint
            if enough:
                shade = 0.75 * mean / largest
                axes.add_patch(Rectangle((valence, arousal), 1, 1, facecolor=LIGHT.second, alpha=shade, linewidth=0))
            axes.text(valence + 0.5, arousal + 0.58, f"{mean:.2f}", ha="center", va="center", color=colour)
            axes.text(
                valence + 0.5, arousal + 0.3, f"n {own.sum()}", ha="center", va="center", color=colour, fontsize=6.5
            )
        draw_cells(axes, GRID, "valence: label", "arousal: label")

    return make_chart(
        draw,
        (3.6, 3.5),
        f"Mean distance of prediction and label by the label's cell; {distance.mean():.2f} over all songs. "
        f"Cells of fewer than {MIN_SONGS_TO_RANK} songs have no colour.",
    )


def calibration_chart(calibration: Calibration) -> Chart:
    """Measured coverage over nominal coverage."""

    def draw(axes: Axes) -> None:
        axes.plot([0.4, 1], [0.4, 1], color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        for name, (colour, mark, dash) in zip(OUTPUTS, _MARKS, strict=True):
            targets = [level.target for level in calibration.levels]
            measured = [level.outputs[name] for level in calibration.levels]
            axes.vlines(
                targets,
                [coverage.low for coverage in measured],
                [coverage.high for coverage in measured],
                color=colour,
                linewidth=1,
                alpha=0.6,
            )
            share = [coverage.share for coverage in measured]
            axes.plot(targets, share, marker=mark, markersize=4.5, linestyle=dash, color=colour, label=name)
        axes.set(xlim=(0.45, 1), ylim=(0, 1.03), xlabel="nominal coverage", ylabel="measured coverage")
        axes.legend(loc="lower right", frameon=False, labelcolor=LIGHT.ink)

    values = "; ".join(
        f"{level.target:.0%}: valence {level.valence.share:.0%}, arousal {level.arousal.share:.0%}"
        for level in calibration.levels
    )
    return make_chart(draw, (3.6, 3.0), f"Nominal and measured coverage of the intervals. {values}.")


def robustness_chart(results: Sequence[PerturbationResult]) -> Chart:
    """Change of the CCC of valence and of arousal under each perturbation, paired, with intervals."""

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=LIGHT.faint, linewidth=0.8, linestyle=(0, (4, 3)))
        for row, one in enumerate(results):
            for offset, name, (colour, mark, _) in zip((-0.13, 0.13), OUTPUTS, _MARKS, strict=True):
                _interval(
                    axes, one.gain[name], y=row + offset, colour=colour, mark=mark, label=name if row == 0 else None
                )
        axes.set(ylim=(len(results) - 0.5, -0.5), xlabel="change of CCC")
        axes.set_yticks(range(len(results)), [one.name for one in results])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=LIGHT.line, linewidth=0.6)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=LIGHT.ink)

    values = "; ".join(f"{one.name} {one.gain['mean']}" for one in results)
    return make_chart(draw, (4.6, 1.0 + 0.34 * len(results)), f"Change of the mean CCC: {values}.")


def _interval(axes: Axes, figure: Interval, *, y: float, colour: str, mark: str, label: str | None) -> None:
    if figure.value is None or figure.low is None or figure.high is None:
        return
    axes.plot([figure.low, figure.high], [y, y], color=colour, linewidth=1.3)
    axes.plot([figure.value], [y], marker=mark, color=colour, markersize=4.5, linestyle="", label=label)
