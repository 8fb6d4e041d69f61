"""An evaluation as one self-contained HTML file: real and generated spectrograms side by side, charts, and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, Chart, make_chart
from sentio_mobile._internal.pages import write_page
from sentio_mobile.data.checks.fingerprint import MIN_SIMILARITY
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import OUTPUTS, AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips, real_clips, real_windows
from sentio_mobile.teacher.gan.evaluation.embedding import DRAWS as KERNEL_DRAWS
from sentio_mobile.teacher.gan.evaluation.evaluate import GanEvaluation
from sentio_mobile.teacher.gan.evaluation.memorization import (
    MAX_COPY_SHARE,
    NEAREST_CLIPS,
    NEAREST_LABELS,
    Memorization,
)
from sentio_mobile.teacher.gan.evaluation.score import DRAWS, GOOD, PART_MEANINGS, PART_NAMES, USABLE, Score
from sentio_mobile.teacher.gan.spectrogram_chart import spectrogram_chart

_COPIES_SHOWN = 2
_MAX_BAND_CLIPS = 400


def write_gan_evaluation(path: Path, evaluation: GanEvaluation, generated: Clips, data: PreparedData) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        evaluation: The evaluation.
        generated: The clips that were evaluated.
        data: The songs that they were compared with.

    Raises:
        OutputError: The file cannot be written.
    """
    train, audio = real_clips(data, "train"), data.audio
    samples = evaluation.consistency.samples
    labels, predictions = samples.labels, samples.predictions
    view = {
        "evaluation": evaluation,
        "data_name": data.folder.resolve().name,
        "headline": f"Looks: {evaluation.score.total:.0f} of 100, {evaluation.score.tier}"
        + "; memorized" * evaluation.memorization.is_memorized,
        "pairs": [
            _pair(generated, i, real=train, j=_nearest_label(train, generated.labels[i]), audio=audio)
            for i in choose_examples(generated, train)
        ],
        "closest": _closest_pairs(evaluation, generated, real_windows(data, "train"), audio),
        "parts": _parts_chart(evaluation.score),
        "predictions": [
            _predictions_chart(name, labels[:, i], predictions[:, i], evaluation.consistency.interval(name))
            for i, name in enumerate(OUTPUTS)
        ],
        "rows": [
            (name, evaluation.consistency.interval(name), evaluation.consistency.interval(name, real=True))
            for name in (*OUTPUTS, "mean")
        ],
        "distances": _distances_chart(evaluation.memorization),
        "bands": _bands_chart(_evenly_spaced(generated), _evenly_spaced(train), audio),
        "part_names": PART_NAMES,
        "part_meanings": PART_MEANINGS,
        "limits": {
            "good": GOOD, "usable": USABLE, "draws": DRAWS, "similarity": MIN_SIMILARITY, "copies": MAX_COPY_SHARE,
            "kernel_draws": KERNEL_DRAWS, "nearest_clips": NEAREST_CLIPS, "nearest_labels": NEAREST_LABELS,
        },
    }  # fmt: skip
    write_page(path, Path(__file__).with_name("evaluation.html.j2"), view)


def choose_examples(generated: Clips, real: Clips) -> list[int]:
    """Choose samples to show: those with labels nearest to the corners and the middle of the real songs' labels."""
    low, middle, high = np.quantile(real.labels, (0.1, 0.5, 0.9), axis=0)
    targets = [(high[0], high[1]), (low[0], high[1]), (low[0], low[1]), (high[0], low[1]), tuple(middle)]
    chosen: list[int] = []
    for target in targets:
        order = np.argsort(((generated.labels - np.array(target)) ** 2).sum(axis=1), kind="stable")
        chosen += [int(i) for i in order if int(i) not in chosen][:1]
    return chosen


def _nearest_label(real: Clips, label: NDArray[np.float32]) -> int:
    return int(((real.labels - label) ** 2).sum(axis=1).argmin())


def _closest_pairs(
    evaluation: GanEvaluation, generated: Clips, windows: Clips, audio: AudioSpec
) -> list[list[tuple[str, Chart]]]:
    """The samples that are most similar to training clips, each beside that clip."""
    memorization = evaluation.memorization
    order = np.lexsort((np.array(memorization.distances), -np.array(memorization.similarities)))[:_COPIES_SHOWN]
    return [
        _pair(
            generated,
            int(i),
            real=windows,
            j=memorization.nearest[i],
            audio=audio,
            note=f"similarity {memorization.similarities[i]:.2f}: ",
        )
        for i in order
    ]


