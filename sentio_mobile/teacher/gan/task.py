"""Generator and discriminator against each other, as Lightning wants them."""

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
from sentio_mobile.teacher.gan.balance import Balance, Watch
from sentio_mobile.teacher.gan.batches import Batch
from sentio_mobile.teacher.gan.config import GanTraining
from sentio_mobile.teacher.gan.diffaugment import diffaugment
from sentio_mobile.teacher.gan.losses import loss_of, sameness, spread

_ALIKE_CLIPS = 8
"""Samples of one label that diversity is measured on."""


class GanTask(lightning.LightningModule):
    """One batch a step, of which each network learns when its turn is.

    Args:
        generator: made anew.
        discriminator: made anew.
        settings: the schedule.
        noise: numbers that a sample is made from.
        real_spread: mean distance between real clips, see `spread`.
        label: that diversity is measured at [numbers].

    Attributes:
        average: the generator with the running average of its weights; the one that is kept.
        fault: why training collapsed, or None.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        settings: GanTraining,
        noise: int,
        real_spread: float,
        label: torch.Tensor,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator, self.settings, self.noise = generator, discriminator, settings, noise
        average = get_ema_multi_avg_fn(settings.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(generator, multi_avg_fn=average)
        self.average.requires_grad_(False)
        self.loss, self.real_spread = loss_of(settings), real_spread
        self.balance, self.watch = Balance(settings.accuracy), Watch(settings)
        self.fault: str | None = None
        self.register_buffer("label", label, persistent=False)

    def configure_optimizers(self) -> Any:
        """Adam for each."""
        betas = (0.5, 0.999)
        return [
            torch.optim.Adam(self.discriminator.parameters(), lr=self.settings.discriminator_rate, betas=betas),
            torch.optim.Adam(self.generator.parameters(), lr=self.settings.generator_rate, betas=betas),
        ]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """One batch for those whose turn it is. Draws hang on the place in the schedule: a resumed run repeats them."""
        place = np.random.SeedSequence((self.settings.seed, self.current_epoch, batch_index))
        torch.manual_seed(int(place.generate_state(1)[0]))
        units, labels, asked = batch
        disturbed = _Disturbed(self.settings, self.current_epoch + batch_index / self.settings.steps)
        discriminate, generate = self.balance.turns()
        discriminator_optimizer, generator_optimizer = cast(list[Any], self.optimizers())
        noise = torch.randn(len(units), self.noise, device=units.device)
        with torch.set_grad_enabled(generate):
            made = self.generator(noise, asked)
        self.discriminator.requires_grad_(discriminate)
        with torch.set_grad_enabled(discriminate):
            real_logits = self.discriminator(disturbed(2 * units - 1), labels)
        if discriminate:
            made_logits = self.discriminator(disturbed(made.detach()), labels)
            loss = self.loss.discriminator(real_logits, made_logits)
            self._update("discriminator", self.discriminator, discriminator_optimizer, loss, batch_index)
        if generate:
            self.discriminator.requires_grad_(False)
            made_logits = self.discriminator(disturbed(made), labels)
            loss = self.loss.generator(made_logits)
            if self.settings.diversity:
                loss = loss + self.settings.diversity * sameness(made, 2 * units - 1)
            self._update("generator", self.generator, generator_optimizer, loss, batch_index)
            self.average.update_parameters(self.generator)
        for name, value in (
            ("discriminator", self.loss.discriminator(real_logits, made_logits)),
            ("generator", self.loss.generator(made_logits)),
        ):
            self.log(f"{name}_loss", value.detach(), on_step=False, on_epoch=True, batch_size=len(units))
        self.balance.advance(float(((real_logits > 0).float().mean() + (made_logits <= 0).float().mean()) / 2))
        if batch_index + 1 == self.settings.steps:
            self._take_stock()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Balance and watch travel with the weights."""
        checkpoint["balance"], checkpoint["watch"] = self.balance.state(), self.watch.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Those of the run that is resumed."""
        self.balance.restore(checkpoint["balance"])
        self.watch.restore(checkpoint["watch"])

    def _take_stock(self) -> None:
        """Log how the epoch's end stands, and stop where it is hopeless."""
        accuracy, diversity = self.balance.accuracy, self._diversity()
        assert accuracy is not None
        for name, value in (
            ("discriminator_accuracy", accuracy),
            ("update_level", float(self.balance.level)),
            ("diversity", diversity),
        ):
            self.log(name, value, on_step=False, on_epoch=True, batch_size=1)
        self.fault = self.watch.after_epoch(accuracy, diversity)
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
            np.random.default_rng(self.settings.seed).standard_normal((_ALIKE_CLIPS, self.noise), dtype=np.float32)
        ).to(self.device)
        made = self.average(noise, self.label.expand(_ALIKE_CLIPS, -1))  # type: ignore[operator]
        return float(spread((made + 1) / 2)) / self.real_spread


class _Disturbed:
    """What is done to clips, real and made-up, before the discriminator sees them.

    Instance noise (Sønderby et al. 2017, section 3.3) fades linearly; `diffaugment` stays.
    """

    def __init__(self, settings: GanTraining, epoch: float) -> None:
        self.strength = settings.diffaugment
        until = settings.noise_until * settings.epochs
        self.noise = settings.instance_noise * max(0.0, 1 - epoch / until) if until else 0.0

    def __call__(self, levels: torch.Tensor) -> torch.Tensor:
        levels = diffaugment(levels, self.strength)
        return levels + self.noise * torch.randn_like(levels) if self.noise else levels
