"""Predictions of the models in `cross_validation.py`, and their metrics."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cross_validation_music import HELD_OUT, Array, Music, weak_labels_of
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.prepared import UNLABELLED
from sentio_mobile.metrics.agreement import ccc, retention_of_pairs
from sentio_mobile.metrics.auc import auc_of_runs
from sentio_mobile.metrics.bootstrap import Resampling, by_dimension, measure, resample
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.teacher.ensemble.classical import REGRESSORS, train_regressor
from sentio_mobile.training.fit import predict

ENSEMBLE = "mean of the three"
ALL_HEARD = ", all heard fonts"
"""Suffix of regressors trained on the same songs as the networks: all training fonts, validation songs too."""


def regressions(music: Music, work: Path) -> dict[str, list[dict[str, Array]]]:
    """Predictions of each regressor by fold and font, trained on the first font and on all training fonts."""
    found: dict[str, list[dict[str, Array]]] = {}
    for fold in range(len(music.folds)):
        for fonts, splits, suffix in (
            (music.fonts[:1], ("train",), ""),
            (music.fonts[: music.heard], ("train", "val"), ALL_HEARD),
        ):
            rows = np.concatenate([music.places(fold, split) for split in splits])
            features = np.concatenate([music.features[font][rows] for font in fonts])
            labels = np.tile(music.truth[rows], (len(fonts), 1))
            groups = [music.songs[i]["group"] for i in rows] * len(fonts)
            test = music.places(fold, "test")
            inputs = {font: music.features[font][test] for font in music.fonts}
            inputs[HELD_OUT] = music.features[HELD_OUT]
            place = work / f"regressions-{fold}{'-all' if suffix else ''}.npz"
            if not place.is_file():
                predicted: dict[str, Array] = {}
                for one in REGRESSORS:
                    model = train_regressor(one, features, labels=labels, groups=groups, seed=0)
                    predicted |= {f"{one.name}/{name}": model.predict(values) for name, values in inputs.items()}
                write_arrays(place, predicted)
            arrays = np.load(place, allow_pickle=False)
            by_name = {one.name: {name: arrays[f"{one.name}/{name}"] for name in inputs} for one in REGRESSORS}
            by_name[ENSEMBLE] = {
                name: np.mean([predicted[name] for predicted in by_name.values()], axis=0) for name in inputs
            }
            for name, predicted in by_name.items():
                found.setdefault(f"{name}{suffix}", []).append(predicted)
    return found


def write_arrays(place: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays to a file, all of them or none."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    write_bytes(place, file.getvalue())


def predict_all(network: Checkpoint, folder: Path, music: Music, fold: int) -> dict[str, Array]:
    """Predictions of a network for the test songs of a fold in every font, and for the held-out music."""
    place = folder.with_name(f"{folder.name}.npz")
    if not place.is_file():
        inputs = {font: (music.folds[fold][font], "test") for font in music.fonts}
        inputs[HELD_OUT] = (music.held_out[0], UNLABELLED)
        write_arrays(
            place, {name: predict(network.model, network.spec, data, split) for name, (data, split) in inputs.items()}
        )
    return dict(np.load(place, allow_pickle=False))


def compare(runs: Mapping[str, Mapping[int, list[dict[str, Array]]]], music: Music) -> dict[str, Any]:
    """CCC by font, AUC, gains and retention of every model that has predictions for all songs."""
    count, truth = len(music.folds), music.truth
    full = {name: [one for one in by_seed.values() if len(one) == count] for name, by_seed in runs.items()}
    predictions = {
        name: {font: np.stack([pooled(one, font, music) for one in found]) for font in music.fonts}
        for name, found in full.items()
        if found
    }
    songs, groups = resample(len(truth), 0), resample(len(truth), 0, [row["group"] for row in music.songs])
    held_out = music.held_out[0].split(UNLABELLED)
    clips = resample(len(held_out), 0, held_out.groups)
    agreement = {
        (name, font): mean_ccc(truth, predicted, songs)
        for name, by_font in predictions.items()
        for font, predicted in by_font.items()
    }
    rows = {
        name: {
            "runs": len(full[name]),
            "ccc": {font: plain(by_dimension(agreement[name, font])) for font in by_font},
            "ccc_over_groups": {
                f: plain(by_dimension(mean_ccc(truth, predicted, groups))) for f, predicted in by_font.items()
            },
            "by_seed": {font: np.round(ccc(truth, predicted), 4).tolist() for font, predicted in by_font.items()},
            "auc_held_out": plain(
                auc_of_runs(
                    weak_labels_of(music.held_out),
                    np.stack([fold[HELD_OUT] for one in full[name] for fold in one]),
                    clips,
                )
            ),
        }
        for name, by_font in predictions.items()
    }
    gains = [
        {
            "of": name,
            "over": other,
            "ccc": {f: plain(by_dimension(agreement[name, f] - agreement[other, f])) for f in music.fonts},
        }
        for name in ("teacher", "student")
        for other in predictions
        if name in predictions and other != name and (name, other) != ("teacher", "student")
    ]
    retention = {}
    if "student" in predictions:
        for font, predicted in predictions["student"].items():
            retention[font] = to_plain(
                retention_of_pairs(truth, predicted, predictions["teacher"][font][: len(predicted)], 0)
            )
    return {"n": len(truth), "rows": rows, "gains": gains, "retention": retention}


def mean_ccc(truth: Array, predictions: Array, draws: Resampling) -> NDArray[np.float64]:
    """CCC averaged over runs [1 + resamples, 2], of predictions [runs, songs, 2]."""
    return np.mean([measure(truth, run, draws)["ccc"] for run in predictions], axis=0)


def pooled(one: Sequence[Mapping[str, Array]], font: str, music: Music) -> Array:
    """Predictions of all folds in the order of the songs [songs, 2]."""
    predictions = np.full((len(music.songs), 2), np.nan, dtype=np.float32)
    for fold, predicted in enumerate(one):
        predictions[music.places(fold, "test")] = predicted[font]
    assert np.isfinite(predictions).all()
    return predictions


def plain(intervals: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as JSON values."""
    return {name: to_plain(interval) for name, interval in intervals.items()}


def show(found: Mapping[str, Any]) -> None:
    """Print the results."""

    def text(interval: Mapping[str, float]) -> str:
        return "{value:.2f} [{low:.2f}, {high:.2f}]".format(**interval)

    for name, row in found["rows"].items():
        for font, values in row["ccc"].items():
            print(name, font, *(f"{part} {text(interval)}" for part, interval in values.items()), sep=" | ")
        print(name, "AUC", *(f"{part} {text(value)}" for part, value in row["auc_held_out"].items()), sep=" | ")
    for font, kept in found["retention"].items():
        print("retention", font, text(kept), sep=" | ")
    for one in found["gains"]:
        for font, values in one["ccc"].items():
            print(f"{one['of']} less {one['over']}", font, *(f"{k} {text(v)}" for k, v in values.items()), sep=" | ")
