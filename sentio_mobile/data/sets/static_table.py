"""Data sets that are one table of mean ratings and one folder of clips that are named by the table's ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile.data.data_set import Source, labels_of
from sentio_mobile.data.layouts import find_audio, first_few
from sentio_mobile.data.manifest_columns import tidy_id
from sentio_mobile.data.scales import scale_of
from sentio_mobile.data.songs import Song, numbered_rows, read_label, read_number, require_printable
from sentio_mobile.errors import LabelError


@dataclass(frozen=True, kw_only=True)
class StaticTable:
    """How a data set is laid out.

    Attributes:
        name: Name of the data set in messages.
        columns: Names of the columns of the id, of valence and of arousal.
        spreads: Names of the columns of the standard deviations of valence and of arousal over raters.
        scale: Scale of the labels.
        raters: People who rated a song at least, as the authors state; None where songs differ and nobody says how.
        audio: Name of the folder of audio.
        group: Names of the columns, in a table of facts about songs, of the id and of the artist.
    """

    name: str
    columns: tuple[str, str, str]
    spreads: tuple[str, str]
    scale: str
    raters: int | None
    audio: str
    group: tuple[str, str]


def read_static(root: Path, layout: StaticTable, table: Path, *, spreads: Path | None, facts: Path | None) -> Source:
    """Read the songs of a data set.

    Args:
        root: The data set's root.
        layout: How it is laid out.
        table: The table of mean ratings.
        spreads: The table of standard deviations, which may be the same; None without one.
        facts: The table of facts, by whose artists songs are grouped; None makes each song a group.

    Raises:
        LabelError: A table is wrong, or there is no audio.
    """
    key, *names = layout.columns
    scale = scale_of(layout.scale)
    deviations = {} if spreads is None else _spreads(spreads, key, layout.spreads)
    artists = {} if facts is None else _artists(facts, layout.group)
    labels: dict[str, tuple[float, float]] = {}
    for number, row in numbered_rows(table, layout.columns):
        where, song_id = f"{table}, row {number}", tidy_id(row[key])
        if not song_id:
            raise LabelError(f"{where}: has no {key}; mend the row")
        require_printable(song_id, where, key)
        if song_id in labels:
            raise LabelError(f"{where}: song {song_id!r} is labelled twice; remove one")
        valence, arousal = (read_label(row[name], layout.scale, f"{where}, {name}") for name in names)
        labels[song_id] = valence, arousal
    audio = find_audio(root, labels.keys(), layout.audio)
    usual = next(iter(audio.values())).parent
    songs = [
        Song(
            song_id=song_id,
            # A song without audio is treated as a file that cannot be decoded: skipped, counted and named.
            path=audio.get(song_id, usual / f"{song_id}.mp3"),
            valence=valence,
            arousal=arousal,
            group=artists.get(song_id) or song_id,
            spread=(spread := deviations.get(song_id))
            and (scale.spread_to_unit(spread[0]), scale.spread_to_unit(spread[1])),
            raters=layout.raters if song_id in deviations else None,
        )
        for song_id, (valence, arousal) in labels.items()
    ]
    notes = [f"{layout.name}: scale {layout.scale}, as its authors state"]
    if unlabelled := [file.name for stem, file in audio.items() if stem not in labels]:
        notes.append(f"{len(unlabelled)} audio files have no label and are left out: {first_few(unlabelled)}")
    return Source(
        songs=songs,
        root=root,
        layout=layout.name.lower(),
        labels=labels_of(root, table.parent, table.parent.parent),
        scale=layout.scale,
        notes=tuple(notes),
    )


def _spreads(path: Path, key: str, names: tuple[str, str]) -> Mapping[str, tuple[float, float]]:
    """Standard deviations by song, on the table's scale."""
    found = {}
    for number, row in numbered_rows(path, (key, *names)):
        pair = [read_number(row[name], f"{path}, row {number}, {name}", "a standard deviation") for name in names]
        if min(pair) < 0:
            raise LabelError(f"{path}, row {number}: a standard deviation is below 0; mend the row")
        found[tidy_id(row[key])] = (pair[0], pair[1])
    return found


def _artists(path: Path, names: tuple[str, str]) -> Mapping[str, str]:
    """Artists by song."""
    key, artist = names
    found = {}
    for number, row in numbered_rows(path, names):
        require_printable(row[artist], f"{path}, row {number}", artist)
        found[tidy_id(row[key])] = row[artist]
    return found
