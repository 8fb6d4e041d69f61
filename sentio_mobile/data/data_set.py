"""What the reader of a data set returns, and the readers: ours, and those that other installed packages add.

A reader takes a folder and the settings of data preparation. It returns the songs, or None if the folder has another
layout. Another package adds a reader through an entry point of the group `sentio_mobile.data_sets`, whose name is the
layout's:

    [project.entry-points."sentio_mobile.data_sets"]
    toy = "my_package.toy:read"
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Count, Name, Record, Seed, from_plain, read_plain, replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.scales import ScaleName
from sentio_mobile.data.songs import LabelSource, Song, require_printable
from sentio_mobile.errors import InputError, LabelError

ENTRY_POINTS = "sentio_mobile.data_sets"
"""The group of entry points through which other packages add readers."""

GENERATED_NOTE = "generated.json"
"""File in the root folder of generated music that says so."""


class GeneratedNote(Record, frozen=True, kw_only=True):
    """generated.json in the root folder of generated music."""

    labels: Literal["rated", "generated"] = "rated"  # who labelled the songs: people, or the program that made them
    generator: Name | None = None  # Python module or program that generated the music
    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # version of the generator
    seed: Seed | None = None  # random seed of the music
    songs: Annotated[int, Meta(ge=1, le=10**9)] | None = None  # number of songs


class SetFacts(Record, frozen=True, kw_only=True):
    """One of several data sets that were prepared together."""

    name: Name  # its name, which its songs' ids begin with
    layout: Name  # its layout: "deam", "manifest" and so on
    scale: ScaleName  # scale of its labels; empty if it is not known
    labels: LabelSource  # where its labels come from
    songs: Count  # number of its songs


@dataclass(frozen=True, kw_only=True)
class Source:
    """The songs of a data set, and what is known about all of them.

    Attributes:
        songs: The songs.
        root: Folder that paths are stored relative to.
        layout: Name of the layout.
        labels: Where the labels come from. With "none", valence and arousal of every song are None.
        scale: Scale of the labels in the data set's files, such as `1-9`; empty without labels, or if it is not known.
        notes: Lines for the user: the scale, what was left out, and why.
        sets: The data sets that it was put together from; empty for one.
    """

    songs: list[Song]
    root: Path
    layout: str
    labels: LabelSource
    scale: ScaleName = ""
    notes: tuple[str, ...] = ()
    sets: tuple[SetFacts, ...] = ()

    @property
    def has_weak_labels(self) -> bool:
        """Whether some songs are known to be above or below neutral, and no more."""
        return any(song.weak_labels is not None for song in self.songs)


Reader: TypeAlias = Callable[[Path, DataRecipe], Source | None]
"""Reads a data set from its root folder, or returns None if the folder has another layout. Raises `LabelError`."""

_BUILT_IN: Mapping[str, str] = {
    "deam": "sentio_mobile.data.sets.deam",
    "pmemo": "sentio_mobile.data.sets.pmemo",
    "emomusic": "sentio_mobile.data.sets.emomusic",
    "jamendo": "sentio_mobile.data.sets.jamendo",
    "4q": "sentio_mobile.data.sets.quadrants",
    "emopia": "sentio_mobile.data.sets.emopia",
}
"""Module of each of our readers, which is its function `read`, by the name of the layout."""


def read_data_set(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read a folder by the first reader that knows its layout: ours first, then those of other packages.

    Args:
        folder: Root folder of a data set.
        recipe: Settings of data preparation.

    Returns:
        The songs, or None if no reader knows the layout.

    Raises:
        LabelError: A reader knows the layout, and something in the folder is wrong.
        InputError: The package of a reader is broken, or its songs are not what they must be.
    """
    for name, module in _BUILT_IN.items():
        read: Reader = import_module(module).read
        if source := read(folder, recipe):
            return replace(source, layout=name)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        if source := _read(point, folder, recipe):
            return source
    return None


def labels_of(*places: Path) -> LabelSource:
    """Return "generated" if a note in one of these folders says that a program made the music, else "rated".

    Raises:
        LabelError: The note is damaged.
    """
    for note in (place / GENERATED_NOTE for place in places):
        if is_file(note):
            return from_plain(GeneratedNote, read_plain(note, LabelError), str(note), LabelError).labels
    return "rated"


def _read(point: EntryPoint, folder: Path, recipe: DataRecipe) -> Source | None:
    """Read a folder by the reader of another package, and check what it returns."""
    package = point.dist.name if point.dist else point.value
    try:
        source = point.load()(folder, recipe)
    except InputError:
        raise
    except Exception as error:  # a package of somebody else may fail in any way
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{folder}: the reader {point.name!r} of {package} failed ({reason})") from error
    if source is None:
        return None
    where = f"{folder}: the reader {point.name!r} of {package}"
    if not isinstance(source, Source) or not source.songs:
        raise InputError(f"{where} returned no songs; tell the package's authors")
    if recipe.labels == "dynamic" and all(song.moments is None for song in source.songs):
        raise LabelError(f"{folder}: has no dynamic labels; use static labels")
    ids = set()
    for song in source.songs:
        require_printable(song.song_id, where, "song_id")
        require_printable(song.group, where, "group")
        values = [value for value in (song.valence, song.arousal) if value is not None]
        expected = 0 if source.labels == "none" else 2
        if len(values) != expected:
            raise LabelError(
                f"{where}: song {shown(song.song_id)} has {len(values) or 'no'} labels, and "
                f"{expected or 'none'} are expected"
            )
        if not all(math.isfinite(value) and abs(value) <= 1 for value in values):
            raise LabelError(f"{where}: song {shown(song.song_id)} has a label outside [-1, 1]")
        if song.song_id in ids:
            raise LabelError(f"{where}: song {shown(song.song_id)} is there twice")
        ids.add(song.song_id)
    return replace(source, layout=point.name)
