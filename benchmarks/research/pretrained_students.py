"""Cross-validate a probe and the students that follow it, over whole groups, so that every song is tested once.

    python benchmarks/research/pretrained_students.py OUT --songs songs.csv --data PREPARED --embeddings FILE
        --recipe RECIPE.toml [--start default|random|CHECKPOINT] [--unlabelled PREPARED FILE]... [--precision int8]
        [--labels 80] [--folds 5] [--only 0 1] [--seeds 0 1] [--also NAME PREPARED [MUSIC]]... [--robustness]
        [--regressions] [--music FOLDER] [--versus OTHER/record.json]...

songs.csv is what PREPARED was prepared from, with the columns song_id, group, v_high and a_high beside the labels; FILE
holds an encoder's embeddings (`teacher embed`). In each fold a probe is trained on the other folds' songs, and a
student on these songs, the probe's out-of-fold predictions for them, and its predictions for the music without labels.
--labels takes so many of the training songs only, others in each fold. Students are tested in fp32, or as the ONNX
artifact of --precision; --also tests them on other sounds of the same songs, prepared with the same ids.

--robustness also tests students on the songs with noise at 30 dB, as MP3 at 64 kbit/s, and through an equalizer, and
states which part of the CCC they keep. --regressions trains Ridge and support vectors on 164 features of the same
songs, with their settings chosen inside each fold, as they are and stretched as probes are, and compares with the best
of them, song by song; with MUSIC also on the sounds of --also. Both read the audio files: paths in songs.csv start
from --music, by default the folder of songs.csv.

OUT keeps what is trained, so that a stopped run goes on, and OUT/record.json the figures: CCC, and AUC of valence and
arousal also within calm and energetic music, with intervals over groups. --versus adds paired differences to the
predictions of other runs on the same songs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pretrained_students_figures import (
    PROBE,
    SOUND,
    STUDENT,
    Array,
    CrossValidation,
    compare,
    mean_ccc,
    read_other_run,
)
from pretrained_students_sounds import (
    Songs,
    perturbed_sounds,
    read_songs,
    song_features,
    train_regressions,
)
from sklearn.model_selection import GroupKFold

from sentio_mobile._internal.records import replace, to_plain, write_record
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import SHEET, PreparedData, open_data
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.data.splits import SplitList
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.distill.start import Start
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel, open_model
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.models.checkpoint import SHEET as CHECKPOINT_SHEET
from sentio_mobile.models.checkpoint import Checkpoint, package_versions
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings
from sentio_mobile.models.first_weights import weights_of_checkpoint
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec, Precision
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.label import probe_targets
from sentio_mobile.teacher.probe.probe import Probe, is_probe
from sentio_mobile.teacher.probe.train import train_probe
from sentio_mobile.training.sources import ExtraData

PROBE_RECIPE = ProbeRecipe(inputs=("embedding",), regressors=("ridge", "svr"), folds=5, inner_folds=5, shuffles=20)
"""A probe that takes seconds: it is made anew in each fold."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, test, and write OUT/record.json."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    data, embeddings = open_data(options.data), read_clip_embeddings(options.embeddings)
    songs = read_songs(options.songs, data)
    unlabelled = [(open_data(folder), read_clip_embeddings(file)) for folder, file in options.unlabelled]
    sounds = other_sounds(options.also)
    music = options.music or options.songs.parent
    features: dict[str, Array] = {}
    if options.regressions:
        features = {"": song_features(data, songs.ids, music)} | {
            f"{SOUND}{name}": song_features(sound, songs.ids, folder)
            for name, (sound, folder) in sounds.items()
            if folder is not None
        }
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
            student = train_models(
                fold, embeddings, unlabelled,
                recipe=replace(recipe, training=replace(recipe.training, seed=seed)), start=start, work=work,
            )  # fmt: skip
            network = open_model(deployed(student, fold, options.precision, work))
            predicted = predictions_of(network, Probe.load(work / "probe"), fold, embeddings)
            for name, (sound, _) in sounds.items():
                predicted[f"{STUDENT}{SOUND}{name}"] = predict_clips(
                    network, sound.mels, _rows_of(sound, fold.split("test").song_ids)
                )
            if options.robustness:
                for name, mels in perturbed_sounds(fold, music, options.out / "perturbed"):
                    predicted[f"{STUDENT}{SOUND}{name}"] = predict_clips(network, mels, np.arange(len(mels)))
            if options.regressions:
                order = np.array([songs.ids.index(song) for song in fold.split("test").song_ids])
                predicted |= train_regressions(
                    features[""],
                    songs,
                    train=train,
                    tests={suffix: values[order] for suffix, values in features.items()},
                    seed=seed,
                )
            # A prepared folder may hold its songs in another order than the table.
            places = {song: place for place, song in enumerate(fold.split("test").song_ids)}
            order = np.array([places[songs.ids[i]] for i in test])
            for name, values in predicted.items():
                parts.setdefault(name, []).append(values[order])
                print(number, seed, name, f"{mean_ccc(songs.labels[test], values[order]):.3f}", flush=True)
        for name, pieces in parts.items():
            found.setdefault(name, []).append(np.concatenate(pieces))
    models, best = compare(
        songs.labels[tested],
        songs.high[tested],
        groups=[songs.groups[i] for i in tested],
        found=found,
        others={path.parent.name: read_other_run(path, tested) for path in options.versus},
    )
    record = CrossValidation(
        songs=len(tested),
        groups=len({songs.groups[i] for i in tested}),
        labels=options.labels,
        unlabelled_clips=sum(len(each.checksums) for _, each in unlabelled),
        start=options.start if options.start in ("default", "random") else Path(options.start).name,
        precision=options.precision,
        seeds=tuple(options.seeds),
        recipe=recipe,
        best_regression=best,
        models=models,
        machine=describe_machine(),
        versions=package_versions(),
    )
    write_record(options.out / "record.json", record)
    predictions = {name: np.stack(runs) for name, runs in found.items()}
    np.savez(options.out / "predictions.npz", allow_pickle=False, tested=tested, **predictions)
    print(json.dumps(to_plain(record.models), indent=1))


