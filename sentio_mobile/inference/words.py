"""What is said of a prediction in words, as far as its interval allows; the same rule in Kotlin, Swift and TypeScript.

`export/golden/words.json` has cases that the tests of every language read.
"""

from __future__ import annotations

from collections.abc import Sequence

NEUTRAL_BELOW = 0.1
"""Distance from zero under which a value is neutral, unless its interval leaves out zero."""

SILENT = "silent"
"""What is said where nothing could be heard."""

NEUTRAL = "neutral"

_SIDES = (("pleasant", "unpleasant"), ("energetic", "calm"))


def words_of(value: float, half_width: float | None, *, high: str, low: str) -> str:
    """One of "pleasant", "leaning pleasant", "neutral", "leaning unpleasant" and "unpleasant", or the like of arousal.

    The interval is the value plus and minus `half_width`, its ends included. Where zero lies in it, the side is not
    known: the value is called neutral if it is nearer to zero than `NEUTRAL_BELOW`, and leaning otherwise. Where no
    interval was measured, a value that near is neutral too, and others are called by their side.

    Args:
        value: From -1 to 1; a quantized model may go past the ends by a step.
        half_width: Half the width of its interval, 0 to 2; None where it was not measured.
        high: The word for 1.
        low: The word for -1.
    """
    known = half_width is not None and abs(value) > half_width
    if abs(value) < NEUTRAL_BELOW and not known:
        return NEUTRAL
    side = high if value > 0 else low
    return side if known or half_width is None else f"leaning {side}"


def emotion_words(
    valence: float, arousal: float, half_width: Sequence[float] | None = None, *, silent: bool = False
) -> str:
    """Words for valence and arousal, in this order: "leaning pleasant, calm"; "neutral" where both are.

    Args:
        valence: From -1, unpleasant, to 1, pleasant.
        arousal: From -1, calm, to 1, energetic.
        half_width: Half the width of the interval of valence and of arousal; None where they were not measured.
        silent: Whether nothing could be heard. The values say nothing then.
    """
    if silent:
        return SILENT
    halves = (None, None) if half_width is None else half_width
    parts = [
        words_of(value, half, high=high, low=low)
        for value, half, (high, low) in zip((valence, arousal), halves, _SIDES, strict=True)
    ]
    return NEUTRAL if parts == [NEUTRAL, NEUTRAL] else ", ".join(parts)
