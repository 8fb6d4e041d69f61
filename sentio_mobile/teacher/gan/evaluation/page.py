"""A judgement as one HTML file that loads nothing from anywhere: real spectrograms beside made-up ones, and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.charts import Chart
from sentio_mobile._internal.pages import write_page
from sentio_mobile.data.checks.fingerprint import MIN_SIMILARITY
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.spec import OUTPUTS, AudioSpec
from sentio_mobile.teacher.gan.evaluation.charts import (
    bands_chart,
    distances_chart,
    heard_chart,
    parts_chart,
    spectrogram_chart,
)
from sentio_mobile.teacher.gan.evaluation.clips import Clips, real_clips, real_windows
from sentio_mobile.teacher.gan.evaluation.embedding import SUBSETS
from sentio_mobile.teacher.gan.evaluation.evaluation import GanEvaluation
from sentio_mobile.teacher.gan.evaluation.neighbours import CANDIDATES, MOST_COPIES, SAME_LABEL
from sentio_mobile.teacher.gan.evaluation.score import DRAWS, GOOD, USABLE
from sentio_mobile.teacher.gan.evaluation.score_parts import PART_MEANINGS, PART_NAMES

_CLOSEST = 2
_MOST_BANDS = 400


def write_gan_evaluation(path: Path, found: GanEvaluation, made: Clips, data: PreparedData) -> None:
    """Write the page.

    Args:
        path: the HTML file.
        found: what `judge` found.
        made: the clips that it judged.
        data: the songs that it judged them by.

    Raises:
        OutputError: it cannot be written there.
    """
    train, audio = real_clips(data, "train"), data.audio
    samples = found.consistency.samples
    asked, heard = (np.array(samples[name]) for name in ("truth", "predicted"))
    view = {
        "found": found,
        "name": data.folder.resolve().name,
        "headline": f"Looks: {found.score.total:.0f} of 100, {found.score.tier}"
        + "; memorised" * found.memory.is_memorised,
        "pairs": [
            _pair(made, i, real=train, j=_nearest_label(train, made.labels[i]), audio=audio)
            for i in examples(made, train)
        ],
        "closest": _closest(found, made, real_windows(data, "train"), audio),
        "parts": parts_chart(found.score, PART_NAMES),
        "heard": [
            heard_chart(name, asked[:, i], heard[:, i], found.consistency.interval(name))
            for i, name in enumerate(OUTPUTS)
        ],
        "rows": [
            (name, found.consistency.interval(name), found.consistency.interval(name, real=True))
            for name in (*OUTPUTS, "mean")
        ],
        "distances": distances_chart(found.memory),
        "bands": bands_chart(_some(made), _some(train), audio),
        "names": PART_NAMES,
        "meanings": PART_MEANINGS,
        "limits": {
            "good": GOOD, "usable": USABLE, "draws": DRAWS, "alike": MIN_SIMILARITY,
            "copies": MOST_COPIES, "subsets": SUBSETS,
            "candidates": CANDIDATES, "same_label": SAME_LABEL,
        },
    }  # fmt: skip
    write_page(path, Path(__file__).with_name("evaluation.html.j2"), view)


def examples(made: Clips, real: Clips) -> list[int]:
    """Made-up clips to show: those asked for the labels nearest to the corners and the middle of where songs lie."""
    low, middle, high = np.quantile(real.labels, (0.1, 0.5, 0.9), axis=0)
    targets = [(high[0], high[1]), (low[0], high[1]), (low[0], low[1]), (high[0], low[1]), tuple(middle)]
    chosen: list[int] = []
    for target in targets:
        order = np.argsort(((made.labels - np.array(target)) ** 2).sum(axis=1), kind="stable")
        chosen += [int(i) for i in order if int(i) not in chosen][:1]
    return chosen


def _nearest_label(real: Clips, label: NDArray[np.float32]) -> int:
    return int(((real.labels - label) ** 2).sum(axis=1).argmin())


def _closest(found: GanEvaluation, made: Clips, windows: Clips, audio: AudioSpec) -> list[list[tuple[str, Chart]]]:
    """The samples that are most alike to training clips, each beside that clip."""
    order = np.lexsort((found.memory.distances, -found.memory.likeness))[:_CLOSEST]
    return [
        _pair(
            made,
            int(i),
            real=windows,
            j=int(found.memory.nearest[i]),
            audio=audio,
            before=f"likeness {found.memory.likeness[i]:.2f}: ",
        )
        for i in order
    ]


def _pair(made: Clips, i: int, *, real: Clips, j: int, audio: AudioSpec, before: str = "") -> list[tuple[str, Chart]]:
    """The caption and the picture of a real clip, and of the made-up one."""
    captions = (
        f"Real: {real.names[j]}, {_label(real.labels[j])}",
        f"Made up: {before}{made.names[i]}, asked for {_label(made.labels[i])}",
    )
    pictures = (real[j], made[i])
    return [
        (text, spectrogram_chart(unit, audio, f"Spectrogram. {text}."))
        for text, unit in zip(captions, pictures, strict=True)
    ]


def _label(label: NDArray[np.float32]) -> str:
    return f"valence {label[0]:+.2f}, arousal {label[1]:+.2f}"


def _some(clips: Clips) -> Clips:
    return clips.part(np.unique(np.linspace(0, len(clips) - 1, min(len(clips), _MOST_BANDS)).astype(np.int64)))
