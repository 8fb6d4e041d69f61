"""Whether a ViT that learns an encoder's embeddings beside labels is a better teacher, by cross-validation over groups.

    python benchmarks/research/vit_teachers.py OUT --songs songs.csv --data PREPARED --embeddings FILE
        [--unlabelled PREPARED FILE]... [--recipe vit_small] [--arms labels embeddings music] [--steps 1000]
        [--folds 5] [--only 0 1] [--seed 0] [--threads 1]

Songs and embeddings are those of `pretrained_students.py`. Each arm is a teacher with the recipe's network, the same
random weights and the same number of steps: `labels` learns the labels of a fold's training songs, `embeddings` also
an encoder's embeddings of these songs, and `music` also the embeddings of the music without labels. Weights are the
moving average after the last step, because a fold has no validation songs.

OUT keeps what is trained, so that a stopped run goes on. OUT/record.json has CCC and AUC of each arm with intervals
over groups, paired differences to the first arm, and the epochs of the first fold.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import torch
from msgspec import Meta
from pretrained_students import predict_clips, prepared_fold
from pretrained_students_figures import Array, Figures, intervals, mean_ccc, samples_of
from pretrained_students_sounds import read_songs
from sklearn.model_selection import GroupKFold

from sentio_mobile._internal.records import Count, Name, Record, Size, Versions, replace, write_record
from sentio_mobile.benchmarks.machine import Machine, describe_machine
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.evaluation.evaluated_model import open_model
from sentio_mobile.metrics.bootstrap import resample
from sentio_mobile.metrics.evaluation import History
from sentio_mobile.models.checkpoint import SHEET, Checkpoint, package_versions
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings
from sentio_mobile.recipes import load_recipe
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher

Arm = Literal["labels", "embeddings", "music"]


class ArmFigures(Record, frozen=True, kw_only=True):
    """What was measured of the teachers of one arm."""

    figures: Figures  # figures over all tested songs, each predicted by a teacher that did not know its group
    more_than_first: Figures | None  # paired differences to the first arm
    history: History  # epochs of the first fold's teacher


class VitTeachers(Record, frozen=True, kw_only=True):
    """record.json: what embeddings and music without labels give to a network teacher."""

    songs: Count  # tested songs
    groups: Count  # their groups, which intervals are over
    unlabelled_clips: Size  # clips without labels that the arm `music` learned from
    recipe: TeacherRecipe  # network and schedule
    arms: Annotated[dict[Name, ArmFigures], Meta(max_length=3)]  # by name
    machine: Machine  # where it ran
    versions: Versions  # packages


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, test, and write OUT/record.json."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    data, embeddings = open_data(options.data), read_clip_embeddings(options.embeddings)
    unlabelled = [(open_data(folder), read_clip_embeddings(file)) for folder, file in options.unlabelled]
    if "music" in options.arms and not unlabelled:
        raise SystemExit("the arm music needs --unlabelled PREPARED FILE")
    songs = read_songs(options.songs, data)
    recipe = load_recipe(TeacherRecipe, options.recipe, "teacher")
    training = replace(recipe.training, keep="last", ema=0.99, precision="auto", seed=options.seed, unfreeze=())
    if options.steps:
        training = replace(training, epochs=0, steps=options.steps)
    recipe = replace(recipe, training=training)
    folds = list(GroupKFold(options.folds).split(songs.labels, groups=songs.groups))
    chosen = options.only or list(range(options.folds))
    tested = np.concatenate([folds[number][1] for number in chosen])
    found: dict[Arm, list[Array]] = {arm: [] for arm in options.arms}
    histories: dict[Arm, History] = {}
    for number in chosen:
        train, test = folds[number]
        fold = prepared_fold(options.songs, data, songs, train=train, test=test, out=options.out / f"fold-{number}")
        place = {song: i for i, song in enumerate(fold.split("test").song_ids)}
        order = np.array([place[songs.ids[i]] for i in test])
        for arm in options.arms:
            folder = options.out / f"fold-{number}" / arm
            teacher = train_arm(arm, fold, embeddings, unlabelled, recipe=recipe, out=folder)
            histories.setdefault(arm, teacher.history)
            predicted = predict_clips(open_model(folder), fold.mels, fold.split("test").rows)[order]
            found[arm].append(predicted)
            print(number, arm, f"{mean_ccc(songs.labels[test], predicted):.3f}", flush=True)
    groups = [songs.groups[i] for i in tested]
    draws = resample(len(tested), 0, groups)
    samples = {
        arm: samples_of(songs.labels[tested], songs.high[tested], np.concatenate(parts), draws)
        for arm, parts in found.items()
    }
    first = options.arms[0]
    record = VitTeachers(
        songs=len(tested),
        groups=len(set(groups)),
        unlabelled_clips=sum(len(each.checksums) for _, each in unlabelled),
        recipe=recipe,
        arms={
            arm: ArmFigures(
                figures=intervals(own),
                more_than_first=None if arm == first else intervals(own, minus=samples[first]),
                history=histories[arm],
            )
            for arm, own in samples.items()
        },
        machine=describe_machine(),
        versions=package_versions(),
    )
    write_record(options.out / "record.json", record)
    for arm, one in record.arms.items():
        print(arm, ", ".join(f"{name} {x.value:.2f} [{x.low:.2f}, {x.high:.2f}]" for name, x in one.figures.items()))


def train_arm(
    arm: Arm,
    fold: PreparedData,
    embeddings: ClipEmbeddings,
    unlabelled: Sequence[tuple[PreparedData, ClipEmbeddings]],
    *,
    recipe: TeacherRecipe,
    out: Path,
) -> Checkpoint:
    """The teacher of one arm and fold, trained unless it is there."""
    if (out / SHEET).is_file():
        return Checkpoint.load(out)
    music = unlabelled if arm == "music" else []
    heard = [] if arm == "labels" else [embeddings, *(file for _, file in music)]
    with ProgressBars() as progress:
        return train_teacher(
            fold, recipe, out=out, progress=progress, unlabelled=[clips for clips, _ in music], embeddings=heard
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path, required=True)
    parser.add_argument("--unlabelled", type=Path, nargs=2, action="append", default=[])
    parser.add_argument("--recipe", default="vit_small")
    parser.add_argument("--arms", nargs="+", choices=get_args(Arm), default=list(get_args(Arm)))
    parser.add_argument("--steps", type=int, default=1000, help="Training steps; 0 takes the recipe's schedule.")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main()
