"""4Q audio (Panda et al. 2018) and MERGE (Louro et al. 2024): clips in the folders Q1 to Q4, by Russell's quadrants.

    Q1/MT0000004637.mp3 ... Q4/...
    panda_dataset_taffc_annotations.csv   Song, Quadrant
    panda_dataset_taffc_metadata.csv      Song, Artist, Title, Quadrant, ...
    merge_audio_complete_av_values.csv    Song, Arousal, Valence          MERGE alone, from 0 to 1, of words' norms

A quadrant gives weak labels: which side of neutral a song is on. MERGE's values give labels, which are its tags'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.layouts import audio_by_stem, find_table, folders_below
from sentio_mobile.data.songs import Song, numbered_rows, read_label, require_printable
from sentio_mobile.errors import LabelError

QUADRANTS: Mapping[str, tuple[int, int]] = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}
"""Valence and arousal of Russell's quadrants: 1 high, -1 low."""

_VALUES = ("Song", "Arousal", "Valence")


def read(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read 4Q or MERGE below a folder; None if it is not there.

    Raises:
        LabelError: A quadrant or a table is missing or wrong.
    """
    clips = _clips(folder)
    if clips is None:
        return None
    songs: dict[str, Song] = {}
    artists = _artists(folder)
    stated = _stated(folder)
    for quadrant, place in clips.items():
        for song_id, path in audio_by_stem(place).items():
            require_printable(path.name, str(place), "file name")
            if song_id in songs:
                raise LabelError(f"{path}: lies in another quadrant too; remove one")
            if (other := stated.get(song_id, quadrant)) != quadrant:
                raise LabelError(f"{path}: is in {other} by the table of annotations; unpack the data set again")
            songs[song_id] = Song(
                song_id=song_id,
                path=path,
                valence=None,
                arousal=None,
                group=artists.get(song_id) or song_id,
                weak_labels=QUADRANTS[quadrant],
            )
    notes = [f"{len(songs):,} songs in four quadrants, read as weak labels"]
    values = find_table(folder, "merge_*_av_values.csv", _VALUES)
    if values is None:
        return Source(songs=list(songs.values()), root=folder, layout="4q", labels="none", notes=tuple(notes))
    labelled = _with_values(songs, values)
    notes = [f"MERGE: scale 0-1, as its authors state; labels are norms of {len(labelled):,} songs' tags, no ratings"]
    if left := len(songs) - len(labelled):
        notes.append(f"{left} songs have no values in {values.name} and are left out")
    return Source(songs=labelled, root=folder, layout="4q", labels="tags", scale="0-1", notes=tuple(notes))


def _clips(folder: Path) -> dict[str, Path] | None:
    """The four folders of clips, beside each other; None without them."""
    for place in folders_below(folder, skip=lambda name: name in QUADRANTS):
        found = {name: place / name for name in QUADRANTS}
        if all(one.is_dir() for one in found.values()) and any(audio_by_stem(one) for one in found.values()):
            return found
    return None


def _stated(folder: Path) -> dict[str, str]:
    """The quadrant of each song by the table of annotations; empty without one."""
    table = find_table(folder, "*annotations*.csv", ("Song", "Quadrant"))
    return {} if table is None else {row["Song"]: row["Quadrant"] for _, row in numbered_rows(table, ("Song",))}


def _artists(folder: Path) -> dict[str, str]:
    """The artist of each song by the table of facts; empty without one."""
    table = find_table(folder, "*metadata*.csv", ("Song", "Artist"))
    return {} if table is None else {row["Song"]: row["Artist"] for _, row in numbered_rows(table, ("Song",))}


def _with_values(songs: Mapping[str, Song], table: Path) -> list[Song]:
    """The songs that have values, with them in place of their quadrants."""
    labelled = []
    for number, row in numbered_rows(table, _VALUES):
        if song := songs.get(row["Song"]):
            valence, arousal = (
                read_label(row[name], "0-1", f"{table}, row {number}, {name}") for name in ("Valence", "Arousal")
            )
            labelled.append(replace(song, valence=valence, arousal=arousal, weak_labels=None))
    return labelled
