"""The one set-up of Lightning's trainer: hardware, the work folder that holds a run's state, and resuming."""

from __future__ import annotations

import logging
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException

from sentio_mobile._internal.claims import FAULTS_OF_PLACE, cannot_write, claimed, remove
from sentio_mobile._internal.files import require_free
from sentio_mobile.errors import OutputError, TrainingError
from sentio_mobile.training.callbacks import ShowProgress, is_first_process
from sentio_mobile.training.loggers import open_logger
from sentio_mobile.training.states import WholeFiles, newest_state


@dataclass(frozen=True)
class Hardware:
    """Where training runs, in Lightning's terms: devices per node, nodes, strategy, accelerator; and who is told."""

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    accelerator: str = "auto"
    logger: str = "csv"


ONE_DEVICE = Hardware()


def run_training(
    task: lightning.LightningModule,
    batches: Any,
    *,
    work: Path,
    key: str,
    epochs: int,
    precision: Any,
    callbacks: list[Callback],
    hardware: Hardware = ONE_DEVICE,
    accumulate: int = 1,
    clip: float | None = None,
    has_frozen_weights: bool = False,
) -> lightning.Trainer:
    """Train a network, from the last completed epoch if `work` holds the state of the same run.

    Args:
        task: The Lightning module.
        batches: A data loader or a Lightning data module.
        work: Folder of the run's states. An `EpochStates` must be among the callbacks for a run to be resumable.
        key: Hash of everything that decides the run's result. State under another key is deleted.
        epochs: Epochs to train.
        precision: Lightning's precision, such as `32-true` or `16-mixed`.
        callbacks: Lightning callbacks, in order.
        hardware: Where training runs.
        accumulate: Batches per optimizer step.
        clip: Largest gradient norm; None for modules that optimize by hand.
        has_frozen_weights: Whether some weights have no gradient in some epochs.

    Returns:
        The trainer, after training.

    Raises:
        TrainingError: Lightning refuses the hardware.
        InputError: The logger's package is not installed.
        OutputError: `work` cannot be written.
        KeyboardInterrupt: Training was interrupted. SIGTERM ends the process with status 143.
    """
    if is_first_process():
        claim_work_folder(work, key)
    parallel = hardware.devices * hardware.nodes > 1
    strategy = hardware.strategy
    if strategy == "auto" and parallel:
        # Plain `ddp` waits for the gradient of every weight, and takes a frozen weight for a fault.
        strategy = "ddp_find_unused_parameters_true" if has_frozen_weights else "ddp"
    shown = next((one for one in callbacks if isinstance(one, ShowProgress)), None)
    state = newest_state(work, shown.say if shown else lambda words: None)
    with quiet_lightning():
        try:
            trainer = lightning.Trainer(
                max_epochs=epochs,
                accumulate_grad_batches=accumulate,
                gradient_clip_val=clip,
                precision=precision,
                devices=hardware.devices,
                num_nodes=hardware.nodes,
                strategy=strategy,
                accelerator=hardware.accelerator,
                sync_batchnorm=parallel and torch.cuda.is_available(),
                use_distributed_sampler=False,
                callbacks=callbacks,
                plugins=[WholeFiles()],
                default_root_dir=work,
                logger=open_logger(hardware.logger, work) if is_first_process() else False,
                log_every_n_steps=1,  # metrics are those of an epoch; some have fewer steps than the default
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
        except (MisconfigurationException, ValueError, RuntimeError) as error:
            raise TrainingError(f"cannot train on this hardware: {' '.join(str(error).split())}") from error
        try:
            trainer.fit(task, batches, ckpt_path=state, weights_only=True)
        except SIGTERMException:
            # Lightning ends a process that was told to stop as if training had succeeded.
            raise SystemExit(128 + signal.SIGTERM) from None
        except SystemExit as ended:
            if ended.code == 1 and trainer.interrupted:
                raise KeyboardInterrupt from None
            raise
        except OSError as error:
            if error.errno in FAULTS_OF_PLACE:
                raise cannot_write(work, error) from error
            raise
    return trainer


@contextmanager
def training_folder(out: Path, overwrite: bool, *more: Path) -> Iterator[Path]:
    """The folder beside `out` that holds a run's states, until the block has written `out`; then it is removed.

    Args:
        out: What the run makes.
        overwrite: Whether an existing `out` gives way.
        more: Other folders that go with it.

    Raises:
        OutputError: Another process trains for `out`, `out` exists and `overwrite` is false, or it cannot be written.
    """
    work = out.with_name(f"{out.name}.training")
    if not is_first_process():
        yield work
        return
    with claimed(out):
        try:
            require_free(out, overwrite)
        except OutputError:
            if work.is_dir() and out.is_dir() and out.stat().st_mtime > max(map(_time, work.iterdir()), default=0):
                # Of a run that was killed when it had just written `out`.
                for path in (work, *more):
                    remove(path)
            raise
        yield work
        for path in (*more, work):
            remove(path)


def _time(path: Path) -> float:
    return path.stat().st_mtime


def claim_work_folder(work: Path, key: str) -> None:
    """Make `work` the folder of the run with this key. The state of a run with another key is deleted.

    Raises:
        OutputError: The folder cannot be written.
    """
    try:
        if work.exists() and not (work / key).exists():
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        (work / key).touch()
    except OSError as error:
        raise OutputError(f"cannot write {work}: {error.strerror}; choose a folder that you can write to") from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice off the terminal: loaders read a memory map, so that more workers would only copy it."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for advice in (
                r".*does not have many workers.*",
                r".*Checkpoint directory .* exists.*",
                r".*`isinstance.treespec.*",
                r"Total length of `list` across ranks is zero.*",  # there need not be validation songs
            ):
                warnings.filterwarnings("ignore", message=advice)
            yield
    finally:
        logger.setLevel(level)
