"""Train any network with any objective; an interrupted run is resumed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.prepared import PreparedData, Split
from sentio_mobile.errors import LossError, TrainingError
from sentio_mobile.metrics.evaluation import History, SplitEvaluation, evaluate
from sentio_mobile.spec import OUTPUTS, ModelSpec
from sentio_mobile.training.callbacks import (
    METRICS,
    SPEC,
    DeadLossTermGuard,
    EpochHistory,
    GradualUnfreezing,
    MetricsFile,
    ShowProgress,
    SpecFile,
    StopEarly,
)
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.datamodule import SongDataModule, ordered_loader, song_predictions
from sentio_mobile.training.lightning_module import EmotionModule
from sentio_mobile.training.objectives import Objective
from sentio_mobile.training.sources import NO_EXTRA_SOURCES, TrainingSources
from sentio_mobile.training.states import EpochStates, is_whole, load_network
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware, run_training


def fit(
    model: nn.Module,
    spec: ModelSpec,
    *,
    data: PreparedData,
    settings: TrainingSettings,
    objective: Objective,
    work: Path,
    progress: Progress,
    what: str,
    hardware: Hardware = ONE_DEVICE,
    sources: TrainingSources = NO_EXTRA_SOURCES,
) -> History:
    """Train a network in place; afterwards it has the weights that `settings.keep` names, in evaluation mode.

    The trainer's state is kept in `work` during training. A later call with the same spec, settings, data, objective
    and sources continues after the last completed epoch; a call with others starts from the beginning.

    Args:
        model: The network.
        spec: Its spec.
        data: Prepared songs. The split `train` is trained on. `val` chooses the best epoch; where the last weights are
            kept, it is only watched, and may be empty.
        settings: The training schedule.
        objective: What a training step minimizes.
        work: Folder for the trainer's state.
        progress: Receives each step.
        what: Description of the run for the progress display.
        hardware: Where training runs. Only the first of several processes returns; the others exit when done.
        sources: What training draws from besides the training songs.

    Returns:
        One row of metrics per epoch.

    Raises:
        LossError: The loss is not finite. If an epoch was completed before, the model has the best epoch's weights, or
            the last ones.
        TrainingError: There are too few songs, the schedule does not fit the model, Lightning refuses the hardware, or
            a loss term has no effect.
        OutputError: `work` cannot be written.
    """
    inputs = [
        spec.to_dict(), to_plain(settings), data.sheet.fingerprint, objective.signature, *sources.signature
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    songs = SongDataModule(data, settings, sources, spec.pooling)
    history = EpochHistory()
    by_validation = settings.keep == "best"
    states = EpochStates(work, "val_ccc" if by_validation else None)
    # The history must come before callbacks that can stop the run, and averaging before those that use the weights.
    callbacks: list[Callback] = [
        *([EMAWeightAveraging(decay=settings.ema)] if settings.ema else []),
        *([StopEarly("val_ccc", mode="max", patience=settings.patience)] if by_validation else []),
        history,
        SpecFile(spec, work / SPEC),
        MetricsFile(history, work / METRICS),
        states,
        ShowProgress(progress, what),
        *([DeadLossTermGuard(objective.weights)] if objective.weights else []),
        *([GradualUnfreezing(model, settings.unfreeze)] if settings.unfreeze else []),
    ]
    lightning.seed_everything(settings.seed, verbose=False)
    try:
        trainer = run_training(
            EmotionModule(model, spec, settings, objective),
            songs,
            work=work,
            key=key,
            epochs=settings.epochs_for(songs.n_clips),
            precision=settings.precision,
            callbacks=callbacks,
            hardware=hardware,
            accumulate=settings.accumulate,
            clip=settings.clip,
            has_frozen_weights=bool(settings.unfreeze),
        )
    except LossError as error:
        if states.kept:
            restore(model, states.kept)
        raise LossError(str(error), history.rows) from error
    if not trainer.is_global_zero:
        raise SystemExit(0)
    assert states.kept is not None
    restore(model, states.kept)
    return tuple(history.rows)


def restore(model: nn.Module, path: Path) -> None:
    """Give a network the weights in a state of the trainer, and set it to evaluation.

    Raises:
        TrainingError: The state was damaged or deleted after it was written.
    """
    if not is_whole(path):
        raise TrainingError(f"{path} was damaged or deleted during training; give the command again")
    load_network(model.cpu(), path)
    model.requires_grad_(True).eval()


def predict(model: nn.Module, spec: ModelSpec, data: PreparedData, split: str) -> NDArray[np.float32]:
    """Predict valence and arousal [songs, 2] for the songs of one split, in the order of the file."""
    with torch.inference_mode():
        predictions = [song_predictions(model, clips, spec) for clips, _ in ordered_loader(data, split, spec.pooling)]
    return torch.cat(predictions).numpy() if predictions else np.zeros((0, len(OUTPUTS)), dtype=np.float32)


def evaluate_split(
    model: nn.Module, spec: ModelSpec, data: PreparedData, split: str, *, seed: int
) -> SplitEvaluation | None:
    """Evaluate a network on the songs of one split.

    Args:
        model: The network, in evaluation mode.
        spec: Its spec.
        data: Prepared songs.
        split: Name of the split.
        seed: Random seed for the bootstrap.

    Returns:
        None for a split without songs.
    """
    songs = data.split(split)
    if not len(songs):
        return None
    return evaluate_songs(songs, predict(model, spec, data, split), seed)


def evaluate_songs(songs: Split, predicted: NDArray[np.floating], seed: int) -> SplitEvaluation:
    """Measure predictions for the songs of one split, with what their raters and their data sets mean for it.

    Args:
        songs: The songs of the split.
        predicted: Predictions [songs, 2].
        seed: Random seed for the bootstrap.
    """
    return evaluate(songs.song_ids, songs.labels, predicted, seed, errors=songs.errors, sources=songs.sources)
