"""Lightning callbacks: progress, history, the guard against dead loss terms, and gradual unfreezing."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, WeightAveraging
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import write_record
from sentio_mobile._internal.tables import write_table
from sentio_mobile.errors import TrainingError
from sentio_mobile.spec import ModelSpec
from sentio_mobile.training.config import Unfreeze


def is_first_process() -> bool:
    """Whether this is the first of the processes that train together, or the only one."""
    return getattr(rank_zero_only, "rank", 0) == 0


class ShowProgress(Callback):
    """Reports every step to a `Progress`.

    Args:
        progress: Receives the reports.
        what: Description of the run.
        metric: A logged metric that is shown with each step, once it has been logged.
        words: Format string for the metric's value.
    """

    def __init__(
        self, progress: Progress, what: str, metric: str = "val_ccc", words: str = "validation CCC {:.2f}"
    ) -> None:
        self.what, self.progress = what, progress if is_first_process() else NoProgress()
        self.metric, self.words = metric, words

    def say(self, more: str) -> None:
        """Add a few words to the description."""
        self.what = f"{self.what}, {more}"

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start with the number of remaining steps."""
        steps = int(trainer.num_training_batches)
        self.progress.start(self.what, steps * ((trainer.max_epochs or 0) - trainer.current_epoch))

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Report a step."""
        self.progress.advance(note=self._note(trainer))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report the epoch, for who reads lines and sees no bar."""
        loss = trainer.callback_metrics.get("train_loss")
        self.progress.say(self._note(trainer, "" if loss is None else f", loss {loss.item():.4g}"))

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Finish, also after early stopping."""
        self.progress.finish()

    def on_exception(self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Finish after an error."""
        self.progress.finish()

    def _note(self, trainer: lightning.Trainer, loss: str = "") -> str:
        """The epoch, its loss if it is given, and the metric once it has been logged."""
        note = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}{loss}"
        if self.metric in trainer.callback_metrics:
            note += f", {self.words.format(trainer.callback_metrics[self.metric].item())}"
        return note


class EpochHistory(Callback):
    """Collects one row of metrics per epoch, and is saved in the trainer's checkpoints for resumed runs."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float | None]] = []
        self._start = time.monotonic()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Add a row: the logged metrics, and the duration of the epoch in seconds, including validation."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {name: round(value, 6) if math.isfinite(value) else None for name, value in logged.items()}
        self.rows.append({"epoch": trainer.current_epoch, **row, "seconds": round(time.monotonic() - self._start, 3)})

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])


class StopEarly(EarlyStopping):
    """Early stopping that a resumed run remembers: one that was over is not trained on."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop at once if the patience was at its end when the state was saved."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class WarmAveraging(WeightAveraging):
    """A moving average of weights that follows them closely at first, so that a run can be watched from its beginning.

    After n updates the decay is (1 + n) / (10 + n), until that exceeds `decay`.

    Args:
        decay: The decay in the end.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Any, current: Any, updates: Any) -> None:
            if not torch.is_floating_point(averaged[0]):
                for mean, value in zip(averaged, current, strict=True):
                    mean.copy_(value)
                return
            n = int(updates)
            torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))

        super().__init__(multi_avg_fn=average)


METRICS = "metrics.csv"
"""The metrics of each epoch, in the folder of a training's states; written anew after each."""


class MetricsFile(Callback):
    """Writes the history as a CSV after every epoch, so that a long run can be watched. Comes after `EpochHistory`.

    Args:
        history: Collects the rows.
        path: File to write.
    """

    def __init__(self, history: EpochHistory, path: Path) -> None:
        self._history, self._path = history, path

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write all rows, those of the run that was resumed included."""
        if not is_first_process():
            return
        names = list(dict.fromkeys(name for row in self._history.rows for name in row))
        write_table(self._path, names, ([row.get(name) for name in names] for row in self._history.rows))


SPEC = "spec.json"
"""The network's spec, in the same folder: with it, the states can be listened to."""


class SpecFile(Callback):
    """Writes the network's spec to the folder of the states when training begins.

    Args:
        spec: The spec.
        path: File to write.
    """

    def __init__(self, spec: ModelSpec, path: Path) -> None:
        self._spec, self._path = spec, path

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write it."""
        if is_first_process():
            write_record(self._path, self._spec)


class DeadLossTermGuard(Callback):
    """Stops a run in which a loss term has had no effect from the beginning.

    A term that had an effect once may vanish later, when it has been learned.

    Args:
        names: Names of the terms.

    Raises:
        TrainingError: After `PATIENCE` epochs, a term's gradient has never exceeded `MIN_GRADIENT_RATIO` times that of
            the largest term.
    """

    PATIENCE = 2
    MIN_GRADIENT_RATIO = 1e-4

    def __init__(self, names: Collection[str]) -> None:
        self.dead = set(names)
        self.names = tuple(names)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Compare the gradient norms that were logged in the epoch."""
        norms = {name: float(trainer.callback_metrics[f"gradient_{name}"]) for name in self.names}
        limit = self.MIN_GRADIENT_RATIO * max(norms.values())
        self.dead -= {name for name, norm in norms.items() if norm > limit}
        if self.dead and trainer.current_epoch + 1 >= self.PATIENCE:
            name = min(self.dead)
            value = float(trainer.callback_metrics[f"train_{name}"])
            raise TrainingError(
                f"the loss term {name!r} has no effect: after {self.PATIENCE} epochs its value is {value:.2g} and its "
                f"gradient {norms[name]:.2g}, compared with {max(norms.values()):.2g} for the largest term; choose "
                "other blocks or another loss for it, or set its weight to 0"
            )

    def state_dict(self) -> dict[str, Any]:
        """The terms that have had no effect yet."""
        return {"dead": sorted(self.dead)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the terms of the run that is resumed."""
        self.dead = set(state_dict["dead"])


@runtime_checkable
class LayeredNetwork(Protocol):
    """A network whose upper layers can be trained alone."""

    @property
    def blocks(self) -> nn.Sequential:
        """The blocks, first to last."""

    @property
    def top(self) -> nn.Module:
        """The layers after the blocks."""


class GradualUnfreezing(Callback):
    """Trains the head and the last blocks, and more blocks as the schedule says (Howard & Ruder 2018, section 3.3).

    Weights are frozen at the start of each epoch, not before training, so that the optimizer and all processes know all
    weights from the beginning.

    Args:
        model: The network.
        schedule: How many blocks are trained from which epoch on.

    Raises:
        TrainingError: The network has no blocks, or fewer than the schedule asks for.
    """

    def __init__(self, model: nn.Module, schedule: tuple[Unfreeze, ...]) -> None:
        if not isinstance(model, LayeredNetwork):
            raise TrainingError(
                "training.unfreeze: the upper layers of this network cannot be trained alone; leave it out"
            )
        most = max(step.blocks for step in schedule)
        if most > len(model.blocks):
            raise TrainingError(f"training.unfreeze asks for {most} blocks; the network has {len(model.blocks)}")
        self.model, self.schedule = model, schedule

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Freeze all weights but those that this epoch trains."""
        count = [step.blocks for step in self.schedule if step.epoch <= trainer.current_epoch + 1][-1]
        pl_module.requires_grad_(False)
        self.model.top.requires_grad_(True)
        self.model.blocks[len(self.model.blocks) - count :].requires_grad_(True)
