"""Which songs a model is trained on and which it is judged by, decided by how many songs there are.

With few songs a test split tells little and takes songs away from training: there, every song is predicted once by a
model that was trained without its group (grouped cross-validation), and the final model learns from all songs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentio_mobile.data.songs import Song
from sentio_mobile.data.splits import MIN_SONGS, SPLITS, draw_parts
from sentio_mobile.errors import DataError
from sentio_mobile.spec import OUTPUTS

CROSS_VALIDATED = 500
"""Number of songs below which models are judged by cross-validation."""

MIN_VALIDATION = 100
"""Validation songs that choose an epoch better than a fixed schedule does. With fewer, none are set apart."""

MIN_LABELLED = 20
"""Labelled songs without which nothing is trained."""

_VALIDATION = 0.1


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """How songs are used.

    Attributes:
        final: Split of each song for the model that is kept, by song id.
        folds: Split of each song, `train` or `test`, for each model of a cross-validation; empty without one.
    """

    final: Mapping[str, str]
    folds: tuple[Mapping[str, str], ...] = ()

    def count(self, split: str) -> int:
        """Number of songs of one split of the final model."""
        return Counter(self.final.values())[split]


def plan_splits(songs: Sequence[Song], *, folds: int = 5, seed: int = 0, where: str) -> SplitPlan:
    """Decide how songs are used: whole groups, stratified over the valence-arousal grid.

    From 500 songs on, 15% to 20% of them are test songs, and a tenth validation songs if those are 100 or more. Fewer
    songs are cross-validated, and the final model is trained on all.

    Args:
        songs: Labelled songs.
        folds: Folds of a cross-validation.
        seed: Random seed.
        where: The songs' source, for messages.

    Raises:
        DataError: There are too few songs or groups, or all songs have the same label.
    """
    if len(songs) < MIN_LABELLED:
        raise DataError(f"{where}: has {len(songs)} labelled songs, and training needs {MIN_LABELLED}; add songs")
    for name in OUTPUTS:
        values = {getattr(song, name) for song in songs}
        if len(values) == 1:
            raise DataError(
                f"{where}: all songs have the {name} {next(iter(values)):+.2f}, and nothing can be learned from labels "
                "that are all alike; add songs that differ"
            )
    ids = [song.song_id for song in songs]
    groups = len({song.group for song in songs})
    if len(songs) >= CROSS_VALIDATED:
        test = 0.2 if len(songs) < 2 * CROSS_VALIDATED else 0.15
        val = _VALIDATION if _VALIDATION * len(songs) >= MIN_VALIDATION else 0.0
        shares = [1 - val - test, val, test] if val else [1 - test, test]
        names = SPLITS if val else ("train", "test")
        parts = [names[part] for part in draw_parts(songs, shares, seed)]
        _require_enough(Counter(parts), names, songs=len(songs), groups=groups, where=where)
        return SplitPlan(final=dict(zip(ids, parts, strict=True)))
    if groups < folds:
        raise DataError(
            f"{where}: has songs of {groups} groups, and a cross-validation in {folds} folds needs {folds}; add songs "
            "of other groups, or mend the column group"
        )
    numbers = draw_parts(songs, [1 / folds] * folds, seed)
    for fold in range(folds):
        found = {"train": len(songs) - numbers.count(fold), "test": numbers.count(fold)}
        _require_enough(found, ("train", "test"), songs=len(songs), groups=groups, where=where)
    return SplitPlan(
        final=dict.fromkeys(ids, "train"),
        folds=tuple(
            {song: "test" if number == fold else "train" for song, number in zip(ids, numbers, strict=True)}
            for fold in range(folds)
        ),
    )


def _require_enough(counts: Mapping[str, int], names: Sequence[str], *, songs: int, groups: int, where: str) -> None:
    for name in names:
        if counts.get(name, 0) < MIN_SONGS:
            raise DataError(
                f"{where}: {songs} songs in {groups} groups leave {counts.get(name, 0)} {name} songs, and {MIN_SONGS} "
                "are needed; add songs of other groups"
            )
