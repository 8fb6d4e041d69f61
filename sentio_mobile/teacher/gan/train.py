"""Train a GAN on log-mels and their labels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.errors import LossError, TrainingError
from sentio_mobile.metrics.evaluation import History
from sentio_mobile.models.cgan import Discriminator, Generator
from sentio_mobile.teacher.gan.batches import Examples, gan_loader
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint, build_gan
from sentio_mobile.teacher.gan.config import GanRecipe
from sentio_mobile.teacher.gan.losses import mean_distance
from sentio_mobile.teacher.gan.task import GanTask
from sentio_mobile.training.callbacks import METRICS, EpochHistory, MetricsFile, ShowProgress
from sentio_mobile.training.states import EpochStates
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware, run_training, training_folder

_DISTANCE_CLIPS = 64
"""Real clips between which distances are measured."""


def train_gan(
    examples: Examples,
    recipe: GanRecipe,
    *,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    hardware: Hardware = ONE_DEVICE,
) -> GanCheckpoint:
    """Train to the end of the schedule, and save the generator with the running average of its weights.

    A killed run continues from its last epoch if it is started again with the same recipe, clips and `out`. It ends
    with the weights that an uninterrupted run has.

    Args:
        examples: Clips and labels.
        recipe: Widths and schedule.
        out: Checkpoint folder to write.
        progress: Progress, step by step.
        overwrite: Whether an existing `out` is overwritten.
        hardware: Where training runs.

    Raises:
        TrainingError: There are fewer clips than a batch, training has collapsed, or a loss is not finite. The last
            state is then saved in a folder beside `out`, which the message names.
        OutputError: `out` cannot be written.
    """
    settings = recipe.training
    batches = gan_loader(examples, settings)
    generator, discriminator = _initialize(examples, recipe)
    task = GanTask(
        generator,
        discriminator,
        recipe=recipe,
        real_distance=_real_distance(examples, settings.seed),
        label=torch.from_numpy(examples.labels[:1]),
    )
    with training_folder(out, overwrite) as work:
        inputs = [to_plain(recipe), to_plain(examples.audio), list(examples.classes), examples.origin.fingerprint]
        states = EpochStates(work)
        history = EpochHistory()
        shown = ShowProgress(
            progress or NoProgress(), "training the GAN", "discriminator_accuracy", "discriminator {:.0%} correct"
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
                callbacks=[history, MetricsFile(history, work / METRICS), states, shown],
                hardware=hardware,
            )
        except LossError as error:
            if states.kept is None:
                raise
            fault = str(error)
            state = torch.load(states.kept, map_location="cpu", weights_only=True)["state_dict"]
            task.load_state_dict(state, strict=False)
        fault = fault or task.fault
        average = task.average.module.cpu().requires_grad_(True)
        assert isinstance(average, Generator)
        networks = average, task.discriminator.cpu().requires_grad_(True)
        checkpoint = _checkpoint(networks, examples, recipe, tuple(history.rows))
        if fault:
            stopped = out.with_name(f"{out.name}.stopped")
            checkpoint.save(stopped, overwrite=True)
            raise TrainingError(f"{fault}; the last state is saved in {stopped}")
        checkpoint.save(out, overwrite)
    return checkpoint


def untrained(examples: Examples, recipe: GanRecipe) -> GanCheckpoint:
    """The GAN before its first step, to evaluate what training improves."""
    return _checkpoint(_initialize(examples, recipe), examples, recipe, ())


def _initialize(examples: Examples, recipe: GanRecipe) -> tuple[Generator, Discriminator]:
    """Networks whose first weights depend on the recipe's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        return build_gan(recipe.model, examples.audio, examples.classes)


def _checkpoint(
    networks: tuple[Generator, Discriminator], examples: Examples, recipe: GanRecipe, history: History
) -> GanCheckpoint:
    generator, discriminator = networks
    labels: NDArray[np.float32] = np.empty((0, 2), dtype=np.float32) if examples.classes else examples.labels
    return GanCheckpoint(
        generator=generator.eval(),
        discriminator=discriminator.eval(),
        audio=examples.audio,
        classes=examples.classes,
        labels=labels,
        recipe=recipe,
        history=history,
        data=examples.origin,
    )


def _real_distance(examples: Examples, seed: int) -> float:
    chosen = np.random.default_rng(seed).permutation(len(examples))[:_DISTANCE_CLIPS]
    clips = np.asarray(examples.mels[np.sort(examples.rows[chosen])], dtype=np.float32)
    distance = float(mean_distance(torch.from_numpy(clips)))
    if not distance > 0:
        raise TrainingError("the training clips are all the same; give clips that differ")
    return distance
