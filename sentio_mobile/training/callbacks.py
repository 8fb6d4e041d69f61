"""What watches a training run: the progress that a person sees, and the history that the report draws."""

from __future__ import annotations

from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from sentio_mobile.progress import Progress


class ShowProgress(Callback):
    """Tells a `Progress` of every step."""

    def __init__(self, progress: Progress, what: str) -> None:
        self.progress, self.what = progress, what

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Count the steps that are left, a resumed run's fewer than a fresh one's."""
        steps = int(trainer.num_training_batches)
        self.progress.start(self.what, steps * ((trainer.max_epochs or 0) - trainer.current_epoch))

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """One step more."""
        note = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        if "val_ccc" in trainer.callback_metrics:
            note += f", validation CCC {trainer.callback_metrics['val_ccc'].item():.2f}"
        self.progress.advance(note=note)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Over, early stopping included."""
        self.progress.finish()

    def on_exception(self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Over, too."""
        self.progress.finish()


class History(Callback):
    """One row an epoch; it travels with the trainer's checkpoints, so that a resumed run keeps its past."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep what was logged."""
        row = {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": trainer.current_epoch, **row})

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])
