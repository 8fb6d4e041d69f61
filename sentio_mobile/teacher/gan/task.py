"""The Lightning module that trains generator and discriminator against each other."""

from __future__ import annotations

from typing import Any, cast

import lightning
import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sentio_mobile.errors import LossError
from sentio_mobile.models.cgan import Discriminator, Generator
from sentio_mobile.teacher.gan.augment import DiscriminatorAugmentation
from sentio_mobile.teacher.gan.balance import CollapseGuard, UpdateBalance
from sentio_mobile.teacher.gan.batches import Batch
from sentio_mobile.teacher.gan.config import GanRecipe
from sentio_mobile.teacher.gan.losses import adversarial_loss, diversity_loss, mean_distance

_DIVERSITY_SAMPLES = 8
"""Samples of one label that diversity is measured on."""


class GanTask(lightning.LightningModule):
    """Each step has one batch, from which each network learns in its turn.

    Args:
        generator: A new generator.
        discriminator: A new discriminator.
        recipe: Widths of the networks and the schedule.
        real_distance: Mean distance between real clips, see `mean_distance`.
        label: The label that diversity is measured at [1, numbers].

    Attributes:
        average: The generator with the running average of its weights, which is the one that is saved.
        fault: Why training collapsed, or None.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        *,
        recipe: GanRecipe,
        real_distance: float,
        label: torch.Tensor,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        settings = recipe.training
        self.generator, self.discriminator = generator, discriminator
        self.settings, self.noise = settings, recipe.model.noise
        average = get_ema_multi_avg_fn(settings.ema)
        self.average = AveragedModel(generator, multi_avg_fn=average)
        self.average.requires_grad_(False)
        self.loss, self.real_distance = adversarial_loss(settings), real_distance
        self.balance, self.guard = UpdateBalance(settings.accuracy), CollapseGuard(settings)
        self.fault: str | None = None
        self.register_buffer("label", label, persistent=False)

    def configure_optimizers(self) -> Any:
        """Adam for each network."""
        betas = (0.5, 0.999)
        return [
            torch.optim.Adam(self.discriminator.parameters(), lr=self.settings.discriminator_rate, betas=betas),
            torch.optim.Adam(self.generator.parameters(), lr=self.settings.generator_rate, betas=betas),
        ]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Update the networks whose turn it is. Draws depend on epoch and step alone: a resumed run repeats them."""
        sequence = np.random.SeedSequence((self.settings.seed, self.current_epoch, batch_index))
        torch.manual_seed(int(sequence.generate_state(1)[0]))
        mels, labels, generator_labels = batch
        augment = DiscriminatorAugmentation(self.settings, self.current_epoch + batch_index / self.settings.steps)
        update_discriminator, update_generator = self.balance.updates()
        discriminator_optimizer, generator_optimizer = cast(list[Any], self.optimizers())
        noise = torch.randn(len(mels), self.noise, device=mels.device)
        with torch.set_grad_enabled(update_generator):
            generated = self.generator(noise, generator_labels)
        self.discriminator.requires_grad_(update_discriminator)
        with torch.set_grad_enabled(update_discriminator):
            real_logits = self.discriminator(augment(2 * mels - 1), labels)
        if update_discriminator:
            generated_logits = self.discriminator(augment(generated.detach()), labels)
            loss = self.loss.discriminator(real_logits, generated_logits)
            self._update("discriminator", self.discriminator, discriminator_optimizer, loss, batch_index)
        if update_generator:
            self.discriminator.requires_grad_(False)
            generated_logits = self.discriminator(augment(generated), labels)
            loss = self.loss.generator(generated_logits)
            if self.settings.diversity:
                loss = loss + self.settings.diversity * diversity_loss(generated, 2 * mels - 1)
            self._update("generator", self.generator, generator_optimizer, loss, batch_index)
            self.average.update_parameters(self.generator)
        for name, value in (
            ("discriminator", self.loss.discriminator(real_logits, generated_logits)),
            ("generator", self.loss.generator(generated_logits)),
        ):
            self.log(f"{name}_loss", value.detach(), on_step=False, on_epoch=True, batch_size=len(mels))
        self.balance.advance(float(((real_logits > 0).float().mean() + (generated_logits <= 0).float().mean()) / 2))
        if batch_index + 1 == self.settings.steps:
            self._finish_epoch()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the balance and the guard with the weights."""
        checkpoint["balance"], checkpoint["guard"] = self.balance.state(), self.guard.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the balance and the guard of the resumed run."""
        self.balance.restore(checkpoint["balance"])
        self.guard.restore(checkpoint["guard"])

    def _finish_epoch(self) -> None:
        """Log the state at the end of an epoch, and stop if training has collapsed."""
        accuracy, diversity = self.balance.accuracy, self._diversity()
        assert accuracy is not None
        for name, value in (
            ("discriminator_accuracy", accuracy),
            ("update_level", float(self.balance.level)),
            ("diversity", diversity),
        ):
            self.log(name, value, on_step=False, on_epoch=True, batch_size=1)
        self.fault = self.guard.after_epoch(accuracy, diversity)
        if self.fault:
            self.trainer.should_stop = True

    def _update(self, name: str, network: nn.Module, optimizer: Any, loss: torch.Tensor, batch_index: int) -> None:
        if not torch.isfinite(loss):
            raise LossError(
                f"the {name}'s loss is {loss.item()} in epoch {self.current_epoch + 1}, step {batch_index + 1}; "
                f"lower {name}_rate"
            )
        optimizer.zero_grad()
        self.manual_backward(loss)
        clip_grad_norm_(network.parameters(), self.settings.clip)
        optimizer.step()

    @torch.no_grad()
    def _diversity(self) -> float:
        noise = torch.from_numpy(
            np.random.default_rng(self.settings.seed).standard_normal(
                (_DIVERSITY_SAMPLES, self.noise), dtype=np.float32
            )
        ).to(self.device)
        samples = self.average(noise, self.label.expand(_DIVERSITY_SAMPLES, -1))  # type: ignore[operator]
        return float(mean_distance((samples + 1) / 2)) / self.real_distance
