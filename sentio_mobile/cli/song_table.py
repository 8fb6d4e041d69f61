"""The table that `predict` prints: a row for each prediction, as it is made."""

from __future__ import annotations

from sentio_mobile.cli.output import console
from sentio_mobile.inference.songs import SongPredictions, clock
from sentio_mobile.spec import Uncertainty

_WORDS = len("leaning unpleasant, leaning energetic")
"""Columns of the terminal that the longest words take."""


class SongTable:
    """A table that is printed row by row. The song comes last, because names are of any length.

    Args:
        known: The measured error of the model; None where it was not measured.
    """

    def __init__(self, known: Uncertainty | None) -> None:
        self._known, self._begun = known, False

    def add(self, song: SongPredictions) -> None:
        """Print the rows of a song."""
        if song.emotions and not self._begun:
            self._begin()
        for one in song.emotions:
            console.print(
                f"{clock(one.start):>5} {clock(one.end):>7}  {one.valence:+7.2f} {one.arousal:+7.2f}"
                f"  {one.words:{_WORDS}}  {one.song}",
                markup=False,
                soft_wrap=True,
            )

    def _begin(self) -> None:
        self._begun = True
        console.print("[dim]valence: unpleasant -1 to 1 pleasant; arousal: calm -1 to 1 energetic[/]", soft_wrap=True)
        if known := self._known:
            console.print(
                f"true values lie within {known.half_width[0]:.2f} of the valence and {known.half_width[1]:.2f} of the "
                f"arousal with {known.coverage:.0%} probability (measured on {known.songs} songs)",
                style="dim",
                soft_wrap=True,
                markup=False,
            )
        console.print(
            f" from      to  valence arousal  {'feeling':{_WORDS}}  song", style="bold", soft_wrap=True, markup=False
        )
