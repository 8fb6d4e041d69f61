"""Cross-validate teacher, student and regressors on real songs, over whole groups, so that every song is tested once.

    python benchmarks/research/cross_validation.py OUT --heard FLUID TIMGM --unheard MUSESCORE OPL3 [--folds 3]
        [--seeds 0,1,2] [--teacher vit_small] [--generated PREPARED] [--student mobilevit_xs] [--store STORE]

Each folder has a `manifest.csv` of the same music, rendered with another sound font, with the columns path, song_id,
group, split, valence_mean, arousal_mean (1-9), v_high and a_high. Rows with labels are the songs. Rows without labels
are music with weak labels; its groups in the split `val` are held out from training. Folders of `--unheard` fonts need
only the songs.

No group of songs is in two parts of a fold, so that a song is predicted by a model that was trained on no song of its
group. In each fold, regressors on 164 features, a teacher (on songs and weak labels, in all fonts of `--heard`)
and its student are trained, the networks with every seed. Results are kept in OUT.runs and not computed again.
OUT/record.json is rewritten after each training, without songs, labels and predictions.

The schedule is fixed, because the validation songs of a fold, sixteen songs of two games, cannot choose an epoch.
Settings may be tried on them; after that they are used for training, and the trainer validates on training songs.
Teachers start from one that was trained on the songs of `--generated`, as `data synth` makes them, and on the weak
labels, but on none of the songs and none of the held-out music.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from cross_validation_music import COPIES, Array, learning, prepare_all, weak_labels_of
from cross_validation_rows import compare, predict_all, regressions, show

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.distill.config import DistillRecipe, ResponseSettings
from sentio_mobile.distill.distill import distill
from sentio_mobile.models.checkpoint import Checkpoint, package_versions, weights_digest
from sentio_mobile.models.config import ASTSettings, ViTSettings
from sentio_mobile.recipes import load_recipe
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.config import WeakLabelSettings
from sentio_mobile.training.sources import ExtraData

SHARED: dict[str, Any] = {"batch_size": 32, "precision": "bf16-mixed", "weak_labels": WeakLabelSettings(weight=0.5)}
STAGES: tuple[dict[str, Any], ...] = (
    SHARED | {"epochs": 14, "learning_rate": 1e-3},
    SHARED | {"epochs": 24, "learning_rate": 1e-3, "weak_labels": WeakLabelSettings(weight=1.0)},
)
"""Successive trainings of the teacher that all others start from."""
TEACHER: dict[str, Any] = SHARED | {"epochs": 5, "learning_rate": 5e-4}
STUDENT: dict[str, Any] = SHARED | {"epochs": 6, "steps": 0, "learning_rate": 1e-3}
"""Changes to `training` in the recipes, so that eighteen networks take about an hour on two cores."""
RESPONSE = ResponseSettings(weight=1.0, hard=0.5, soft=0.5)
"""Labels have a larger weight than in the recipe, where 0.09 is too little beside weak labels and features."""
KEEP = 48
"""Patches that a training step keeps."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare, train what is missing, and write OUT/record.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--heard", type=Path, nargs="+", required=True)
    parser.add_argument("--unheard", type=Path, nargs="*", default=[])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=lambda text: [int(n) for n in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--teacher", default="vit_small")
    parser.add_argument("--generated", type=Path)
    parser.add_argument("--student", default="mobilevit_xs")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    work = options.out.with_name(f"{options.out.name}.runs")
    music = prepare_all(options.heard, options.unheard, options.folds, work, options.store or work / "store")
    start = (
        first_teacher(options.generated, music.weakly_labelled, options.teacher, work) if options.generated else None
    )
    teacher, student = recipes(options.teacher, options.student)
    record: dict[str, Any] = {
        "folds": [fold[music.fonts[0]].sheet.songs for fold in music.folds],
        "groups": len({row["group"] for row in music.songs}),
        "weakly_labelled_clips": {
            "trained_on": len(weak_labels_of(music.weakly_labelled)),
            "held_out": len(weak_labels_of(music.held_out)),
        },
        "heard": music.fonts[: music.heard],
        "unheard": music.fonts[music.heard :],
        "copies_of_a_song_per_epoch": COPIES,
        "start": None if start is None else describe_start(start),
        "recipes": {"teacher": to_plain(teacher), "student": to_plain(student)},
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
    }
    first_weights = (
        None if start is None else {"weights": weights_digest(start.model), "trained_on": to_plain(start.data)}
    )
    runs: dict[str, dict[int, list[dict[str, Array]]]] = {
        name: {0: predictions} for name, predictions in regressions(music, work).items()
    }
    trainings: list[dict[str, Any]] = []
    for seed in options.seeds:
        first = replace(teacher, training=replace(teacher.training, seed=seed))
        second = replace(student, training=replace(student.training, seed=seed))
        for fold in range(options.folds):
            data = learning([music.folds[fold][font] for font in music.fonts[: music.heard]])
            key = [to_plain([first, second]), first_weights, data.sheet.fingerprint, music.weakly_labelled[1].digest]
            name = f"{fold}-{seed}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:8]}"
            places = {network: work / f"{network}-{name}" for network in ("teacher", "student")}
            if not places["teacher"].exists():
                train_teacher(data, first, out=places["teacher"], start=start, weak_labels=[music.weakly_labelled])
            if not places["student"].exists():
                trained_teacher = Checkpoint.load(places["teacher"])
                distill(
                    trained_teacher,
                    data,
                    recipe=second,
                    out=places["student"],
                    extra=ExtraData(weak_labels=(music.weakly_labelled,)),
                )
            for network, place in places.items():
                made = Checkpoint.load(place)
                runs.setdefault(network, {}).setdefault(seed, []).append(predict_all(made, place, music, fold))
                trainings.append(describe_training(network, fold, seed, made))
                print(trainings[-1], flush=True)
            write_json(options.out / "record.json", record | {"trainings": trainings})
    record |= {"trainings": trainings} | compare(runs, music)
    write_json(options.out / "record.json", record)
    show(record)


def first_teacher(folder: Path, weakly_labelled: tuple[PreparedData, WeakLabels], name: str, work: Path) -> Checkpoint:
    """A teacher trained on generated songs and on weak labels, kept in `work`."""
    generated, recipe, start = open_data(folder), load_recipe(TeacherRecipe, name, "teacher"), None
    for number, stage in enumerate(STAGES):
        place = work / f"start-{number}"
        if not place.exists():
            training = replace(recipe.training, **stage, seed=number)
            train_teacher(
                generated, replace(recipe, training=training), out=place, start=start, weak_labels=[weakly_labelled]
            )
        start = Checkpoint.load(place)
    assert start is not None
    return start


def recipes(teacher: str, student: str) -> tuple[TeacherRecipe, DistillRecipe]:
    """The named recipes, with the changes defined above."""
    first, second = load_recipe(TeacherRecipe, teacher, "teacher"), load_recipe(DistillRecipe, student, "distill")
    assert isinstance(first.model, ViTSettings | ASTSettings)
    return (
        replace(first, model=replace(first.model, patch_keep=KEEP), training=replace(first.training, **TEACHER)),
        replace(
            second,
            model=replace(second.model, patch_keep=KEEP),
            training=replace(second.training, **STUDENT),
            response=RESPONSE,
            # The teacher runs once for each copy of a song, and once for music with weak labels.
            views=1,
        ),
    )


def describe_start(start: Checkpoint) -> dict[str, Any]:
    """Description of the teacher that all others start from, for the record."""
    return {
        "weights": weights_digest(start.model),
        "trained_on": to_plain(start.data),
        "stages": [stage | {"weak_labels": to_plain(stage["weak_labels"])} for stage in STAGES],
        "validation_ccc": max(row["val_ccc"] or 0.0 for row in start.history),
        "epochs_of_the_last_stage": len(start.history),
    }


def describe_training(name: str, fold: int, seed: int, made: Checkpoint) -> dict[str, Any]:
    """Description of one training for the record, without its predictions."""
    best = max(made.history, key=lambda row: row["val_ccc"] or 0.0)
    return {
        "network": name,
        "fold": fold,
        "seed": seed,
        "parameters": sum(p.numel() for p in made.model.parameters()),
        "epochs": len(made.history),
        "best_epoch": int(best["epoch"] or 0) + 1,
        "validation_ccc": best["val_ccc"],
        "seconds": round(sum(row["seconds"] or 0.0 for row in made.history), 1),
    }


if __name__ == "__main__":
    main()
