"""What the rows of `cross_validation.py` answer, and what their answers are worth."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cross_validation_music import HELD_OUT, Array, Material, sides_of
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

COMMITTEE = "mean of the three"
ALL_HEARD = ", all heard fonts"
"""Regressions that learn from all that networks are shown of the songs: every heard font, validation songs too."""


def regressions(material: Material, work: Path) -> dict[str, list[dict[str, Array]]]:
    """What each regression says, by fold and font: learnt from the first font, and from all heard ones."""
    found: dict[str, list[dict[str, Array]]] = {}
    for fold in range(len(material.folds)):
        for fonts, splits, suffix in (
            (material.fonts[:1], ("train",), ""),
            (material.fonts[: material.heard], ("train", "val"), ALL_HEARD),
        ):
            rows = np.concatenate([material.places(fold, split) for split in splits])
            features = np.concatenate([material.features[font][rows] for font in fonts])
            labels = np.tile(material.truth[rows], (len(fonts), 1))
            groups = [material.songs[i]["group"] for i in rows] * len(fonts)
            test = material.places(fold, "test")
            asked = {font: material.features[font][test] for font in material.fonts}
            asked[HELD_OUT] = material.features[HELD_OUT]
            place = work / f"regressions-{fold}{'-all' if suffix else ''}.npz"
            if not place.is_file():
                said: dict[str, Array] = {}
                for one in REGRESSORS:
                    model = train_regressor(one, features, labels=labels, groups=groups, seed=0)
                    said |= {f"{one.name}/{name}": model.predict(values) for name, values in asked.items()}
                keep(place, said)
            kept = np.load(place, allow_pickle=False)
            by_name = {one.name: {name: kept[f"{one.name}/{name}"] for name in asked} for one in REGRESSORS}
            by_name[COMMITTEE] = {name: np.mean([said[name] for said in by_name.values()], axis=0) for name in asked}
            for name, said in by_name.items():
                found.setdefault(f"{name}{suffix}", []).append(said)
    return found


def keep(place: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays beside their place and move them in."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    write_bytes(place, file.getvalue())


def heard_by(made: Checkpoint, folder: Path, material: Material, fold: int) -> dict[str, Array]:
    """A network's answers for the fold's test songs in every font, and for the music held out."""
    place = folder.with_name(f"{folder.name}.npz")
    if not place.is_file():
        asked = {font: (material.folds[fold][font], "test") for font in material.fonts}
        asked[HELD_OUT] = (material.held_out[0], UNLABELLED)
        keep(place, {name: predict(made.model, made.spec, data, split) for name, (data, split) in asked.items()})
    return dict(np.load(place, allow_pickle=False))


def compared(runs: Mapping[str, Mapping[int, list[dict[str, Array]]]], material: Material) -> dict[str, Any]:
    """Every row that has answered for all songs: its CCC by font, its areas, and what is gained and kept."""
    count, truth = len(material.folds), material.truth
    full = {name: [one for one in by_seed.values() if len(one) == count] for name, by_seed in runs.items()}
    answers = {
        name: {font: np.stack([pooled(one, font, material) for one in found]) for font in material.fonts}
        for name, found in full.items()
        if found
    }
    songs, groups = resample(len(truth), 0), resample(len(truth), 0, [row["group"] for row in material.songs])
    held_out = material.held_out[0].split(UNLABELLED)
    clips = resample(len(held_out), 0, held_out.groups)
    agreement = {
        (name, font): mean_ccc(truth, said, songs)
        for name, by_font in answers.items()
        for font, said in by_font.items()
    }
    rows = {
        name: {
            "runs": len(full[name]),
            "ccc": {font: plain(by_dimension(agreement[name, font])) for font in by_font},
            "ccc_over_groups": {f: plain(by_dimension(mean_ccc(truth, said, groups))) for f, said in by_font.items()},
            "by_seed": {font: np.round(ccc(truth, said), 4).tolist() for font, said in by_font.items()},
            "area_held_out": plain(
                auc_of_runs(
                    sides_of(material.held_out), np.stack([fold[HELD_OUT] for one in full[name] for fold in one]), clips
                )
            ),
        }
        for name, by_font in answers.items()
    }
    gains = [
        {
            "of": name,
            "over": other,
            "ccc": {f: plain(by_dimension(agreement[name, f] - agreement[other, f])) for f in material.fonts},
        }
        for name in ("teacher", "student")
        for other in answers
        if name in answers and other != name and (name, other) != ("teacher", "student")
    ]
    retention = {}
    if "student" in answers:
        for font, said in answers["student"].items():
            retention[font] = to_plain(retention_of_pairs(truth, said, answers["teacher"][font][: len(said)], 0))
    return {"n": len(truth), "rows": rows, "gains": gains, "retention": retention}


def mean_ccc(truth: Array, answers: Array, draws: Resampling) -> NDArray[np.float64]:
    """CCC in the mean over runs [1 + resamples, 2], of answers [runs, songs, 2]."""
    return np.mean([measure(truth, run, draws)["ccc"] for run in answers], axis=0)


def pooled(one: Sequence[Mapping[str, Array]], font: str, material: Material) -> Array:
    """The answers of all folds in one order [songs, 2]."""
    answers = np.full((len(material.songs), 2), np.nan, dtype=np.float32)
    for fold, said in enumerate(one):
        answers[material.places(fold, "test")] = said[font]
    assert np.isfinite(answers).all()
    return answers


def plain(intervals: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as JSON values."""
    return {name: to_plain(interval) for name, interval in intervals.items()}


def show(found: Mapping[str, Any]) -> None:
    """The rows in a few lines."""

    def words(interval: Mapping[str, float]) -> str:
        return "{value:.2f} [{low:.2f}, {high:.2f}]".format(**interval)

    for name, row in found["rows"].items():
        for font, values in row["ccc"].items():
            print(name, font, *(f"{part} {words(interval)}" for part, interval in values.items()), sep=" | ")
        print(name, "area", *(f"{part} {words(value)}" for part, value in row["area_held_out"].items()), sep=" | ")
    for font, kept in found["retention"].items():
        print("retention", font, words(kept), sep=" | ")
    for one in found["gains"]:
        for font, values in one["ccc"].items():
            print(f"{one['of']} less {one['over']}", font, *(f"{k} {words(v)}" for k, v in values.items()), sep=" | ")