def _pair(
    generated: Clips, i: int, *, real: Clips, j: int, audio: AudioSpec, note: str = ""
) -> list[tuple[str, Chart]]:
    """Caption and spectrogram of a real clip, and of a generated one."""
    captions = (
        f"Real: {real.clip_names[j]}, {_label(real.labels[j])}",
        f"Generated: {note}{generated.clip_names[i]}, for {_label(generated.labels[i])}",
    )
    return [
        (caption, spectrogram_chart(mel, audio, f"Spectrogram. {caption}."))
        for caption, mel in zip(captions, (real[j], generated[i]), strict=True)
    ]


def _label(label: NDArray[np.float32]) -> str:
    return f"valence {label[0]:+.2f}, arousal {label[1]:+.2f}"


def _evenly_spaced(clips: Clips) -> Clips:
    indices = np.linspace(0, len(clips) - 1, min(len(clips), _MAX_BAND_CLIPS)).astype(np.int64)
    return clips.subset(np.unique(indices))


def _parts_chart(score: Score) -> Chart:
    """The points of each part, beside the largest number that it can give."""

    def draw(axes: Axes) -> None:
        rows = range(len(score.parts))
        axes.barh(rows, [part.max_points for part in score.parts], color=LIGHT.line, height=0.55)
        axes.barh(rows, [part.points for part in score.parts], color=LIGHT.first, height=0.55)
        for row, part in enumerate(score.parts):
            text = f"{part.points:.1f} of {part.max_points}"
            axes.text(part.max_points + 0.4, row, text, va="center", color=LIGHT.ink)
        axes.set_yticks(list(rows), [PART_NAMES[part.name] for part in score.parts])
        axes.set(xlim=(0, 38), xlabel="points")
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)

    text = "; ".join(f"{PART_NAMES[part.name]} {part.points:.1f} of {part.max_points}" for part in score.parts)
    return make_chart(draw, (5.2, 2.3), f"Points: {text}.")


def _predictions_chart(dimension: str, labels: NDArray[Any], predictions: NDArray[Any], ccc: Interval) -> Chart:
    """Label and prediction of each sample [n], on the scale of the labels."""

    def draw(axes: Axes) -> None:
        axes.plot([-1, 1], [-1, 1], color=LIGHT.line, linewidth=1, zorder=0)
        points = axes.plot(labels, predictions, linestyle="", marker="o", color=LIGHT.first, alpha=0.45)
        points[0].set(markersize=3.2, markeredgewidth=0)
        ticks = (-1, -0.5, 0, 0.5, 1)
        axes.set(xlim=(-1.02, 1.02), ylim=(-1.02, 1.02), xticks=ticks, yticks=ticks, aspect="equal")
        axes.set(xlabel=f"{dimension} generated for", ylabel=f"{dimension} predicted")

    return make_chart(draw, (3.1, 3.0), f"{dimension.capitalize()}: CCC {ccc} over {len(labels)} samples.")


def _distances_chart(memorization: Memorization) -> Chart:
    """Distances to the nearest training clip: samples, and real songs that were not trained on."""
    samples, unseen = np.array(memorization.distances), np.array(memorization.unseen_distances)
    limit = memorization.max_copy_distance

    def draw(axes: Axes) -> None:
        high = float(np.quantile(np.concatenate([samples, unseen]), 0.98)) * 1.1
        edges = np.linspace(0, max(high, limit * 1.2), 36)
        for values, colour, name in (
            (unseen, LIGHT.second, "unseen real songs"), (samples, LIGHT.first, "samples")
        ):  # fmt: skip
            weights = np.full(len(values), 1 / len(values))
            clipped = np.minimum(values, edges[-1])
            axes.hist(
                clipped, edges.tolist(), weights=weights, histtype="step", linewidth=1.5, color=colour, label=name
            )
        axes.axvline(limit, color=LIGHT.faint, linewidth=1, linestyle=(0, (4, 2)), label="limit of a copy")
        axes.set(xlabel="distance to the nearest training clip", ylabel="share", xlim=(0, edges[-1]))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, labelcolor=LIGHT.ink)

    return make_chart(
        draw,
        (5.2, 2.5),
        f"Distances to the nearest training clip: the median is {np.median(samples):.2f} for samples and "
        f"{np.median(unseen):.2f} for unseen real songs; a copy is nearer than {limit:.2f}.",
    )


def _bands_chart(generated: Clips, real: Clips, audio: AudioSpec) -> Chart:
    """Mean level of every band in dB, and the range of the middle two thirds of clips."""
    curves = [
        (np.stack([(clip.mean(axis=1) - 1) * -audio.floor_db for clip in clips]), colour, name)
        for clips, colour, name in ((real, LIGHT.second, "real songs"), (generated, LIGHT.first, "samples"))
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
    return make_chart(draw, (5.2, 2.5), f"Mean level of every mel band: samples and real songs differ by {gap:.1f} dB.")
