"""An answer: how a stretch of a song feels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Emotion:
    """Valence (unpleasant to pleasant) and arousal (calm to energetic) of a stretch of a song, both in [-1, 1].

    Attributes:
        song: the file, as it was given.
        valence: from -1, unpleasant, to 1, pleasant.
        arousal: from -1, calm, to 1, energetic.
        start: where the stretch begins, in seconds.
        end: where it ends, in seconds.
        scale: the least and the greatest of both values.
    """

    song: str
    valence: float
    arousal: float
    start: float
    end: float
    scale: ClassVar[tuple[int, int]] = (-1, 1)

    @property
    def time(self) -> float:
        """The middle of the stretch, in seconds."""
        return (self.start + self.end) / 2

    @property
    def quadrant(self) -> str:
        """Russell's quadrant (1980) in two words."""
        feeling = "pleasant" if self.valence >= 0 else "unpleasant"
        return f"{feeling}, {'energetic' if self.arousal >= 0 else 'calm'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the scale that they are on; times are in seconds."""
        times = {name: round(getattr(self, name), 6) for name in ("start", "end", "time")}
        values = {name: round(getattr(self, name), 6) for name in ("valence", "arousal")}
        return {"song": self.song, **times, **values, "quadrant": self.quadrant, "scale": list(self.scale)}
