"""How often each of the two networks is updated, and when training has collapsed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypedDict

from sentio_mobile.teacher.gan.config import GanTraining

_MAX_REST = 5
"""Largest number of steps that a network rests after each update."""

_DECAY = 0.9
"""Decay of the running accuracy, about ten steps. A slower decay makes the ratio swing from one end to the other."""

_CHANCE = 0.5

MIN_SAMPLE_DIVERSITY = 0.1
"""Distance between samples of one label, relative to real clips, below which the generator makes a single sample."""


class BalanceState(TypedDict):
    """State of `UpdateBalance` in the trainer's checkpoint."""

    accuracy: float | None
    step: int


class CollapseState(TypedDict):
    """State of `CollapseGuard` in the trainer's checkpoint."""

    failed_epochs: dict[str, int]
    epochs: int


@dataclass
class UpdateBalance:
    """The ratio of updates, which follows the discriminator's accuracy.

    Attributes:
        target: Range of the accuracy in which both networks are updated in each step.
        accuracy: Running share of clips that the discriminator classifies correctly; None before the first step.
        step: Steps so far.
    """

    target: tuple[float, float]
    accuracy: float | None = None
    step: int = 0

    @property
    def level(self) -> int:
        """Steps that a network rests after each update: n > 0 for the discriminator, n < 0 for the generator.

        The level grows with the distance of the accuracy from the target. It does not accumulate over steps, because
        an accumulating ratio overshoots.
        """
        if self.accuracy is None:
            return 0
        low, high = self.target
        if self.accuracy > high:
            return math.ceil(_MAX_REST * (self.accuracy - high) / (1 - high))
        return -min(_MAX_REST, math.ceil(_MAX_REST * max(0.0, low - self.accuracy) / max(low - _CHANCE, 1e-6)))

    def updates(self) -> tuple[bool, bool]:
        """Whether the discriminator and the generator are updated in this step."""
        level = self.level
        return self.step % (1 + max(level, 0)) == 0, self.step % (1 + max(-level, 0)) == 0

    def advance(self, accuracy: float) -> None:
        """Finish a step in which the discriminator had this accuracy."""
        self.step += 1
        self.accuracy = accuracy if self.accuracy is None else _DECAY * self.accuracy + (1 - _DECAY) * accuracy

    def state(self) -> BalanceState:
        """The state that a resumed run needs."""
        return {"accuracy": self.accuracy, "step": self.step}

    def restore(self, state: BalanceState) -> None:
        """Restore a state."""
        self.accuracy, self.step = state["accuracy"], state["step"]


@dataclass
class CollapseGuard:
    """Detects that training has collapsed. The first `patience` epochs do not count."""

    settings: GanTraining
    failed_epochs: dict[str, int] = field(default_factory=dict)
    epochs: int = 0

    def after_epoch(self, accuracy: float, diversity: float) -> str | None:
        """The reason to stop training, or None.

        Args:
            accuracy: Running accuracy of the discriminator.
            diversity: Distance between samples of one label, relative to that between real clips.
        """
        self.epochs += 1
        patience = self.settings.patience
        if self.epochs <= patience:
            return None
        low, high = self.settings.accuracy_limits
        faults = {
            "accuracy too high": (
                accuracy > high,
                f"the discriminator classified {accuracy:.0%} of the clips correctly, more than {high:.0%}: the "
                "generator has nothing to learn from; raise instance_noise or diffaugment",
            ),
            "accuracy too low": (
                accuracy < low,
                f"the discriminator classified {accuracy:.0%} of the clips correctly, less than {low:.0%}: it teaches "
                "the generator nothing; lower generator_rate",
            ),
            "samples too similar": (
                diversity < MIN_SAMPLE_DIVERSITY,
                f"samples of one label differed {diversity:.2f} times as much as real clips: the generator makes one "
                "sample; lower generator_rate, or train on more clips",
            ),
        }
        for name, (is_failed, reason) in faults.items():
            self.failed_epochs[name] = self.failed_epochs.get(name, 0) + 1 if is_failed else 0
            if self.failed_epochs[name] >= patience:
                return f"for {patience} epoch{'s' * (patience > 1)} {reason}"
        return None

    def state(self) -> CollapseState:
        """The state that a resumed run needs."""
        return {"failed_epochs": dict(self.failed_epochs), "epochs": self.epochs}

    def restore(self, state: CollapseState) -> None:
        """Restore a state."""
        self.failed_epochs, self.epochs = dict(state["failed_epochs"]), state["epochs"]
