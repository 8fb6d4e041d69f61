"""What the maker of a model says of it that no step measures: its music, teacher, limits, and other measurements."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Count, Record, Seed, Text
from sentio_mobile.metrics.bootstrap import Interval

Statement = Annotated[str, Meta(min_length=1, max_length=1000)]


class WeakLabelAuc(Record, frozen=True, kw_only=True):
    """How well a model tells high from low on songs with weak labels: which side of neutral they are on."""

    music: Statement  # the songs, and where their weak labels come from
    songs: Count  # number of songs
    valence: Interval  # AUC of valence: share of pairs, a pleasant and an unpleasant song, in the right order
    arousal: Interval  # AUC of arousal
    valence_when_calm: Interval  # AUC of valence among calm songs alone
    valence_when_energetic: Interval  # AUC of valence among energetic songs alone
    over: Literal["songs", "groups"]  # what the bootstrap draws
    seed: Seed  # random seed of the bootstrap


class About(Record, frozen=True, kw_only=True):
    """Statements for the model card, shown as they are."""

    music: Text = ""  # what music the model learned from, and under which licences
    teacher: Text = ""  # whose predictions it learned
    auc: Annotated[tuple[WeakLabelAuc, ...], Meta(max_length=16)] = ()  # measurements on songs with weak labels
    limits: Annotated[tuple[Statement, ...], Meta(max_length=32)] = ()  # what it is not, and where it is weak
