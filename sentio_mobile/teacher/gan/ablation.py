"""Does it help? The same teacher from real songs alone, with changed songs, with made-up ones, and with both.

All arms have the same songs, first weights, steps and seeds; validation and test songs are real and the same for all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.metrics.agreement import mean_of_runs, paired_difference_of_runs
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.models.checkpoint import Checkpoint, package_versions, weights_digest
from sentio_mobile.teacher.config import GanSampleSettings, TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.config import AugmentSettings

UNCHANGED = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
MIXUP = 0.2
"""Strength of mixup, where a recipe has none of its own."""


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    name: str
    is_augmented: bool
    has_synthetic: bool


ARMS = (
    Arm("real songs only", is_augmented=False, has_synthetic=False),
    Arm("+ SpecAugment and mixup", is_augmented=True, has_synthetic=False),
    Arm("+ GAN", is_augmented=False, has_synthetic=True),
    Arm("+ both", is_augmented=True, has_synthetic=True),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one arm came to.

    Attributes:
        arm: its name.
        agreement: CCC on test songs in the mean over seeds, by output and in the mean.
        gain: the same less that of real songs only, paired; None for that arm itself.
        by_seed: mean CCC of each run.
        validation: mean CCC of each run on validation songs, at its best epoch.
    """

    arm: str
    agreement: dict[str, Interval]
    gain: dict[str, Interval] | None
    by_seed: tuple[float, ...]
    validation: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """The gain in the mean CCC, in words."""
        if self.gain is None:
            return "what the others are compared with"
        gain = self.gain["mean"]
        if gain.low is None or gain.high is None:
            return "undefined"
        said = "a gain" if gain.low > 0 else "a loss" if gain.high < 0 else "no difference shown"
        return f"{said}, {gain}"


def ablate(
    data: PreparedData,
    synthetic: GanSamples,
    *,
    recipe: TeacherRecipe,
    seeds: tuple[int, ...],
    work: Path,
    progress: Progress | None = None,
    start: Checkpoint | None = None,
) -> tuple[Outcome, ...]:
    """Train every arm with every seed, and compare them on the test songs.

    A run that stands in `work` already is not made again: a killed ablation goes on where it was.

    Args:
        data: real songs.
        synthetic: made-up clips that a generator learnt from their training songs.
        recipe: the teacher; its own augmentation is that of the arms that have one, with mixup.
        seeds: of weights, order and draws.
        work: folder of the runs' checkpoints, `<arm>-<seed>-<hash of all that it was made from>`.
        progress: shown run by run.
        start: a teacher to start from.

    Raises:
        SentioError: what `train_teacher` raises.
    """
    runs = [
        [
            _run(
                data,
                synthetic,
                recipe=recipe,
                arm=arm,
                seed=seed,
                work=work,
                progress=progress or NoProgress(),
                start=start,
            )
            for seed in seeds
        ]
        for arm in ARMS
    ]
    truth = data.split("test").labels
    answers = [np.stack([_answers(run) for run in of_arm]) for of_arm in runs]
    return tuple(
        Outcome(
            arm=arm.name,
            agreement=mean_of_runs(truth, answers[i], 0),
            gain=paired_difference_of_runs(truth, answers[0], answers[i], 0) if i else None,
            by_seed=_mean_ccc(runs[i], "test"),
            validation=_mean_ccc(runs[i], "val"),
        )
        for i, arm in enumerate(ARMS)
    )


def _mean_ccc(runs: list[Checkpoint], split: str) -> tuple[float, ...]:
    found = [run.evaluation.test if split == "test" else run.evaluation.val for run in runs]
    return tuple(one.ccc["mean"].value or 0.0 for one in found if one is not None)


def arm_recipe(recipe: TeacherRecipe, arm: Arm, seed: int) -> TeacherRecipe:
    """What an arm trains with."""
    own = recipe.training.augment
    augment = replace(own, mixup=own.mixup or MIXUP) if arm.is_augmented else UNCHANGED
    # An arm without made-up songs is the same for every way of mixing them in, and is trained once for all.
    synthetic = recipe.gan_samples if arm.has_synthetic else GanSampleSettings()
    training = replace(recipe.training, augment=augment, seed=seed)
    return replace(recipe, training=training, gan_samples=synthetic)


def record_of(
    outcomes: tuple[Outcome, ...],
    data: PreparedData,
    *,
    synthetic: GanSamples,
    recipe: TeacherRecipe,
    seeds: tuple[int, ...],
) -> dict[str, Any]:
    """Plain JSON values: what came out, and what it came from."""
    return {
        "outcomes": [{**to_plain(outcome), "verdict": outcome.verdict} for outcome in outcomes],
        "seeds": list(seeds),
        "songs": {name: len(split) for name, split in data.splits.items()},
        "data": to_plain(data.origin),
        "made_up": {"clips": len(synthetic), **to_plain(synthetic.sheet.sampling)},
        "recipe": to_plain(recipe),
        "versions": package_versions(),
    }


def _run(
    data: PreparedData,
    synthetic: GanSamples,
    *,
    recipe: TeacherRecipe,
    arm: Arm,
    seed: int,
    work: Path,
    progress: Progress,
    start: Checkpoint | None,
) -> Checkpoint:
    made_up = synthetic if arm.has_synthetic else None
    how = arm_recipe(recipe, arm, seed)
    given = [
        to_plain(how), data.sheet.fingerprint, made_up and made_up.fingerprint,
        None if start is None else weights_digest(start.model),
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]
    out = work / f"{arm.name.removeprefix('+ ').replace(' ', '-')}-{seed}-{key}"
    if out.exists():
        return Checkpoint.load(out)
    named = _Named(progress, f"{arm.name}, seed {seed}")
    return train_teacher(data, how, out=out, progress=named, start=start, synthetic=made_up)


@dataclass(frozen=True)
class _Named:
    """Says which run it is that goes on."""

    progress: Progress
    name: str

    def start(self, what: str, total: int) -> None:
        self.progress.start(f"{what} ({self.name})", total)

    def advance(self, n: int = 1, note: str = "") -> None:
        self.progress.advance(n, note)

    def finish(self) -> None:
        self.progress.finish()


def _answers(run: Checkpoint) -> NDArray[np.float32]:
    assert run.evaluation.test is not None
    return run.evaluation.test.predictions.astype(np.float32)