def other_sounds(also: Sequence[Sequence[str]]) -> dict[str, tuple[PreparedData, Path | None]]:
    """Prepared folders of other sounds of the songs by name, each with the folder of its audio where that is given."""
    if wrong := [one for one in also if len(one) not in (2, 3)]:
        raise SystemExit(f"--also takes NAME PREPARED [MUSIC], not {' '.join(wrong[0])}")
    return {name: (open_data(Path(folder)), Path(rest[0]) if rest else None) for name, folder, *rest in also}


def prepared_fold(
    table: Path, data: PreparedData, songs: Songs, *, train: NDArray[np.int64], test: NDArray[np.int64], out: Path
) -> PreparedData:
    """The songs of one fold as a prepared folder, which shares the store."""
    place = out / "data"
    if not (place / SHEET).is_file():
        splits = dict.fromkeys((songs.ids[i] for i in train), "train") | {songs.ids[i]: "test" for i in test}
        store = (data.folder / data.sheet.store).parent
        recipe = DataRecipe(windows=data.sheet.windows, window=data.sheet.window, perturb=data.sheet.perturb or 0)
        prepare(table, place, recipe=recipe, audio=AudioSpec(), store=store, splits=SplitList(out / "splits", splits))
    return open_data(place)


def train_models(
    fold: PreparedData,
    embeddings: ClipEmbeddings,
    unlabelled: Sequence[tuple[PreparedData, ClipEmbeddings]],
    *,
    recipe: DistillRecipe,
    start: Start,
    work: Path,
) -> Path:
    """Train the probe and the student of one fold, as far as they are missing, and return the student's folder."""
    probe_folder, student = work / "probe", work / "student"
    probe = Probe.load(probe_folder) if is_probe(probe_folder) else train_probe(
        fold, embeddings, out=probe_folder, recipe=PROBE_RECIPE
    )  # fmt: skip
    if not (student / CHECKPOINT_SHEET).is_file():
        targets = [probe_targets(probe, fold, embeddings)]
        targets += [probe_targets(probe, music, heard) for music, heard in unlabelled]
        together = PseudoLabels(
            probe_folder, {clip: one for each in targets for clip, one in each.by_clip.items()}, targets[0].digest
        )
        extra = ExtraData(unlabelled=tuple(music for music, _ in unlabelled), pseudo_labels=together)
        distill(None, fold, recipe=recipe, out=student, extra=extra, start=start)
    return student


def deployed(student: Path, fold: PreparedData, precision: Precision, work: Path) -> Path:
    """The student as it would be shipped: its checkpoint in fp32, or the bundle of its ONNX artifact."""
    if precision == "fp32":
        return student
    bundle = work / f"bundle-{precision}"
    if not bundle.is_dir():
        export = ExportRecipe(
            formats=("onnx",), forms=("spectrogram",), precisions=(precision,), name="student", release="1"
        )
        build_bundle(student, export, out=bundle, data=fold, keep_refused=True)
    return bundle


def predictions_of(
    network: EvaluatedModel, probe: Probe, fold: PreparedData, embeddings: ClipEmbeddings
) -> dict[str, Array]:
    """Predictions of the probe and the student for the test songs, in the order of the prepared folder."""
    test = fold.split("test")
    rows = embeddings.rows_of(fold.store.checksums[test.rows], fold.folder)
    return {PROBE: probe.predict(embeddings.embeddings[rows]), STUDENT: predict_clips(network, fold.mels, test.rows)}


def _rows_of(sound: PreparedData, ids: Sequence[str]) -> NDArray[np.int64]:
    row_of = {
        song: row for split in sound.splits.values() for song, row in zip(split.song_ids, split.rows, strict=True)
    }
    if missing := [song for song in ids if song not in row_of]:
        raise SystemExit(f"{sound.folder} has no song {missing[0]!r}; prepare the same songs under the same ids")
    return np.array([row_of[song] for song in ids])


def predict_clips(network: EvaluatedModel, mels: NDArray[np.float16], rows: NDArray[np.int64]) -> Array:
    """Predictions [songs, 2] for some rows of stored log-mels [clips, n_mels, n_frames]."""
    predict = network.predict_log_mels
    assert predict is not None, "a spectrogram artifact and a checkpoint take log-mels"
    parts = [predict(np.asarray(mels[rows[start : start + 16]], dtype=np.float32)) for start in range(0, len(rows), 16)]
    return np.concatenate(parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--start", default="default")
    parser.add_argument("--unlabelled", type=Path, nargs=2, action="append", default=[])
    parser.add_argument("--also", nargs="+", action="append", default=[], metavar=("NAME", "FOLDER"))
    parser.add_argument("--robustness", action="store_true")
    parser.add_argument("--regressions", action="store_true")
    parser.add_argument("--music", type=Path)
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
