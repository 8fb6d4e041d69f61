"""An answer: how a stretch of a song feels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sentio_mobile.spec import OUTPUTS, Uncertainty

BOUNDS: tuple[str, ...] = (*(f"{name}_{end}" for name in OUTPUTS for end in ("low", "high")), "coverage")
"""What an answer's intervals are called in files."""


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """Valence (unpleasant to pleasant) and arousal (calm to energetic) of a stretch of a song, both in [-1, 1].

    Attributes:
        song: the file, as it was given.
        valence: from -1, unpleasant, to 1, pleasant.
        arousal: from -1, calm, to 1, energetic.
        start: where the stretch begins, in seconds.
        end: where it ends, in seconds.
        uncertainty: how far the model may be off, where that was measured.
        scale: the least and the greatest of both values.
    """

    song: str
    valence: float
    arousal: float
    start: float
    end: float
    uncertainty: Uncertainty | None = None
    scale: ClassVar[tuple[int, int]] = (-1, 1)

    @property
    def time(self) -> float:
        """The middle of the stretch, in seconds."""
        return (self.start + self.end) / 2

    @property
    def intervals(self) -> dict[str, tuple[float, float]] | None:
        """Where valence and arousal lie with the probability that `uncertainty` states, within the scale."""
        if self.uncertainty is None:
            return None
        least, greatest = self.scale
        pairs = zip(OUTPUTS, self.uncertainty.half_width, strict=True)
        return {
            name: (max(least, getattr(self, name) - half), min(greatest, getattr(self, name) + half))
            for name, half in pairs
        }

    @property
    def quadrant(self) -> str:
        """Russell's quadrant (1980) in two words."""
        feeling = "pleasant" if self.valence >= 0 else "unpleasant"
        return f"{feeling}, {'energetic' if self.arousal >= 0 else 'calm'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the scale that they are on; times are in seconds."""
        times = {name: round(getattr(self, name), 6) for name in ("start", "end", "time")}
        values = {name: round(getattr(self, name), 6) for name in ("valence", "arousal")}
        bounds: dict[str, float | None] = dict.fromkeys(BOUNDS)
        if self.intervals is not None and self.uncertainty is not None:
            ends = (round(end, 6) for pair in self.intervals.values() for end in pair)
            bounds = dict(zip(BOUNDS, (*ends, self.uncertainty.coverage), strict=True))
        return {
            **{"song": self.song, **times, **values, **bounds},
            **{"quadrant": self.quadrant, "scale": list(self.scale)},
        }
