"""Who is told of a training's metrics besides `metrics.csv`: Lightning's own loggers, by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from sentio_mobile.training.config import require_logger

PROJECT = "sentio-mobile"
"""The project, or experiment, under which runs are listed."""


def _tensorboard(logs: Path, run: str) -> Logger:
    return TensorBoardLogger(save_dir=logs, name="tensorboard", version="")


def _wandb(logs: Path, run: str) -> Logger:
    logs.mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=run, project=PROJECT, save_dir=logs)


def _mlflow(logs: Path, run: str) -> Logger:
    where = os.environ.get("MLFLOW_TRACKING_URI") or f"file:{logs.absolute() / 'mlruns'}"
    return MLFlowLogger(experiment_name=PROJECT, run_name=run, tracking_uri=where)


_OPEN: dict[str, Callable[[Path, str], Logger]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


def open_logger(name: str, work: Path) -> Logger | Literal[False]:
    """A logger of Lightning's, whose files lie in `<out>.logs` beside `<out>.training`.

    Args:
        name: `csv` for none besides `metrics.csv`, or `tensorboard`, `wandb` or `mlflow`.
        work: Folder of the run's states.

    Raises:
        InputError: Its package is not installed, or there is no such logger.
    """
    require_logger(name)
    if name == "csv":
        return False
    run = work.name.removesuffix(".training")
    return _OPEN[name](work.with_name(f"{run}.logs"), run)
