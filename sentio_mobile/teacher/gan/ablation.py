"""Whether GAN samples help: one teacher trained on real songs alone, with augmentation, with GAN samples, with both.

All arms have the same songs, first weights, number of steps and seeds. Validation and test songs are real and the same
for all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Count, Name, Record, Seed, replace, to_plain
from sentio_mobile.data.gan_samples import GanSamples, Sampling
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference_of_runs
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.evaluation import SplitEvaluation
from sentio_mobile.models.checkpoint import Checkpoint, package_versions, weights_digest
from sentio_mobile.spec import DataOrigin
from sentio_mobile.teacher.config import GanSampleSettings, TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.config import AugmentSettings
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware

NO_AUGMENTATION = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
DEFAULT_MIXUP = 0.2
"""Strength of mixup if the recipe has none."""

Intervals = Annotated[dict[Name, Interval], Meta(max_length=3)]
"""Intervals of valence, arousal and their mean, by name."""

MeanCccs = Annotated[tuple[Annotated[float, Meta(ge=-1, le=1)] | None, ...], Meta(max_length=1000)]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train.

    Attributes:
        name: What tables call it.
        is_augmented: Whether training songs are augmented.
        has_gan_samples: Whether GAN samples are mixed in.
    """

    name: str
    is_augmented: bool
    has_gan_samples: bool


ARMS = (
    Arm(name="real songs only", is_augmented=False, has_gan_samples=False),
    Arm(name="+ SpecAugment and mixup", is_augmented=True, has_gan_samples=False),
    Arm(name="+ GAN", is_augmented=False, has_gan_samples=True),
    Arm(name="+ both", is_augmented=True, has_gan_samples=True),
)


class ArmResult(Record, frozen=True, kw_only=True):
    """The result of one arm."""

    arm: Name  # name of the arm
    ccc: Intervals  # CCC on test songs, averaged over seeds
    gain: Intervals | None  # paired difference to real songs only; None for that arm itself
    by_seed: MeanCccs  # mean CCC of each run on test songs
    validation: MeanCccs  # mean CCC of each run on validation songs, at its best epoch

    @property
    def verdict(self) -> str:
        """The gain in the mean CCC, in words."""
        if self.gain is None:
            return "the reference"
        gain = self.gain["mean"]
        if gain.low is None or gain.high is None:
            return "undefined"
        words = "a gain" if gain.low > 0 else "a loss" if gain.high < 0 else "no difference shown"
        return f"{words}, {gain}"


class AblationSamples(Record, frozen=True, kw_only=True):
    """The GAN samples of an ablation."""

    n: Count  # number of samples
    sampling: Sampling  # how they were generated


class AblationRecord(Record, frozen=True, kw_only=True):
    """ablation.json: the result of each arm, and everything that it was computed from."""

    schema: Literal[2] = 2  # version of this record
    arms: Annotated[tuple[ArmResult, ...], Meta(max_length=100)]  # result of each arm
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1, max_length=1000)]  # seeds of the runs
    songs: Annotated[dict[Name, Count], Meta(max_length=100)]  # number of songs of each split
    data: DataOrigin  # origin of the songs
    gan_samples: AblationSamples  # the samples that were mixed in
    recipe: TeacherRecipe  # the teacher
    versions: Annotated[dict[Name, Name], Meta(max_length=100)]  # packages that it was computed with


