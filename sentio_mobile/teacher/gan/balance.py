"""How often each of two networks that train against each other is updated, and when it is hopeless."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sentio_mobile.teacher.gan.config import GanTraining

_MOST = 5
"""One network is updated at most this many times less than the other, but for one."""
_MEMORY = 0.9
"""Decay of the running accuracy: about ten steps. Slower, and the ratio swings from one end to the other."""

_CHANCE = 0.5

ALIKE = 0.1
"""Samples that differ less than this share of what real clips differ are taken for one sample."""


@dataclass
class Balance:
    """The ratio of updates, which follows the discriminator's accuracy.

    Attributes:
        wanted: the range in which both learn in each step.
        accuracy: running share of clips that the discriminator tells right; None before the first step.
        step: steps so far.
    """

    wanted: tuple[float, float]
    accuracy: float | None = None
    step: int = 0

    @property
    def level(self) -> int:
        """How many steps a network rests after each update: n > 0 the discriminator, n < 0 the generator.

        It grows with the distance from the range. It does not add up: a ratio that does overshoots.
        """
        if self.accuracy is None:
            return 0
        low, high = self.wanted
        if self.accuracy > high:
            return math.ceil(_MOST * (self.accuracy - high) / (1 - high))
        return -min(_MOST, math.ceil(_MOST * max(0.0, low - self.accuracy) / max(low - _CHANCE, 1e-6)))

    def turns(self) -> tuple[bool, bool]:
        """Whether discriminator and generator are updated in this step."""
        level = self.level
        return self.step % (1 + max(level, 0)) == 0, self.step % (1 + max(-level, 0)) == 0

    def advance(self, accuracy: float) -> None:
        """A step is done."""
        self.step += 1
        self.accuracy = accuracy if self.accuracy is None else _MEMORY * self.accuracy + (1 - _MEMORY) * accuracy

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"accuracy": self.accuracy, "step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        """What `state` gave."""
        self.accuracy, self.step = state["accuracy"], state["step"]


@dataclass
class Watch:
    """Notices, epoch by epoch, that training has collapsed. The first `patience` epochs do not count."""

    settings: GanTraining
    bad: dict[str, int] = field(default_factory=dict)
    epochs: int = 0

    def after_epoch(self, accuracy: float, diversity: float) -> str | None:
        """Why training should stop, or None.

        Args:
            accuracy: running accuracy of the discriminator.
            diversity: how much samples of one label differ, as a share of what real clips differ.
        """
        self.epochs += 1
        if self.epochs <= self.settings.patience:
            return None
        low, high = self.settings.accuracy_limits
        faults = {
            f"the discriminator tells {accuracy:.0%} of the clips right, more than {high:.0%}: the generator has "
            "nothing to learn from; raise instance_noise or diffaugment": accuracy > high,
            f"the discriminator tells {accuracy:.0%} of the clips right, less than {low:.0%}: it teaches nothing; "
            "lower generator_rate": accuracy < low,
            f"samples of one label differ {diversity:.2f} times as much as real clips: the generator makes one sample; "
            "lower generator_rate, or give it more clips": diversity < ALIKE,
        }
        for i, (why, is_so) in enumerate(faults.items()):
            kind = str(i)
            self.bad[kind] = self.bad.get(kind, 0) + 1 if is_so else 0
            if self.bad[kind] >= self.settings.patience:
                return f"for {self.settings.patience} epochs {why}"
        return None

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"bad": dict(self.bad), "epochs": self.epochs}

    def restore(self, state: dict[str, Any]) -> None:
        """What `state` gave."""
        self.bad, self.epochs = dict(state["bad"]), state["epochs"]
