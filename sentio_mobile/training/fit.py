"""The one trainer set-up: any network, any objective, resumed where a killed run stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import OutputError
from sentio_mobile.progress import Progress
from sentio_mobile.recipes import TrainingSettings
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.callbacks import History, ShowProgress
from sentio_mobile.training.dataset import ordered_loader, training_loader
from sentio_mobile.training.objectives import Objective
from sentio_mobile.training.task import EmotionTask


def fit(
    model: nn.Module,
    spec: ModelSpec,
    data: PreparedData,
    settings: TrainingSettings,
    objective: Objective,
    work: Path,
    progress: Progress,
    what: str,
) -> list[dict[str, float]]:
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

    Returns:
        One row of metrics an epoch.

    Raises:
        TrainingError: too few songs, or a loss that is not finite; what `work` holds stays.
        OutputError: `work` cannot be written.
    """
    given = [spec.to_dict(), asdict(settings), data.sheet["fingerprint"], objective.signature]
    key = hashlib.sha256(json.dumps(given).encode()).hexdigest()
    try:
        if work.exists() and not (work / key).exists():
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        (work / key).touch()
    except OSError as error:
        raise OutputError(f"cannot write {work}: {error.strerror}; choose a folder that you can write to") from error
    history = History()
    best = ModelCheckpoint(
        work, filename="best", monitor="val_ccc", mode="max", save_last=True, enable_version_counter=False
    )
    last = work / "last.ckpt"
    with _quiet():
        lightning.seed_everything(settings.seed, verbose=False)
        trainer = lightning.Trainer(
            max_epochs=settings.epochs,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip,
            precision=settings.precision,
            devices=1,
            callbacks=[
                best,
                EarlyStopping("val_ccc", mode="max", patience=settings.patience),
                history,
                ShowProgress(progress, what),
            ],
            default_root_dir=work,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(
            EmotionTask(model, spec, settings, objective),
            training_loader(data, settings.batch_size),
            ordered_loader(data, "val"),
            ckpt_path=last if last.is_file() else None,
            weights_only=True,
        )
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    model.cpu().load_state_dict({n.removeprefix("model."): w for n, w in state.items() if n.startswith("model.")})
    model.eval()
    return history.rows


def predict(model: nn.Module, spec: ModelSpec, data: PreparedData, split: str) -> NDArray[np.float32]:
    """A model's answers [songs, 2] for the songs of one split, in the order of the file."""
    with torch.inference_mode():
        answers = [model(to_input_batch(mels, spec)) for mels, _ in ordered_loader(data, split)]
    return torch.cat(answers).numpy()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice off the terminal: loaders read a memory map, and workers would only copy it about."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for advice in (
                r".*does not have many workers.*",
                r".*Checkpoint directory .* exists.*",
                r".*`isinstance.treespec.*",
            ):
                warnings.filterwarnings("ignore", message=advice)
            yield
    finally:
        logger.setLevel(level)
