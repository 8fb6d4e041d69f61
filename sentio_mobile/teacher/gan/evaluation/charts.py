"""The pictures of a judgement: real beside made up, and what was measured of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, Chart, make_chart
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips
from sentio_mobile.teacher.gan.evaluation.neighbours import Memory
from sentio_mobile.teacher.gan.evaluation.score import Score
from sentio_mobile.teacher.gan.image import draw_spectrogram


def spectrogram_chart(unit: NDArray[np.float32], audio: AudioSpec, alt: str) -> Chart:
    """A clip in unit levels [bands, frames]."""
    return make_chart(lambda axes: draw_spectrogram(axes, unit, audio), (4.4, 2.1), alt)


def parts_chart(score: Score, names: dict[str, str]) -> Chart:
    """The points of each part, beside the most that it can give."""

    def draw(axes: Axes) -> None:
        rows = range(len(score.parts))
        axes.barh(rows, [part.most for part in score.parts], color=LIGHT.line, height=0.55)
        axes.barh(rows, [part.points for part in score.parts], color=LIGHT.first, height=0.55)
        for row, part in enumerate(score.parts):
            axes.text(part.most + 0.4, row, f"{part.points:.1f} of {part.most}", va="center", color=LIGHT.ink)
        axes.set_yticks(list(rows), [names[part.name] for part in score.parts])
        axes.set(xlim=(0, 38), xlabel="points")
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)

    said = "; ".join(f"{names[part.name]} {part.points:.1f} of {part.most}" for part in score.parts)
    return make_chart(draw, (5.2, 2.3), f"Points: {said}.")


def heard_chart(dimension: str, asked: NDArray[Any], heard: NDArray[Any], found: Interval) -> Chart:
    """What was asked for and what was heard, a point a clip [n], on the scale of the labels."""

    def draw(axes: Axes) -> None:
        axes.plot([-1, 1], [-1, 1], color=LIGHT.line, linewidth=1, zorder=0)
        axes.plot(
            asked, heard, linestyle="", marker="o", markersize=3.2, markeredgewidth=0, color=LIGHT.first, alpha=0.45
        )
        ticks = (-1, -0.5, 0, 0.5, 1)
        axes.set(xlim=(-1.02, 1.02), ylim=(-1.02, 1.02), xticks=ticks, yticks=ticks, aspect="equal")
        axes.set(xlabel=f"{dimension} asked for", ylabel=f"{dimension} heard")

    return make_chart(draw, (3.1, 3.0), f"{dimension.capitalize()}: CCC {found} over {len(asked)} samples.")


def distances_chart(memory: Memory) -> Chart:
    """How far clips lie from the nearest training clip: samples, beside real songs that were not learnt from."""

    def draw(axes: Axes) -> None:
        high = float(np.quantile(np.concatenate([memory.distances, memory.unseen]), 0.98)) * 1.1
        edges = np.linspace(0, max(high, memory.limit * 1.2), 36)
        for values, colour, name in (
            (memory.unseen, LIGHT.second, "unseen real songs"), (memory.distances, LIGHT.first, "samples")
        ):  # fmt: skip
            weights = np.full(len(values), 1 / len(values))
            clipped = np.minimum(values, edges[-1])
            axes.hist(
                clipped, edges.tolist(), weights=weights, histtype="step", linewidth=1.5, color=colour, label=name
            )
        axes.axvline(memory.limit, color=LIGHT.faint, linewidth=1, linestyle=(0, (4, 2)), label="a copy is nearer")
        axes.set(xlabel="distance to the nearest training clip", ylabel="share", xlim=(0, edges[-1]))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=LIGHT.ink)

    return make_chart(
        draw,
        (5.2, 2.5),
        f"Distances to the nearest training clip: samples have a median of {np.median(memory.distances):.2f}, "
        f"unseen real songs of {np.median(memory.unseen):.2f}; a copy is nearer than {memory.limit:.2f}.",
    )


def bands_chart(made: Clips, real: Clips, audio: AudioSpec) -> Chart:
    """Mean level of every band in dB, and where the middle two thirds of clips lie."""
    curves = [
        (np.stack([(clip.mean(axis=1) - 1) * -audio.floor_db for clip in clips]), colour, name)
        for clips, colour, name in ((real, LIGHT.second, "real songs"), (made, LIGHT.first, "samples"))
    ]

    def draw(axes: Axes) -> None:
        for levels, colour, name in curves:
            low, high = np.quantile(levels, (1 / 6, 5 / 6), axis=0)
            bands = np.arange(levels.shape[1])
            axes.fill_between(bands, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(bands, levels.mean(axis=0), color=colour, linewidth=1.5, label=name)
        axes.set(xlabel="mel band", ylabel="mean level in dB", xlim=(0, audio.n_mels - 1))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=LIGHT.ink)

    gap = float(np.abs(curves[0][0].mean(axis=0) - curves[1][0].mean(axis=0)).mean())
    return make_chart(draw, (5.2, 2.5), f"Mean level of every mel band: samples and real songs are {gap:.1f} dB apart.")
