"""An evaluation as one self-contained HTML file, and as JSON beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.charts import Chart
from sentio_mobile._internal.pages import write_page
from sentio_mobile._internal.quantities import millions
from sentio_mobile._internal.records import write_record
from sentio_mobile.benchmarks import charts as report_charts
from sentio_mobile.benchmarks.formatting import DESKTOP, milliseconds
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation import charts
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel
from sentio_mobile.evaluation.perturbations import PERTURBATIONS
from sentio_mobile.evaluation.results import EVALUATION, MIN_SONGS_TO_RANK, EvaluationRun, ModelEvaluation
from sentio_mobile.evaluation.slices import MIN_SONGS, MIN_SONGS_FOR_CCC
from sentio_mobile.metrics.bootstrap import METRICS
from sentio_mobile.metrics.evaluation import learning_curves, split_evaluation
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.gan.spectrogram_chart import spectrogram_chart

PAGE = "evaluation.html"
_CORNERS = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))


def write_evaluation(
    folder: Path,
    run: EvaluationRun,
    *,
    data: PreparedData,
    models: Sequence[EvaluatedModel],
    gan_samples: GanSamples | None = None,
) -> None:
    """Write evaluation.html and evaluation.json.

    Args:
        folder: Output folder; created where it does not exist.
        run: The evaluation.
        data: The songs that were evaluated.
        models: The evaluated models, in the order of `run.models`.
        gan_samples: GAN samples to show beside real songs.

    Raises:
        DataError: `gan_samples` have another front end than `data`.
        OutputError: `folder` cannot be written.
    """
    if gan_samples is not None and gan_samples.audio.log_mel != data.audio.log_mel:
        raise DataError(
            f"{gan_samples.folder} has another front end than {data.folder}; give samples of a GAN that was trained on "
            "these songs"
        )
    view = {
        "name": data.folder.resolve().name,
        "run": run,
        "sheet": data.sheet,
        "headline": run.headline,
        "forest": charts.forest_chart(run.models),
        "models": [_model(result, model, run) for result, model in zip(run.models, models, strict=True)],
        "metrics": METRICS,
        "dimensions": (*OUTPUTS, "mean"),
        "perturbations": _perturbations(run),
        "desktop": DESKTOP,
        "limits": {"slice": MIN_SONGS, "ccc": MIN_SONGS_FOR_CCC, "rank": MIN_SONGS_TO_RANK},
        "corners": [] if gan_samples is None else _corners(gan_samples, data),
    }
    template = Path(__file__).with_name("evaluation.html.j2")
    write_page(folder / PAGE, template, view, {"ms": milliseconds, "time": _time, "millions": millions})
    write_record(folder / EVALUATION, run)


def _model(result: ModelEvaluation, model: EvaluatedModel, run: EvaluationRun) -> dict[str, Any]:
    """What is shown of one model; a baseline has no charts."""
    if result.is_baseline:
        return {"result": result, "charts": None}
    scores = split_evaluation(
        result.metrics,
        songs=run.songs,
        truth=np.array(run.truth),
        predicted=np.clip(result.predicted, -1, 1),
        bootstrap=run.bootstrap,
    )
    curves = learning_curves(model.history)
    calibration = result.calibration
    return {
        "result": result,
        "charts": {
            "plane": report_charts.plane_chart(scores),
            "scatters": [report_charts.scatter_chart(scores, i) for i in range(len(OUTPUTS))],
            "residuals": [charts.residual_chart(scores.labels, scores.predictions, i) for i in range(len(OUTPUTS))],
            "map": charts.error_map(scores.labels, scores.predictions),
            "calibration": charts.calibration_chart(calibration) if calibration and calibration.levels else None,
            "robustness": charts.robustness_chart(result.robustness) if result.robustness else None,
            "curves": None if curves is None else report_charts.history_chart(curves, "student"),
            "terms": None if curves is None or not curves.terms else report_charts.terms_chart(curves),
            "shown": min(report_charts.MAX_SONGS, len(run.songs)),
        },
    }


def _perturbations(run: EvaluationRun) -> list[dict[str, Any]]:
    """A row for each perturbation that was applied to any model, with a cell for each model."""
    results = [{one.name: one for one in model.robustness} for model in run.models]
    names = [one.name for one in PERTURBATIONS] + [name for cells in results for name in cells]
    return [
        {
            "name": name,
            "meaning": next(cells[name].meaning for cells in results if name in cells),
            "cells": [cells.get(name) for cells in results],
        }
        for name in dict.fromkeys(names)
        if any(name in cells for cells in results)
    ]


def _corners(gan_samples: GanSamples, data: PreparedData) -> list[tuple[tuple[str, Chart], tuple[str, Chart]]]:
    """For each quadrant a real training song and a GAN sample, each the nearest to the quadrant's middle."""
    train = data.split("train")
    pairs = []
    for corner in _CORNERS:
        real, sample = (
            int(np.argmin(np.linalg.norm(labels - np.array(corner), axis=1)))
            for labels in (train.labels, gan_samples.labels)
        )
        pairs.append(
            (
                _spectrogram("Real song", data.mels[train.rows[real]], train.labels[real], data),
                _spectrogram("GAN sample", gan_samples.mels[sample], gan_samples.labels[sample], data),
            )
        )
    return pairs


def _spectrogram(
    kind: str, log_mel: NDArray[np.floating], label: NDArray[np.floating], data: PreparedData
) -> tuple[str, Chart]:
    caption = f"{kind}: valence {label[0]:+.2f}, arousal {label[1]:+.2f}"
    log_mel = np.asarray(log_mel, dtype=np.float32)
    return caption, spectrogram_chart(log_mel, data.audio, f"Spectrogram. {caption}.")


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
