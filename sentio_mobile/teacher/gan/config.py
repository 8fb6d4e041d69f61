"""Settings of a GAN of log-mels. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Record, Seed, Share
from sentio_mobile.errors import RecordError
from sentio_mobile.models.config import GanSettings
from sentio_mobile.training.config import Clips, Epochs, FloatPrecision, Rate

STAGE = "teacher/gan"
"""Where recipes of this kind stand."""

Vicinity = Literal["exact", "hard", "soft"]


class GanTraining(Record, frozen=True, kw_only=True):
    """Training of the two networks: Adam, with betas (0.5, 0.999)."""

    epochs: Epochs  # epochs; after each the history gets a row and the state is saved
    steps: Annotated[int, Meta(ge=1, le=1_000_000)]  # steps of an epoch
    batch_size: Clips = 16  # clips of one step
    discriminator_rate: Rate = 2e-4  # learning rate of the discriminator
    generator_rate: Rate = 1e-4  # learning rate of the generator
    clip: Annotated[float, Meta(ge=0, le=1e6)] = 1.0  # largest norm of a step's gradient; 0 leaves it as it is
    loss: Literal["bce", "hinge"] = "bce"  # adversarial loss
    real_target: Share = 0.9  # target of `bce` for real clips (one-sided label smoothing, Salimans et al. 2016, 3.4)
    instance_noise: Annotated[float, Meta(ge=0, le=10)] = 0.1  # standard deviation of the instance noise at first
    noise_until: Share = 0.5  # share of the training after which there is no instance noise
    accuracy: tuple[Share, Share] = (0.7, 0.8)  # range in which the ratio of updates keeps the discriminator's accuracy
    accuracy_limits: tuple[Share, Share] = (0.55, 0.95)  # accuracy outside of which training has failed
    patience: Epochs = 5  # failed epochs, or epochs with all samples alike, after which training stops
    ema: Share = 0.999  # decay of the moving average of the generator's weights that is kept
    diversity: Annotated[float, Meta(ge=0, le=1000)] = 0.0  # weight of the loss for samples more alike than real clips
    vicinity: Vicinity = "soft"  # how labels are drawn around those of real songs, see `vicinity.py`
    diffaugment: Share = 1.0  # strength of the augmentation that both networks' clips get; 0 turns it off
    precision: FloatPrecision = "32-true"  # number format of training
    seed: Seed = 0  # random seed

    def check(self) -> None:
        """Ranges must begin at their lower end."""
        for name in ("accuracy", "accuracy_limits"):
            low, high = getattr(self, name)
            if not low < high:
                raise RecordError(f"{name} must be two shares, the lower first, not {low} and {high}")


class GanRecipe(Record, frozen=True, kw_only=True):
    """A GAN and how it is trained."""

    training: GanTraining  # how it is trained
    model: GanSettings = GanSettings()  # widths of the two networks
