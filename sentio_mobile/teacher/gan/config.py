"""What a person may decide about a GAN. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sentio_mobile.errors import RecipeError
from sentio_mobile.models.config import GanSettings

STAGE = "teacher/gan"
"""Where recipes of this kind stand."""

Vicinity = Literal["exact", "hard", "soft"]


@dataclass(frozen=True, kw_only=True)
class GanTraining:
    """How the two networks are trained: Adam, with betas (0.5, 0.999).

    `steps` make an epoch, after which the history gets a row and a killed run finds its way back. `real_target` is what
    a discriminator with `bce` is told of real clips, in place of 1 (one-sided label smoothing, Salimans et al. 2016,
    section 3.4). Instance noise has standard deviation `instance_noise` at first and none from `noise_until` of the
    schedule on. `accuracy` is the range in which the ratio of updates keeps the discriminator; outside of
    `accuracy_limits`, or with samples alike, for `patience` epochs, training stops. `ema` is the decay of the
    average of the generator's weights, which is what is kept. `diversity` is the weight of a loss
    for samples that differ less than real clips do, see `losses.py`. `vicinity`: see `vicinity.py`; `diffaugment`: how
    strongly both networks' clips are changed before they are judged, 0 for not at all.
    """

    epochs: int
    steps: int
    batch_size: int = 16
    discriminator_rate: float = 2e-4
    generator_rate: float = 1e-4
    clip: float = 1.0
    loss: Literal["bce", "hinge"] = "bce"
    real_target: float = 0.9
    instance_noise: float = 0.1
    noise_until: float = 0.5
    accuracy: tuple[float, float] = (0.7, 0.8)
    accuracy_limits: tuple[float, float] = (0.55, 0.95)
    patience: int = 5
    ema: float = 0.999
    diversity: float = 0.0
    vicinity: Vicinity = "soft"
    diffaugment: float = 1.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise RecipeError(f"training.{name} must be 1 or more, not {getattr(self, name)}")
        if self.diversity < 0:
            raise RecipeError(f"training.diversity must be 0 or more, not {self.diversity}")
        for name in ("accuracy", "accuracy_limits"):
            low, high = getattr(self, name)
            if not 0 <= low < high <= 1:
                raise RecipeError(f"training.{name} must be two shares, the lower first, not {low} and {high}")
        for name in ("real_target", "noise_until", "ema", "diffaugment"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"training.{name} must be from 0 to 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class GanRecipe:
    """A GAN and how it is trained."""

    training: GanTraining
    model: GanSettings = field(default_factory=GanSettings)
