"""Train a GAN on log-mels and their labels."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.errors import LossError, TrainingError
from sentio_mobile.models.cgan import Discriminator, Generator
from sentio_mobile.teacher.gan.batches import Examples, loader
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint, build_gan
from sentio_mobile.teacher.gan.config import GanRecipe
from sentio_mobile.teacher.gan.losses import spread
from sentio_mobile.teacher.gan.task import GanTask
from sentio_mobile.training.callbacks import EpochHistory, ShowProgress
from sentio_mobile.training.trainer import Hardware, run_training

_MOST_CLIPS = 64
"""Real clips among which distances are measured."""


def train_gan(
    examples: Examples,
    recipe: GanRecipe,
    *,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    accelerator: str = "auto",
) -> GanCheckpoint:
    """Train to the end of the schedule, and save the running average of the generator.

    A run that was killed goes on from its last epoch when it is started again with the same recipe, clips and `out`,
    and ends with the weights that it would have had.

    Args:
        examples: clips and labels.
        recipe: networks and schedule.
        out: the checkpoint folder to write.
        progress: shown step by step.
        overwrite: an existing `out` gives way.
        accelerator: what to train on, in Lightning's words.

    Raises:
        InputError: settings that no network can be built with.
        TrainingError: fewer clips than a batch, a collapse, or a loss that is not finite; what was learnt before is
            then kept in a folder beside `out`, and the message names it.
        OutputError: `out` cannot be written.
    """
    settings = recipe.training
    batches = loader(examples, settings)
    generator, discriminator = _fresh(examples, recipe)
    task = GanTask(
        generator,
        discriminator,
        settings,
        recipe.model.noise,
        _real_spread(examples, settings.seed),
        torch.from_numpy(examples.labels[:1]),
    )
    work = out.with_name(f"{out.name}.training")
    inputs = [to_plain(recipe), examples.audio.to_dict(), list(examples.classes), examples.origin.fingerprint]
    last = ModelCheckpoint(work, filename="epoch", save_last=True, enable_version_counter=False)
    history = EpochHistory()
    shown = ShowProgress(
        progress or NoProgress(), "training the GAN", "discriminator_accuracy", "discriminator {:.0%} right"
    )
    fault = None
    try:
        run_training(
            task,
            batches,
            work=work,
            key=hashlib.sha256(json.dumps(inputs).encode()).hexdigest(),
            epochs=settings.epochs,
            precision=settings.precision,
            callbacks=[last, history, shown],
            hardware=Hardware(accelerator=accelerator),
        )
    except LossError as error:
        if not history.rows:
            raise
        fault = str(error)
        state = torch.load(work / "last.ckpt", map_location="cpu", weights_only=True)["state_dict"]
        task.load_state_dict(state, strict=False)
    fault = fault or task.fault
    checkpoint = _checkpoint(task, examples, recipe, history)
    if fault:
        stopped = out.with_name(f"{out.name}.stopped")
        checkpoint.save(stopped, overwrite=True)
        raise TrainingError(f"{fault}; what was learnt before is kept in {stopped}")
    checkpoint.save(out, overwrite)
    shutil.rmtree(work)
    return checkpoint


def untrained(examples: Examples, recipe: GanRecipe) -> GanCheckpoint:
    """The networks as they are before their first step, to judge what training has brought."""
    generator, discriminator = _fresh(examples, recipe)
    return GanCheckpoint(
        generator=generator.eval(),
        discriminator=discriminator.eval(),
        settings=recipe.model,
        audio=examples.audio,
        classes=examples.classes,
        labels=_labels(examples),
        recipe=to_plain(recipe),
        history=[],
        data=to_plain(examples.origin),
    )


def _fresh(examples: Examples, recipe: GanRecipe) -> tuple[Generator, Discriminator]:
    """Networks whose first weights hang on the recipe's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        return build_gan(recipe.model, examples.audio, examples.classes)


def _checkpoint(task: GanTask, examples: Examples, recipe: GanRecipe, history: EpochHistory) -> GanCheckpoint:
    average = task.average.module.cpu().requires_grad_(True).eval()
    assert isinstance(average, Generator)
    discriminator = task.discriminator.cpu().requires_grad_(True).eval()
    return GanCheckpoint(
        generator=average,
        discriminator=discriminator,
        settings=recipe.model,
        audio=examples.audio,
        classes=examples.classes,
        labels=_labels(examples),
        recipe=to_plain(recipe),
        history=history.rows,
        data=to_plain(examples.origin),
    )


def _labels(examples: Examples) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.empty((0, 2), dtype=np.float32) if examples.classes else examples.labels


def _real_spread(examples: Examples, seed: int) -> float:
    chosen = np.random.default_rng(seed).permutation(len(examples))[:_MOST_CLIPS]
    clips = np.asarray(examples.mels[np.sort(examples.rows[chosen])], dtype=np.float32)
    found = float(spread(torch.from_numpy(clips)))
    if not found > 0:
        raise TrainingError("the training clips are all the same; give clips that differ")
    return found
