"""One network, one objective, as Lightning wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torchmetrics.aggregation import CatMetric

from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.errors import LossError
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.spec import OUTPUTS, ModelSpec
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.datamodule import Batch, Labelled, song_predictions
from sentio_mobile.training.objectives import Objective


class EmotionTask(lightning.LightningModule):
    """Trains `model` on log-mels and labels; validates by CCC on the whole validation set."""

    def __init__(self, model: nn.Module, spec: ModelSpec, settings: TrainingSettings, objective: Objective) -> None:
        super().__init__()
        self.model, self.spec, self.settings, self.objective = model, spec, settings, objective
        self.truth, self.predicted = CatMetric(), CatMetric()
        self._gradients: dict[str, float] = {}

    def on_train_epoch_start(self) -> None:
        """Draw dropout from the place in the schedule, not from a running state: a resumed run draws the same."""
        place = np.random.SeedSequence((self.settings.seed, self.current_epoch, self.global_rank))
        torch.manual_seed(int(place.generate_state(1)[0]))
        self._gradients = {}

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        """One step of the objective."""
        terms = self.objective(self.model, to_input_batch(batch.units, self.spec), batch)
        if not torch.isfinite(terms["loss"]):
            raise LossError(
                f"the loss is {terms['loss'].item()} in epoch {self.current_epoch + 1}, step {batch_index + 1}; "
                "lower the learning rate or check the labels"
            )
        for name, value in terms.items():
            self.log(
                f"train_{name}",
                value.detach(),
                on_step=False,
                on_epoch=True,
                batch_size=len(batch.units),
                sync_dist=True,
            )
        self._measure_gradients(terms)
        return terms["loss"]

    def _measure_gradients(self, terms: Mapping[str, torch.Tensor]) -> None:
        """The norm of what each term alone would do to the network, from the first batch where that is not nothing."""
        missing = [name for name in self.objective.shares if not self._gradients.get(name)]
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        for name in missing:
            weighted = self.objective.shares[name] * terms[name]
            if weighted.requires_grad:
                gradients = torch.autograd.grad(weighted, weights, retain_graph=True, allow_unused=True)
                norms = [gradient.detach().float().norm() for gradient in gradients if gradient is not None]
                self._gradients[name] = float(torch.stack(norms).norm()) if norms else 0.0

    def validation_step(self, batch: Labelled, batch_index: int) -> None:
        """Collect answers: a concordance is a property of the whole set, not a mean over batches."""
        clips, labels = batch
        self.predicted.update(song_predictions(self.model, clips, self.spec))
        self.truth.update(labels)

    def on_validation_epoch_end(self) -> None:
        """Log the CCC of the whole set. An undefined one counts as 0."""
        truth, predicted = (torch.as_tensor(metric.compute()).float().cpu() for metric in (self.truth, self.predicted))
        values = torch.nan_to_num(torch.from_numpy(ccc(truth.numpy(), predicted.numpy())))
        for name, value in zip(OUTPUTS, values, strict=True):
            self.log(f"val_ccc_{name}", value.float())
        self.log("val_ccc", values.mean().float())
        # Here, for what the task itself logs at an epoch's end comes after the callbacks that read it.
        for name in self.objective.shares:
            self.log(f"gradient_{name}", self._gradients.get(name, 0.0))
        self.truth.reset()
        self.predicted.reset()

    def configure_optimizers(self) -> Any:
        """AdamW without decay on biases and norms; one cosine cycle with linear warm-up, stepped each update."""
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        others = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.settings.learning_rate,
        )
        steps, warm_up = int(self.trainer.estimated_stepping_batches), self.settings.warm_up
        if warm_up * steps == 1:
            # OneCycleLR counts the first step as nought, and divides by a warm-up of one step.
            warm_up = 2 / steps
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=self.settings.learning_rate,
            total_steps=steps,
            pct_start=warm_up,
            cycle_momentum=False,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