def ablate(
    data: PreparedData,
    gan_samples: GanSamples,
    *,
    recipe: TeacherRecipe,
    seeds: tuple[int, ...],
    work: Path,
    progress: Progress | None = None,
    start: Checkpoint | None = None,
    hardware: Hardware = ONE_DEVICE,
) -> AblationRecord:
    """Train every arm with every seed, and compare the arms on the test songs.

    Runs that exist in `work` are not repeated, so that a killed ablation continues.

    Args:
        data: Real songs.
        gan_samples: Samples of a GAN that was trained on their training songs.
        recipe: The teacher. Arms with augmentation use the recipe's, with mixup.
        seeds: Random seeds for weights, order and draws, one run each.
        work: Folder of the runs' checkpoints, `<arm>-<seed>-<hash of everything that decides the result>`.
        progress: Progress, run by run.
        start: A teacher to start from.
        hardware: Where training runs.

    Raises:
        SentioError: As for `train_teacher`.
    """
    runs = [
        [
            _run(
                data,
                gan_samples,
                recipe=recipe,
                arm=arm,
                seed=seed,
                work=work,
                progress=progress or NoProgress(),
                start=start,
                hardware=hardware,
            )
            for seed in seeds
        ]
        for arm in ARMS
    ]
    labels = data.split("test").labels
    predictions = [np.stack([_predictions(run) for run in arm_runs]) for arm_runs in runs]
    results = tuple(
        ArmResult(
            arm=arm.name,
            ccc=mean_of_runs(labels, predictions[i], 0),
            gain=paired_difference_of_runs(labels, predictions[0], predictions[i], 0) if i else None,
            by_seed=tuple(_evaluation(run, "test").ccc["mean"].value for run in runs[i]),
            validation=tuple(_evaluation(run, "val").ccc["mean"].value for run in runs[i]),
        )
        for i, arm in enumerate(ARMS)
    )
    return AblationRecord(
        arms=results,
        seeds=seeds,
        songs={name: len(split) for name, split in data.splits.items()},
        data=data.origin,
        gan_samples=AblationSamples(n=len(gan_samples), sampling=gan_samples.sheet.sampling),
        recipe=recipe,
        versions=package_versions(),
    )


def arm_recipe(recipe: TeacherRecipe, arm: Arm, seed: int) -> TeacherRecipe:
    """The recipe of one run."""
    own = recipe.training.augment
    augment = replace(own, mixup=own.mixup or DEFAULT_MIXUP) if arm.is_augmented else NO_AUGMENTATION
    # An arm without GAN samples does not depend on how they would be mixed in, and is trained once for all ways.
    gan_samples = recipe.gan_samples if arm.has_gan_samples else GanSampleSettings()
    training = replace(recipe.training, augment=augment, seed=seed)
    return replace(recipe, training=training, gan_samples=gan_samples)


def _run(
    data: PreparedData,
    gan_samples: GanSamples,
    *,
    recipe: TeacherRecipe,
    arm: Arm,
    seed: int,
    work: Path,
    progress: Progress,
    start: Checkpoint | None,
    hardware: Hardware,
) -> Checkpoint:
    samples = gan_samples if arm.has_gan_samples else None
    run_recipe = arm_recipe(recipe, arm, seed)
    inputs = [
        to_plain(run_recipe), data.sheet.fingerprint, samples and samples.fingerprint,
        None if start is None else weights_digest(start.model),
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:8]
    out = work / f"{arm.name.removeprefix('+ ').replace(' ', '-')}-{seed}-{key}"
    if out.exists():
        return Checkpoint.load(out)
    run_progress = _RunProgress(progress, f"{arm.name}, seed {seed}")
    return train_teacher(
        data, run_recipe, out=out, progress=run_progress, start=start, gan_samples=samples, hardware=hardware
    )


@dataclass(frozen=True)
class _RunProgress:
    """Progress that names the run."""

    progress: Progress
    name: str

    def start(self, what: str, total: int) -> None:
        self.progress.start(f"{what} ({self.name})", total)

    def advance(self, n: int = 1, note: str = "") -> None:
        self.progress.advance(n, note)

    def say(self, line: str) -> None:
        self.progress.say(line)

    def finish(self) -> None:
        self.progress.finish()


def _evaluation(run: Checkpoint, split: Literal["val", "test"]) -> SplitEvaluation:
    evaluation = run.evaluation.test if split == "test" else run.evaluation.val
    assert evaluation is not None, "train_teacher evaluates both splits"
    return evaluation


def _predictions(run: Checkpoint) -> NDArray[np.float32]:
    return _evaluation(run, "test").predictions.astype(np.float32)
