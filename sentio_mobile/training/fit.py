"""Train any network with any objective, resumed where a killed run stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import LossError
from sentio_mobile.metrics.evaluation import History
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.callbacks import (
    DeadLossTermGuard,
    EpochHistory,
    GradualUnfreezing,
    ShowProgress,
)
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.datamodule import SongDataModule, ordered_loader, song_predictions
from sentio_mobile.training.lightning_module import EmotionTask
from sentio_mobile.training.objectives import Objective
from sentio_mobile.training.sources import NO_EXTRA_DATA, ExtraData
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
    extras: ExtraData = NO_EXTRA_DATA,
) -> History:
    """Train `model` in place and leave it with the weights of the best epoch, in evaluation mode.

    The trainer's own state is kept in `work` while training goes on. A later call with the same model, settings, data
    and objective goes on from the last epoch that was completed; a call with others starts anew.

    Args:
        model: the network.
        spec: its spec.
        data: songs; training learns from `train` and chooses by `val`.
        settings: the schedule.
        objective: what a step minimizes.
        work: folder for the trainer's state.
        progress: shown step by step.
        what: what the progress calls it.
        hardware: where it runs. Of several processes only the first returns; the others end here, their work done.
        extras: what training sees beside the training songs.

    Returns:
        One row of metrics an epoch.

    Raises:
        LossError: a loss that is not finite. If an epoch was completed before, the model has the weights of the best.
        TrainingError: too few songs, a schedule that does not fit the model, hardware that Lightning refuses, or a term
            of the loss that teaches nothing.
        OutputError: `work` cannot be written.
    """
    given = [
        spec.to_dict(), to_plain(settings), data.sheet.fingerprint, objective.signature, *extras.signature
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(given).encode()).hexdigest()
    songs = SongDataModule(data, settings, extras, spec.pooling)
    history = EpochHistory()
    best = ModelCheckpoint(
        work, filename="best", monitor="val_ccc", mode="max", save_last=True, enable_version_counter=False
    )
    # History before what may stop the run; averaging before what saves and judges the weights.
    callbacks: list[Callback] = [
        *([EMAWeightAveraging(decay=settings.ema)] if settings.ema else []),
        best,
        EarlyStopping("val_ccc", mode="max", patience=settings.patience),
        history,
        ShowProgress(progress, what),
        *([DeadLossTermGuard(objective.shares)] if objective.shares else []),
        *([GradualUnfreezing(model, settings.unfreeze)] if settings.unfreeze else []),
    ]
    lightning.seed_everything(settings.seed, verbose=False)
    try:
        trainer = run_training(
            EmotionTask(model, spec, settings, objective),
            songs,
            work=work,
            key=key,
            epochs=settings.epochs,
            precision=settings.precision,
            callbacks=callbacks,
            hardware=hardware,
            accumulate=settings.accumulate,
            clip=settings.clip,
            has_frozen_weights=bool(settings.unfreeze),
        )
    except LossError as error:
        if best.best_model_path:
            _restore(model, best.best_model_path)
        raise LossError(str(error), history.rows) from error
    if not trainer.is_global_zero:
        raise SystemExit(0)
    _restore(model, best.best_model_path)
    return tuple(history.rows)


def _restore(model: nn.Module, path: str) -> None:
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    model.cpu().load_state_dict({n.removeprefix("model."): w for n, w in state.items() if n.startswith("model.")})
    model.requires_grad_(True).eval()


def predict(model: nn.Module, spec: ModelSpec, data: PreparedData, split: str) -> NDArray[np.float32]:
    """A model's answers [songs, 2] for the songs of one split, in the order of the file."""
    with torch.inference_mode():
        answers = [song_predictions(model, clips, spec) for clips, _ in ordered_loader(data, split, spec.pooling)]
    return torch.cat(answers).numpy()
