"""Scales that labels are written on: any two numbers, given by the user or guessed from all labels of a table.

A wrong scale gives wrong labels without a word: a set from 0 to 1 that is read as -1 to 1 has only pleasant and
energetic songs. A scale is therefore guessed only where one of the usual ones is possible, and stated in any case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile.errors import LabelError
from sentio_mobile.spec import OUTPUTS

_NUMBER = r"-?\d{1,9}(?:\.\d{1,9})?"
_NAME = re.compile(f"({_NUMBER})-({_NUMBER})")

ScaleName = Annotated[str, Meta(pattern=rf"^({_NUMBER}-{_NUMBER})?\Z", max_length=64)]
"""A scale as text: its lowest and its highest label with a hyphen between them, such as 1-9 or -1-1; empty for none."""

MIN_SONGS = 10
"""Songs from which on it says something that none of them lies on one side of neutral."""
_LEAST_SPAN = 0.2
"""Share of a scale that labels must span for it to be possible: from 1 to 9 is not from 0 to 100."""
_SPAN = 0.5
"""Share of a scale that labels must span for it to be guessed."""
_SHARE = 0.05
"""Share of songs that a scale's lower and upper half must have, to be taken for the scale of a table."""


class Scale(NamedTuple):
    """Lowest and highest label."""

    low: float
    high: float

    @property
    def name(self) -> str:
        """The scale as a record states it."""
        return f"{_plain(self.low)}-{_plain(self.high)}"

    @property
    def words(self) -> str:
        """The scale in words."""
        return f"{self.low:g} to {self.high:g}"

    def has(self, value: float) -> bool:
        """Whether a label is on the scale."""
        return math.isfinite(value) and self.low <= value <= self.high

    def to_unit(self, value: float) -> float:
        """Map a label to [-1, 1]."""
        return 2 * (value - self.low) / (self.high - self.low) - 1

    def spread_to_unit(self, spread: float) -> float:
        """Map a difference of two labels to a difference in [-1, 1]."""
        return 2 * spread / (self.high - self.low)


def _plain(number: float) -> str:
    """A number without an exponent."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


USUAL: tuple[Scale, ...] = (
    Scale(-1, 1),
    Scale(0, 1),
    Scale(1, 5),
    Scale(1, 7),
    Scale(1, 9),
    Scale(0, 10),
    Scale(0, 100),
)
"""Scales that are guessed."""


def scale_of(name: str) -> Scale:
    """Read a scale that is written as text, such as `1-9`.

    Raises:
        LabelError: It is no scale, or its lowest label is not below its highest.
    """
    match = _NAME.fullmatch(name)
    if match is None or float(match[1]) >= float(match[2]):
        raise LabelError(f"{name!r} is no scale; write its lowest and its highest label, such as 1-9 or -1-1")
    return Scale(float(match[1]), float(match[2]))


def possible_scales(labels: NDArray[np.float64], *, one_side: bool = False) -> list[Scale]:
    """The usual scales that labels can be on: all lie on them, and from ten songs on some lie in either half.

    0 to 10 is left out where all labels lie from 1 to 9: the two have the same neutral, and 1 to 9 is far more usual.

    Args:
        labels: Valence and arousal as written [songs, 2].
        one_side: Whether all of them may lie in one half.
    """
    found = []
    for scale in USUAL:
        if not (labels.min() >= scale.low and labels.max() <= scale.high):
            continue
        if np.ptp(labels) < _LEAST_SPAN * (scale.high - scale.low):
            continue
        middle = (scale.low + scale.high) / 2
        halves = ((labels < middle).mean(axis=0), (labels > middle).mean(axis=0))
        if one_side or len(labels) < MIN_SONGS or min(float(half.min()) for half in halves) >= _SHARE:
            found.append(scale)
    if Scale(1, 9) in found and Scale(0, 10) in found:
        found.remove(Scale(0, 10))
    return found


def guess_scale(labels: NDArray[np.float64], where: str, option: str = "--scale") -> Scale:
    """The one usual scale that labels can be on, if they span half of it.

    Args:
        labels: Valence and arousal as written [songs, 2].
        where: What messages call the table.
        option: The option that states the scale, for messages.

    Raises:
        LabelError: Several scales are possible, or none is.
    """
    found = possible_scales(labels)
    span = span_of(labels)
    if len(found) == 1 and np.ptp(labels) >= _SPAN * (found[0].high - found[0].low):
        return found[0]
    # Labels on one side of neutral are on no scale for certain, and on some that the user may mean.
    found = found or possible_scales(labels, one_side=True)
    if not found:
        raise LabelError(f"{where}: {span} fit no usual scale; give theirs: {option} LOW HIGH")
    names = " or ".join(scale.words for scale in found)
    first = found[0]
    raise LabelError(
        f"{where}: {span} may be on the scale {names}; say which, for example {option} {first.low:g} {first.high:g}"
    )


def span_of(labels: NDArray[np.float64]) -> str:
    """Lowest and highest label in words."""
    return f"labels from {labels.min():.4g} to {labels.max():.4g}"


def off_scale(
    values: Sequence[tuple[str, str, tuple[float, float]]], scale: Scale, path: str, option: str = "--scale"
) -> LabelError | None:
    """The fault of labels that are off their scale, with advice that looks at all of them; None without such a label.

    Args:
        values: For each song: where it is written (`FILE, row N`), what was written for valence and arousal (for the
            message: the name of each column, joined by a line break), and the two labels.
        scale: The scale.
        path: What messages call the table.
        option: The option that states the scale, for messages.
    """
    labels = np.array([pair for _, _, pair in values], dtype=np.float64)
    off = (labels < scale.low) | (labels > scale.high)
    if not off.any():
        return None
    song, column = (int(at) for at in np.argwhere(off)[0])
    where, names, pair = values[song]
    line = f"{where}, {names.splitlines()[column]}: {pair[column]:g} is off the scale {scale.words}"
    count = int(off.any(axis=1).sum())
    if count == 1 and len(values) > 1:
        return LabelError(f"{line}; mend it")
    try:
        low, high = guess_scale(labels, path)
        advice = f"{option} {low:g} {high:g}"
    except LabelError:
        advice = f"theirs, {option} LOW HIGH"
    return LabelError(f"{line}, as are {count} of {len(values)} rows of {path}; {span_of(labels)}; give {advice}")


def one_sided(labels: NDArray[np.float64], scale: str, where: str) -> list[str]:
    """A line for each of valence and arousal that has no label below neutral, or none above: the scale may be wrong.

    Args:
        labels: Valence and arousal in [-1, 1] [songs, 2].
        scale: Name of the scale that they were written on; empty if it is not known.
        where: What the lines call the songs.
    """
    notes: list[str] = []
    if len(labels) < MIN_SONGS:
        return notes
    for name, column in zip(OUTPUTS, labels.T, strict=True):
        for side, missing in (("below", not (column < 0).any()), ("above", not (column > 0).any())):
            if missing:
                read = f", read on the scale {scale}" if scale else ""
                notes.append(
                    f"{where}: no song lies {side} neutral in {name}{read} (from {column.min():+.2f} to "
                    f"{column.max():+.2f} of -1 to 1); is the scale right?"
                )
    return notes
