"""Who is told of a training's metrics besides `metrics.csv`: Lightning's own loggers, by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from sentio_mobile.errors import InputError
from sentio_mobile.training.config import require_logger

PROJECT = "sentio-mobile"
"""The project, or experiment, under which runs are listed."""

_Opened = TensorBoardLogger | WandbLogger | MLFlowLogger


def _tensorboard(logs: Path, run: str) -> _Opened:
    return TensorBoardLogger(save_dir=logs, name="tensorboard", version="")


def _wandb(logs: Path, run: str) -> _Opened:
    logs.mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=run, project=PROJECT, save_dir=logs)


def _mlflow(logs: Path, run: str) -> _Opened:
    if where := os.environ.get("MLFLOW_TRACKING_URI"):
        return MLFlowLogger(experiment_name=PROJECT, run_name=run, tracking_uri=where)
    # MLflow takes no plain folder any more: a database of one file.
    logs.mkdir(parents=True, exist_ok=True)
    return MLFlowLogger(
        experiment_name=PROJECT,
        run_name=run,
        tracking_uri=f"sqlite:///{logs.absolute() / 'mlflow.db'}",
        artifact_location=(logs.absolute() / "mlartifacts").as_uri(),
    )


_OPEN: dict[str, Callable[[Path, str], _Opened]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


_ADVICE = {
    "tensorboard": "choose an --out that you can write to",
    "wandb": "run `wandb login`, or set WANDB_MODE=offline",
    "mlflow": "check the variable MLFLOW_TRACKING_URI, or leave it out",
}


def open_logger(name: str, work: Path) -> Logger | Literal[False]:
    """A logger of Lightning's, whose files lie in `<out>.logs` beside `<out>.training`.

    Args:
        name: `csv` for none besides `metrics.csv`, or `tensorboard`, `wandb` or `mlflow`.
        work: Folder of the run's states.

    Raises:
        InputError: Its package is not installed, there is no such logger, or it cannot be opened.
    """
    require_logger(name)
    if name == "csv":
        return False
    run = work.name.removesuffix(".training")
    try:
        opened = _OPEN[name](work.with_name(f"{run}.logs"), run)
        # Lightning connects when the first number is told. What is wrong is said before anything is trained.
        _ = opened.experiment
    except Exception as error:  # Services and their settings fail in many ways.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"the logger {name} cannot be opened ({reason}); {_ADVICE[name]}") from error
    return opened
