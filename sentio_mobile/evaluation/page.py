"""An evaluation as one HTML file that loads nothing from anywhere, and as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.charts import Chart
from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.pages import write_page
from sentio_mobile.benchmarks import charts as report_charts
from sentio_mobile.benchmarks.formatting import DESKTOP, milliseconds
from sentio_mobile.benchmarks.scores import SetScores, history_of
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation import charts
from sentio_mobile.evaluation.evaluate import Evaluation, ModelEvaluation
from sentio_mobile.evaluation.perturbations import DISTURBANCES
from sentio_mobile.evaluation.slices import FEWEST, FEWEST_FOR_CCC
from sentio_mobile.metrics.bootstrap import METRICS
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.gan.evaluation.charts import spectrogram_chart

PAGE, FIGURES = "evaluation.html", "evaluation.json"
_CORNERS = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))


def write_evaluation(folder: Path, evaluation: Evaluation, made_up: GanSamples | None = None) -> None:
    """Write evaluation.html and evaluation.json.

    Args:
        folder: where to write; made where it is missing.
        evaluation: what was found.
        made_up: clips to show beside real ones.

    Raises:
        DataError: `made_up` follows another front end.
        OutputError: `folder` cannot be written.
    """
    data = evaluation.data
    if made_up is not None and made_up.audio.log_mel != data.audio.log_mel:
        raise DataError(f"{made_up.folder}: follows another front end than {data.folder}; give clips of these songs")
    view = {
        "name": data.folder.resolve().name,
        "evaluation": evaluation,
        "headline": _headline(evaluation),
        "forest": charts.forest_chart(evaluation.judged),
        "models": [_model(one, evaluation) for one in evaluation.judged],
        "metrics": METRICS,
        "dimensions": (*OUTPUTS, "mean"),
        "disturbances": _disturbances(evaluation),
        "desktop": DESKTOP,
        "limits": {"slice": FEWEST, "ccc": FEWEST_FOR_CCC},
        "corners": [] if made_up is None else _corners(made_up, data),
    }
    template = Path(__file__).with_name("evaluation.html.j2")
    write_page(folder / PAGE, template, view, {"ms": milliseconds, "time": _time})
    write_json(folder / FIGURES, evaluation.to_dict())


def _headline(evaluation: Evaluation) -> str:
    best = evaluation.best
    songs = f"{len(evaluation.songs)} {evaluation.split} songs"
    said = f"{best.subject.name}: mean CCC {best.table['mean']['ccc']} on {songs}"
    return said if len(evaluation.judged) == 1 else f"Best of {len(evaluation.judged)}, {said}"


def _model(judged: ModelEvaluation, evaluation: Evaluation) -> dict[str, Any]:
    """What is shown of one model; a baseline has figures alone."""
    if judged.subject.is_baseline:
        return {"judged": judged, "pictures": None}
    scores = SetScores(
        ccc={name: row["ccc"] for name, row in judged.table.items()},
        mae={name: judged.table[name]["mae"].value or 0.0 for name in OUTPUTS},
        songs=evaluation.songs,
        truth=evaluation.truth.astype(np.float64),
        predicted=judged.predicted.astype(np.float64),
    )
    history = history_of(list(judged.subject.history))
    calibration = judged.calibration
    pictures = {
        "plane": report_charts.plane_chart(scores),
        "scatters": [report_charts.scatter_chart(scores, i) for i in range(len(OUTPUTS))],
        "residuals": [charts.residual_chart(scores.truth, scores.predicted, i) for i in range(len(OUTPUTS))],
        "map": charts.error_map(scores.truth, scores.predicted),
        "calibration": charts.calibration_chart(calibration) if calibration and calibration.levels else None,
        "stability": charts.stability_chart(judged.stability) if judged.stability else None,
        "curves": None if history is None else report_charts.history_chart(history, "student"),
        "terms": None if history is None or not history.terms else report_charts.terms_chart(history),
        "shown": min(report_charts.MOST_SONGS, len(evaluation.songs)),
    }
    return {"judged": judged, "pictures": pictures}


def _disturbances(evaluation: Evaluation) -> list[dict[str, Any]]:
    """A row for each disturbance that any model met, with a cell for each model."""
    met = [{one.name: one for one in judged.stability} for judged in evaluation.judged]
    names = [d.name for d in DISTURBANCES] + [n for cells in met for n in cells]
    return [
        {
            "name": name,
            "meaning": next(cells[name].meaning for cells in met if name in cells),
            "cells": [cells.get(name) for cells in met],
        }
        for name in dict.fromkeys(names)
        if any(name in cells for cells in met)
    ]


def _corners(made_up: GanSamples, data: PreparedData) -> list[tuple[tuple[str, Chart], tuple[str, Chart]]]:
    """For each quadrant a real training song and a made-up one, each the nearest to the middle of it."""
    train = data.split("train")
    pairs = []
    for corner in _CORNERS:
        real, made = (
            int(np.argmin(np.linalg.norm(labels - np.array(corner), axis=1)))
            for labels in (train.labels, made_up.labels)
        )
        pairs.append(
            (
                _picture("Real", data.mels[train.rows[real]], train.labels[real], data),
                _picture("Made up", made_up.mels[made], made_up.labels[made], data),
            )
        )
    return pairs


def _nearest(labels: NDArray[np.float32], place: tuple[float, float]) -> int:
    return int(np.argmin(np.linalg.norm(labels - np.array(place), axis=1)))


def _picture(kind: str, unit: Any, label: Any, data: PreparedData) -> tuple[str, Chart]:
    text = f"{kind}: valence {label[0]:+.2f}, arousal {label[1]:+.2f}"
    return text, spectrogram_chart(np.asarray(unit, dtype=np.float32), data.audio, f"Spectrogram. {text}.")


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
