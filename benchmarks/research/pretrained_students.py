"""Cross-validate a probe and the students that follow it, over whole groups, so that every song is tested once.

    python benchmarks/research/pretrained_students.py OUT --songs songs.csv --data PREPARED --embeddings FILE
        --recipe RECIPE.toml [--start default|random|CHECKPOINT] [--unlabelled PREPARED FILE]... [--precision int8]
        [--labels 80] [--folds 5] [--only 0 1] [--seeds 0 1] [--also NAME PREPARED]... [--versus OTHER/record.json]...

songs.csv is what PREPARED was prepared from, with the columns song_id, group, v_high and a_high beside the labels; FILE
holds an encoder's embeddings (`teacher embed`). In each fold a probe is trained on the other folds' songs, and a
student on these songs, the probe's out-of-fold predictions for them, and its predictions for the music without labels.
--labels takes so many of the training songs only, others in each fold. Students are tested in fp32, or as the ONNX
artifact of --precision; --also tests them on other sounds of the same songs, prepared with the same ids.

OUT keeps what is trained, so that a stopped run goes on, and OUT/record.json the figures: CCC, and AUC of valence and
arousal also within calm and energetic music, with intervals over groups. --versus adds paired differences to the
predictions of other runs on the same songs.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import SHEET, PreparedData, open_data
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.data.splits import SplitList
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.distill.start import Start
from sentio_mobile.evaluation.evaluated_model import open_model
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.formats.base import Precision
from sentio_mobile.metrics.auc import auc
from sentio_mobile.metrics.bootstrap import Resampling, interval_of, measure, resample
from sentio_mobile.models.checkpoint import SHEET as CHECKPOINT_SHEET
from sentio_mobile.models.checkpoint import Checkpoint, package_versions
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings
from sentio_mobile.models.first_weights import weights_of_checkpoint
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.label import probe_targets
from sentio_mobile.teacher.probe.probe import Probe, is_probe
from sentio_mobile.teacher.probe.train import train_probe
from sentio_mobile.training.sources import ExtraData

Array = NDArray[np.float32]
PROBE = ProbeRecipe(inputs=("embedding",), regressors=("ridge", "svr"), folds=5, inner_folds=5, shuffles=20)
"""A probe that takes seconds: it is made anew in each fold."""


@dataclass(frozen=True, kw_only=True)
class Songs:
    """The songs of all folds, in the order of the table."""

    ids: list[str]
    groups: list[str]
    labels: Array
    high: NDArray[np.bool_]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, test, and write OUT/record.json."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    data, embeddings = open_data(options.data), read_clip_embeddings(options.embeddings)
    songs = read_songs(options.songs, data)
    unlabelled = [(open_data(folder), read_clip_embeddings(file)) for folder, file in options.unlabelled]
    others = {name: open_data(Path(folder)) for name, folder in options.also}
    recipe = load_recipe(DistillRecipe, options.recipe, "distill")
    start = options.start
    if start not in ("default", "random"):
        start = weights_of_checkpoint(start, Checkpoint.load(Path(start)))
    found: dict[str, list[Array]] = {}
    folds = list(GroupKFold(options.folds).split(songs.labels, groups=songs.groups))
    tested = np.concatenate([folds[number][1] for number in options.only or range(options.folds)])
    for seed in options.seeds:
        parts: dict[str, list[Array]] = {}
        for number in options.only or range(options.folds):
            train, test = folds[number]
            if options.labels:
                train = np.random.default_rng((seed, number)).choice(train, options.labels, replace=False)
            work = options.out / f"fold-{number}-seed-{seed}"
            fold = prepared_fold(options.songs, data, songs, train=train, test=test, out=work)
            for name, predicted in run_fold(
                fold, embeddings, unlabelled, others,
                recipe=replace(recipe, training=replace(recipe.training, seed=seed)),
                start=start, precision=options.precision, work=work,
            ).items():  # fmt: skip
                parts.setdefault(name, []).append(predicted)
                print(number, seed, name, np.round(_ccc(songs.labels[test], predicted), 3), flush=True)
        for name, pieces in parts.items():
            found.setdefault(name, []).append(np.concatenate(pieces))
    record = {
        "songs": len(tested),
        "groups": len({songs.groups[i] for i in tested}),
        "labels": options.labels or "all",
        "unlabelled_clips": sum(len(each.checksums) for _, each in unlabelled),
        "start": options.start if options.start in ("default", "random") else Path(options.start).name,
        "precision": options.precision,
        "recipe": to_plain(recipe),
        "figures": figures(songs, tested, found, options.versus),
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
    }
    write_json(options.out / "record.json", record)
    np.savez(options.out / "predictions.npz", tested=tested, **{name: np.stack(runs) for name, runs in found.items()})
    print(json.dumps(record["figures"], indent=1))


def read_songs(table: Path, data: PreparedData) -> Songs:
    """Songs of the table that were prepared, with the labels that the prepared folder gives them."""
    known = {
        song: label
        for split in data.splits.values()
        for song, label in zip(split.song_ids, split.labels, strict=True)
    }  # fmt: skip
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["song_id"] in known]
    return Songs(
        ids=[row["song_id"] for row in rows],
        groups=[row["group"] for row in rows],
        labels=np.array([known[row["song_id"]] for row in rows], dtype=np.float32),
        high=np.array([[row["v_high"] == "1", row["a_high"] == "1"] for row in rows]),
    )


def prepared_fold(
    table: Path, data: PreparedData, songs: Songs, *, train: NDArray[np.int64], test: NDArray[np.int64], out: Path
) -> PreparedData:
    """The songs of one fold as a prepared folder, which shares the store."""
    place = out / "data"
    if not (place / SHEET).is_file():
        splits = dict.fromkeys((songs.ids[i] for i in train), "train") | {songs.ids[i]: "test" for i in test}
        store = (data.folder / data.sheet.store).parent
        recipe = DataRecipe(windows=data.sheet.windows, window=data.sheet.window)
        prepare(table, place, recipe=recipe, audio=AudioSpec(), store=store, splits=SplitList(out / "splits", splits))
    return open_data(place)


def run_fold(
    fold: PreparedData,
    embeddings: ClipEmbeddings,
    unlabelled: Sequence[tuple[PreparedData, ClipEmbeddings]],
    others: Mapping[str, PreparedData],
    *,
    recipe: DistillRecipe,
    start: Start,
    precision: Precision,
    work: Path,
) -> dict[str, Array]:
    """Predictions of the probe and the student for the test songs, by name of the model and the sound."""
    probe_folder, student = work / "probe", work / "student"
    probe = Probe.load(probe_folder) if is_probe(probe_folder) else train_probe(
        fold, embeddings, out=probe_folder, recipe=PROBE
    )  # fmt: skip
    if not (student / CHECKPOINT_SHEET).is_file():
        targets = [probe_targets(probe, fold, embeddings)]
        targets += [probe_targets(probe, music, heard) for music, heard in unlabelled]
        together = PseudoLabels(
            probe_folder, {clip: one for each in targets for clip, one in each.by_clip.items()}, targets[0].digest
        )
        extra = ExtraData(unlabelled=tuple(music for music, _ in unlabelled), pseudo_labels=together)
        distill(None, fold, recipe=recipe, out=student, extra=extra, start=start)
    model = student
    if precision != "fp32":
        model = work / f"bundle-{precision}"
        if not model.is_dir():
            export = ExportRecipe(
                formats=("onnx",), forms=("spectrogram",), precisions=(precision,), name="student", release="1"
            )
            build_bundle(student, export, out=model, data=fold, keep_refused=True)
    network = open_model(model)
    test = fold.split("test")
    rows = embeddings.rows_of(fold.store.checksums[test.rows], fold.folder)
    predicted = {"probe": probe.predict(embeddings.embeddings[rows]), "student": _predict(network, fold, test.rows)}
    for name, sound in others.items():
        row_of = {
            song: row for split in sound.splits.values() for song, row in zip(split.song_ids, split.rows, strict=True)
        }
        predicted[f"student, {name}"] = _predict(network, sound, np.array([row_of[song] for song in test.song_ids]))
    return predicted


def _predict(network: Any, data: PreparedData, rows: NDArray[np.int64]) -> Array:
    parts = [
        network.predict_log_mels(np.asarray(data.mels[rows[start : start + 16]], dtype=np.float32))
        for start in range(0, len(rows), 16)
    ]
    return np.concatenate(parts)


def figures(
    songs: Songs, tested: NDArray[np.int64], found: Mapping[str, Sequence[Array]], versus: Sequence[Path]
) -> dict[str, Any]:
    """Metrics of each model, in the mean over its seeds, and paired differences to other runs' students."""
    labels, high = songs.labels[tested], songs.high[tested]
    draws = resample(len(tested), 0, [songs.groups[i] for i in tested])
    samples = {name: [_samples(labels, high, run, draws) for run in runs] for name, runs in found.items()}
    means = {
        name: {key: np.mean([run[key] for run in runs], axis=0) for key in runs[0]} for name, runs in samples.items()
    }
    table: dict[str, Any] = {
        name: {key: to_plain(interval_of(values)) for key, values in of.items()} for name, of in means.items()
    }
    for name in [name for name in means if name != "probe"]:
        table[name]["ccc relative to the probe"] = to_plain(interval_of(means[name]["ccc"] / means["probe"]["ccc"]))
    for path in versus:
        other = np.load(path.parent / "predictions.npz")
        if not np.array_equal(other["tested"], tested):
            raise SystemExit(f"{path}: tested other songs")
        for name in set(means) & set(other.files):
            runs = [_samples(labels, high, run, draws) for run in other[name]]
            table[name][f"more than {path.parent.name}"] = {
                key: to_plain(interval_of(values - np.mean([run[key] for run in runs], axis=0)))
                for key, values in means[name].items()
            }
    return table


def _samples(
    labels: Array, high: NDArray[np.bool_], predicted: Array, draws: Resampling
) -> dict[str, NDArray[np.float64]]:
    """Bootstrap samples of each figure, the figure itself first."""
    everywhere, energetic = np.ones(len(labels), dtype=bool), high[:, 1]

    def area(output: int, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return auc(high[chosen, output], predicted[chosen, output], draws.of(chosen))

    ccc = measure(labels, predicted, draws)["ccc"]
    return {
        "auc valence": area(0, everywhere),
        "auc arousal": area(1, everywhere),
        "auc valence, calm": area(0, ~energetic),
        "auc valence, energetic": area(0, energetic),
        "ccc valence": ccc[:, 0],
        "ccc arousal": ccc[:, 1],
        "ccc": ccc.mean(axis=1),
    }


def _ccc(labels: Array, predicted: Array) -> NDArray[np.float64]:
    return measure(labels, predicted, Resampling(np.ones((1, len(labels)))))["ccc"][0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--start", default="default")
    parser.add_argument("--unlabelled", type=Path, nargs=2, action="append", default=[])
    parser.add_argument("--also", nargs=2, action="append", default=[])
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--labels", type=int, default=0)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--versus", type=Path, action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main()
