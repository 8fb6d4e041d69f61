"""What watches a training run: the progress that a person sees, and the history that the report draws."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from typing import Any, Protocol, runtime_checkable

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.errors import TrainingError
from sentio_mobile.training.config import Unfreeze


def is_first_process() -> bool:
    """Whether this process is the first of those that train together, or the only one."""
    return getattr(rank_zero_only, "rank", 0) == 0


class ShowProgress(Callback):
    """Tells a `Progress` of every step, and `metric`, where it was logged, by `words` with a place for its value."""

    def __init__(
        self, progress: Progress, what: str, metric: str = "val_ccc", words: str = "validation CCC {:.2f}"
    ) -> None:
        self.what, self.progress = what, progress if is_first_process() else NoProgress()
        self.metric, self.words = metric, words

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Count the steps that are left, a resumed run's fewer than a fresh one's."""
        steps = int(trainer.num_training_batches)
        self.progress.start(self.what, steps * ((trainer.max_epochs or 0) - trainer.current_epoch))

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """One step more."""
        note = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        if self.metric in trainer.callback_metrics:
            note += f", {self.words.format(trainer.callback_metrics[self.metric].item())}"
        self.progress.advance(note=note)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Over, early stopping included."""
        self.progress.finish()

    def on_exception(self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Over, too."""
        self.progress.finish()


class EpochHistory(Callback):
    """One row an epoch; it travels with the trainer's checkpoints, so that a resumed run keeps its past."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float | None]] = []
        self._begun = time.monotonic()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """From here on it takes time."""
        self._begun = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep what was logged, and how long the epoch took, its validation included."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {name: round(value, 6) if math.isfinite(value) else None for name, value in logged.items()}
        self.rows.append({"epoch": trainer.current_epoch, **row, "seconds": round(time.monotonic() - self._begun, 3)})

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])


class DeadLossTermGuard(Callback):
    """Stops a run in which a term of the loss teaches nothing, from the beginning on.

    A term that has taught once may fall silent: it has been learnt.

    Args:
        names: of the terms.

    Raises:
        TrainingError: after `PATIENCE` epochs, a term's gradient was never above `SILENT` of the largest one.
    """

    PATIENCE = 2
    SILENT = 1e-4

    def __init__(self, names: Collection[str]) -> None:
        self.silent = set(names)
        self.names = tuple(names)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Look at the gradients that the epoch has logged."""
        norms = {name: float(trainer.callback_metrics[f"gradient_{name}"]) for name in self.names}
        self.silent -= {name for name, norm in norms.items() if norm > self.SILENT * max(norms.values())}
        if self.silent and trainer.current_epoch + 1 >= self.PATIENCE:
            name = min(self.silent)
            value = float(trainer.callback_metrics[f"train_{name}"])
            raise TrainingError(
                f"the term {name!r} of the loss teaches nothing: after {self.PATIENCE} epochs it is {value:.2g} and "
                f"its gradient {norms[name]:.2g}, beside {max(norms.values()):.2g} of the largest; choose other blocks "
                "or another loss for it, or give it the weight 0"
            )

    def state_dict(self) -> dict[str, Any]:
        """The terms that have not taught yet."""
        return {"silent": sorted(self.silent)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Those of the run that is resumed."""
        self.silent = set(state_dict["silent"])


@runtime_checkable
class Stacked(Protocol):
    """A network whose upper end can be trained alone."""

    @property
    def blocks(self) -> nn.Sequential:
        """Its blocks, first to last."""

    @property
    def top(self) -> nn.Module:
        """What stands above them."""


class GradualUnfreezing(Callback):
    """Trains the head and the last blocks alone, more of them as the schedule says (Howard & Ruder 2018, section 3.3).

    Weights are frozen when an epoch starts and not before: optimizer and processes know all of them from the beginning.

    Raises:
        TrainingError: the network has no blocks, or fewer than the schedule asks for.
    """

    def __init__(self, model: nn.Module, schedule: tuple[Unfreeze, ...]) -> None:
        if not isinstance(model, Stacked):
            raise TrainingError("training.unfreeze: this network has no top that can be trained alone; leave it out")
        most = max(step.blocks for step in schedule)
        if most > len(model.blocks):
            raise TrainingError(f"training.unfreeze asks for {most} blocks; the network has {len(model.blocks)}")
        self.model, self.schedule = model, schedule

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Freeze all but what this epoch trains."""
        count = [step.blocks for step in self.schedule if step.epoch <= trainer.current_epoch + 1][-1]
        pl_module.requires_grad_(False)
        self.model.top.requires_grad_(True)
        self.model.blocks[len(self.model.blocks) - count :].requires_grad_(True)
