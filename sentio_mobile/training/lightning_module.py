"""The Lightning module that trains any network with any objective."""

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
from sentio_mobile.training.clips import Batch, LabelledClips
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.datamodule import song_predictions
from sentio_mobile.training.objectives import Objective


class EmotionModule(lightning.LightningModule):
    """Trains a network on log-mels, and validates it by its CCC over the whole validation set.

    Args:
        model: The network, trained in place.
        spec: Its spec.
        settings: The training schedule.
        objective: What a training step minimizes.
    """

    def __init__(self, model: nn.Module, spec: ModelSpec, settings: TrainingSettings, objective: Objective) -> None:
        super().__init__()
        self.model, self.spec, self.settings, self.objective = model, spec, settings, objective
        self.truth, self.predicted = CatMetric(), CatMetric()
        self._gradients: dict[str, float] = {}

    @property
    def fused(self) -> bool | None:
        """Whether the optimizer takes its steps in one pass; None leaves it to torch."""
        return None

    def on_train_epoch_start(self) -> None:
        """Forget the gradients of the epoch before."""
        self._gradients = {}

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        """Compute and log the terms of the objective.

        Torch is seeded from the position in the schedule, so that a resumed run draws the same dropout. Once an epoch
        is not enough: Lightning draws a number before the first epoch of a process, and in others after its beginning.

        Raises:
            LossError: The loss is not finite.
        """
        torch.manual_seed(self._seed(batch_index))
        terms = self.objective(self.model, to_input_batch(batch.log_mel, self.spec), batch)
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
                batch_size=len(batch.log_mel),
                sync_dist=True,
            )
        self._measure_gradients(terms)
        for name in self.objective.weights:
            # The maximum over the steps, because a gradient counts as 0 until it is measured.
            self.log(f"gradient_{name}", self._gradients.get(name, 0.0), on_step=False, on_epoch=True, reduce_fx="max")
        return terms["loss"]

    def _seed(self, batch_index: int, stream: int = 0) -> int:
        """A seed from the position in the schedule, another one for each stream of random numbers."""
        position = (self.settings.seed, self.current_epoch, batch_index, self.global_rank)
        return int(np.random.SeedSequence(position).generate_state(stream + 1)[stream])

    def _measure_gradients(self, terms: Mapping[str, torch.Tensor]) -> None:
        """Measure the gradient norm of each term alone, in the first batch of the epoch where it is not 0."""
        missing = [name for name in self.objective.weights if not self._gradients.get(name)]
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        for name in missing:
            term = self.objective.weights[name] * terms[name]
            if term.requires_grad:
                gradients = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
                norms = [gradient.detach().float().norm() for gradient in gradients if gradient is not None]
                self._gradients[name] = float(torch.stack(norms).norm()) if norms else 0.0

    def validation_step(self, batch: LabelledClips, batch_index: int) -> None:
        """Collect predictions: the CCC of a set is not a mean over its batches."""
        clips, labels = batch
        self.predicted.update(song_predictions(self.model, clips, self.spec))
        self.truth.update(labels)

    def on_validation_epoch_end(self) -> None:
        """Log the CCC of the whole validation set; an undefined CCC counts as 0."""
        truth, predicted = (torch.as_tensor(metric.compute()).float().cpu() for metric in (self.truth, self.predicted))
        values = torch.nan_to_num(torch.from_numpy(ccc(truth.numpy(), predicted.numpy())))
        for name, value in zip(OUTPUTS, values, strict=True):
            self.log(f"val_ccc_{name}", value.float())
        self.log("val_ccc", values.mean().float())
        self.truth.reset()
        self.predicted.reset()

    def configure_optimizers(self) -> Any:
        """AdamW without weight decay on biases and norms, and one cosine cycle with warm-up, updated each step."""
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        others = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.settings.learning_rate,
            fused=self.fused,
        )
        steps, warm_up = int(self.trainer.estimated_stepping_batches), self.settings.warm_up
        if warm_up * steps == 1:
            # OneCycleLR counts the first step as 0, and divides by 0 if the warm-up has one step.
            warm_up = 2 / steps
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=self.settings.learning_rate,
            total_steps=steps,
            pct_start=warm_up,
            cycle_momentum=False,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
