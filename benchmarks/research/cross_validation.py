"""How right are teacher and student on real songs of which every one is tested? Cross-validation over whole groups.

    python benchmarks/research/cross_validation.py OUT --heard FLUID TIMGM --unheard MUSESCORE OPL3 [--folds 3]
    [--seeds 0,1,2]
        [--teacher vit_small] [--generated PREPARED] [--student mobilevit_xs] [--store STORE]

Each folder has a `manifest.csv` of the same music, rendered with another sound font, with the columns path, song_id,
group, split, valence_mean, arousal_mean (1-9), v_high and a_high. Rows with numbers are the songs; rows without them
are music of which only the sides are known, and of those the groups of split `val` are never learnt from. Folders of
unheard fonts need the songs alone.

No group of songs is on two sides of a fold, so every answer is given by a model that has heard no song of the group. In
each fold regressions on 164 features, a teacher (songs and sides, all heard fonts) and its student learn, networks with
every seed. What was made is kept in OUT.runs and not made again; OUT/record.json is written anew after each training,
without songs, labels and answers.

The schedule is fixed: the validation songs of a fold, sixteen of two games, cannot choose an epoch. Settings may be
tried on them; then they are learnt from like the rest, and the trainer validates on songs that it learns from.
Teachers start from one that has learnt from the songs of `--generated`, as `data synth` makes them, and from the sides;
it has heard none of the songs and none of what is held out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from cross_validation_music import TURNS, Array, learning, made_ready, sides_of
from cross_validation_rows import compared, heard_by, regressions, show

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

SHARED: dict[str, Any] = {"batch_size": 32, "precision": "bf16-mixed", "sides": WeakLabelSettings(weight=0.5)}
STAGES: tuple[dict[str, Any], ...] = (
    SHARED | {"epochs": 14, "learning_rate": 1e-3},
    SHARED | {"epochs": 24, "learning_rate": 1e-3, "sides": WeakLabelSettings(weight=1.0)},
)
"""How the teacher that all others start from is trained, one after the other."""
TEACHER: dict[str, Any] = SHARED | {"epochs": 5, "learning_rate": 5e-4}
STUDENT: dict[str, Any] = SHARED | {"epochs": 6, "learning_rate": 1e-3}
"""What differs from the recipes in `training`: two cores have an hour for eighteen networks."""
RESPONSE = ResponseSettings(weight=1.0, hard=0.5, soft=0.5)
"""Labels weigh more than in the recipe: beside sides and blocks, 0.09 of them is hardly heard."""
KEEP = 48
"""Patches that a training step looks at."""


def main() -> None:
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
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work = arguments.out.with_name(f"{arguments.out.name}.runs")
    material = made_ready(arguments.heard, arguments.unheard, arguments.folds, work, arguments.store or work / "store")
    start = first_teacher(arguments.generated, material.sided, arguments.teacher, work) if arguments.generated else None
    teacher, student = recipes(arguments.teacher, arguments.student)
    record: dict[str, Any] = {
        "folds": [fold[material.fonts[0]].sheet.songs for fold in material.folds],
        "groups": len({row["group"] for row in material.songs}),
        "sided_clips": {"learnt_from": len(sides_of(material.sided)), "held_out": len(sides_of(material.held_out))},
        "heard": material.fonts[: material.heard],
        "unheard": material.fonts[material.heard :],
        "turns_of_a_song_in_an_epoch": TURNS,
        "start": None if start is None else told_of_start(start),
        "recipes": {"teacher": to_plain(teacher), "student": to_plain(student)},
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
    }
    first_weights = None if start is None else {"weights": weights_digest(start.model), "learnt_from": start.data}
    runs: dict[str, dict[int, list[dict[str, Array]]]] = {
        name: {0: answers} for name, answers in regressions(material, work).items()
    }
    trainings: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        first = replace(teacher, training=replace(teacher.training, seed=seed))
        second = replace(student, training=replace(student.training, seed=seed))
        for fold in range(arguments.folds):
            data = learning([material.folds[fold][font] for font in material.fonts[: material.heard]])
            key = [to_plain([first, second]), first_weights, data.sheet.fingerprint, material.sided[1].digest]
            name = f"{fold}-{seed}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:8]}"
            places = {network: work / f"{network}-{name}" for network in ("teacher", "student")}
            if not places["teacher"].exists():
                train_teacher(data, first, out=places["teacher"], start=start, weak_labels=[material.sided])
            if not places["student"].exists():
                taught_by = Checkpoint.load(places["teacher"])
                distill(
                    taught_by,
                    data,
                    recipe=second,
                    out=places["student"],
                    extra=ExtraData(weak_labels=(material.sided,)),
                )
            for network, place in places.items():
                made = Checkpoint.load(place)
                runs.setdefault(network, {}).setdefault(seed, []).append(heard_by(made, place, material, fold))
                trainings.append(told(network, fold, seed, made))
                print(trainings[-1], flush=True)
            write_json(arguments.out / "record.json", record | {"trainings": trainings})
    record |= {"trainings": trainings} | compared(runs, material)
    write_json(arguments.out / "record.json", record)
    show(record)


def first_teacher(folder: Path, sided: tuple[PreparedData, WeakLabels], name: str, work: Path) -> Checkpoint:
    """A teacher that has learnt from generated songs and from sides, kept in `work`."""
    generated, recipe, start = open_data(folder), load_recipe(TeacherRecipe, name, "teacher"), None
    for number, stage in enumerate(STAGES):
        place = work / f"start-{number}"
        if not place.exists():
            training = replace(recipe.training, **stage, seed=number)
            train_teacher(generated, replace(recipe, training=training), out=place, start=start, weak_labels=[sided])
        start = Checkpoint.load(place)
    assert start is not None
    return start


def recipes(teacher: str, student: str) -> tuple[TeacherRecipe, DistillRecipe]:
    """The named recipes, with the changes that stand above."""
    first, second = load_recipe(TeacherRecipe, teacher, "teacher"), load_recipe(DistillRecipe, student, "distill")
    assert isinstance(first.model, ViTSettings | ASTSettings)
    return (
        replace(first, model=replace(first.model, patch_keep=KEEP), training=replace(first.training, **TEACHER)),
        replace(
            second,
            model=replace(second.model, patch_keep=KEEP),
            training=replace(second.training, **STUDENT),
            response=RESPONSE,
            # The teacher is asked once for each turn of a song, and once for music with sides.
            views=1,
        ),
    )


def told_of_start(start: Checkpoint) -> dict[str, Any]:
    """What is worth knowing of the teacher that all others start from."""
    return {
        "weights": weights_digest(start.model),
        "learnt_from": start.data,
        "stages": [stage | {"sides": to_plain(stage["sides"])} for stage in STAGES],
        "validation_ccc": max(row["val_ccc"] for row in start.history),
        "epochs_of_the_last_stage": len(start.history),
    }


def told(name: str, fold: int, seed: int, made: Checkpoint) -> dict[str, Any]:
    """What is worth knowing of one training, beside its answers."""
    best = max(made.history, key=lambda row: row["val_ccc"])
    return {
        "network": name,
        "fold": fold,
        "seed": seed,
        "parameters": sum(p.numel() for p in made.model.parameters()),
        "epochs": len(made.history),
        "best_epoch": int(best["epoch"]) + 1,
        "validation_ccc": best["val_ccc"],
        "seconds": round(sum(row["seconds"] for row in made.history), 1),
    }


if __name__ == "__main__":
    main()
