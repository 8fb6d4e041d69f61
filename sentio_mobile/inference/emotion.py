"""The emotion of a stretch of a song, in memory and as a row of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from sentio_mobile._internal.records import NonNegative, Record, Share, Text
from sentio_mobile.inference.words import emotion_words
from sentio_mobile.spec import OUTPUTS, Uncertainty

Score = Annotated[float, Meta(ge=-1, le=1)]
"""A valence or an arousal."""
Quadrant = Literal["pleasant, energetic", "pleasant, calm", "unpleasant, energetic", "unpleasant, calm"]
"""Russell's quadrants (1980): on which side of zero the two values lie, however near."""


ScaleEnd = Annotated[int, Meta(ge=-1, le=1)]


class Prediction(Record, frozen=True, kw_only=True):
    """One row of the files that `sentio-mobile predict` writes, and one object of its JSON."""

    # The file, as it was given.
    song: Text
    # Start of the stretch, in seconds from the start of the song.
    start: NonNegative
    # End of the stretch, in seconds.
    end: NonNegative
    # Middle of the stretch, in seconds.
    time: NonNegative
    # From -1, unpleasant, to 1, pleasant.
    valence: Score
    # From -1, calm, to 1, energetic.
    arousal: Score
    # Lower end of the interval of valence; null where the model has no measured uncertainty.
    valence_low: Score | None
    # Upper end of the interval of valence.
    valence_high: Score | None
    # Lower end of the interval of arousal.
    arousal_low: Score | None
    # Upper end of the interval of arousal.
    arousal_high: Score | None
    # The probability with which each interval holds the true value.
    coverage: Share | None
    # Russell's quadrant of the two values, however near to zero they lie: to sort by, and not to be shown.
    quadrant: Quadrant
    # The smallest and the largest value of valence and arousal.
    scale: tuple[ScaleEnd, ScaleEnd]
    # Whether nothing could be heard after mixing down: the values say nothing then.
    silent: bool = False


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """Valence (unpleasant to pleasant) and arousal (calm to energetic) of a stretch of a song, both in [-1, 1].

    Attributes:
        song: The file, as it was given.
        valence: From -1, unpleasant, to 1, pleasant.
        arousal: From -1, calm, to 1, energetic.
        start: Start of the stretch, in seconds.
        end: End of the stretch, in seconds.
        uncertainty: The measured error of the model; None where it was not measured.
        inference_ms: Milliseconds from PCM at the model's rate to this prediction: front end and model, without
            decoding.
        silent: Whether nothing could be heard in the stretch after mixing down. The values say nothing then.
        level_db: Level of the stretch, root mean square in dB of full scale; None where it was not measured, as of a
            prediction that a stopped run left.
        notes: What was wrong with the file, in words that follow its name. Of several predictions for a song, the last
            has them.
        scale: The smallest and the largest value of both.
    """

    song: str
    valence: float
    arousal: float
    start: float
    end: float
    uncertainty: Uncertainty | None = None
    inference_ms: float = 0.0
    silent: bool = False
    level_db: float | None = None
    notes: tuple[str, ...] = ()
    scale: ClassVar[tuple[int, int]] = (-1, 1)

    @property
    def time(self) -> float:
        """Middle of the stretch, in seconds."""
        return (self.start + self.end) / 2

    @property
    def intervals(self) -> dict[str, tuple[float, float]] | None:
        """The interval of valence and of arousal at the coverage that `uncertainty` states, clipped to the scale."""
        if self.uncertainty is None:
            return None
        pairs = zip(OUTPUTS, self.uncertainty.half_width, strict=True)
        return {name: (_clip(getattr(self, name) - half), _clip(getattr(self, name) + half)) for name, half in pairs}

    @property
    def words(self) -> str:
        """What can be said in words, such as "leaning pleasant, calm": no side that the interval leaves open."""
        half_width = None if self.uncertainty is None else self.uncertainty.half_width
        return emotion_words(self.valence, self.arousal, half_width, silent=self.silent)

    @property
    def quadrant(self) -> Quadrant:
        """Russell's quadrant (1980) of the two values, however near to zero they lie; people are shown `words`."""
        if self.valence >= 0:
            return "pleasant, energetic" if self.arousal >= 0 else "pleasant, calm"
        return "unpleasant, energetic" if self.arousal >= 0 else "unpleasant, calm"

    def to_prediction(self) -> Prediction:
        """The row of a file: all numbers with six decimals, values and bounds on the scale."""
        bounds: dict[str, float | None] = {f"{name}_{end}": None for name in OUTPUTS for end in ("low", "high")}
        for name, (low, high) in (self.intervals or {}).items():
            bounds |= {f"{name}_low": round(low, 6), f"{name}_high": round(high, 6)}
        return Prediction(
            song=self.song,
            start=round(self.start, 6),
            end=round(self.end, 6),
            time=round(self.time, 6),
            # A quantized model may go past the end of the scale by a rounding step.
            valence=round(_clip(self.valence), 6),
            arousal=round(_clip(self.arousal), 6),
            **bounds,
            coverage=None if self.uncertainty is None else self.uncertainty.coverage,
            quadrant=self.quadrant,
            scale=self.scale,
            silent=self.silent,
        )


def _clip(value: float) -> float:
    low, high = Emotion.scale
    return max(low, min(high, value))
