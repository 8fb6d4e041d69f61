"""MTG-Jamendo (Bogdanov et al. 2019): tracks with tags of mood and theme: weak labels or, with norms, labels.

    data/autotagging_moodtheme.tsv   TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION, TAGS; a column for each further tag
    audio/48/948.mp3                 or 948.low.mp3, in folders by the last two digits

A part of the tracks will do: those that are not there are left out and counted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.layouts import folders_below
from sentio_mobile.data.norms import Norms, read_norms, split_tags
from sentio_mobile.data.songs import Song, read_text, require_printable
from sentio_mobile.errors import LabelError

_HEADER = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
_MOOD = "mood/theme---"

SIDES: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("happy", "fun", "party", "upbeat", "funny", "summer", "sport"), (1, 1)),
    **dict.fromkeys(("energetic", "fast", "powerful", "action", "epic", "heavy"), (0, 1)),
    **dict.fromkeys(("positive", "hopeful", "love", "romantic", "uplifting", "children", "holiday"), (1, 0)),
    **dict.fromkeys(("calm", "relaxing", "meditative", "soft", "slow", "soundscape"), (0, -1)),
    **dict.fromkeys(("sad", "melancholic"), (-1, -1)),
    "dark": (-1, 0),
}
"""Valence and arousal of the tags that say which side of neutral a track is on: 1 high, -1 low, 0 neither.

By their place in Russell's circumplex (1980); tags that say what music is used for (film, corporate, ...) are not here.
"""


@dataclass(frozen=True, kw_only=True)
class _Track:
    """One row of the table."""

    where: str
    track_id: str
    artist: str
    path: str
    tags: tuple[str, ...]


def read(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read MTG-Jamendo below a folder; None if it is not there.

    Raises:
        LabelError: The table is wrong, there is no audio, or no track has a tag that says anything.
    """
    table = next((path for place in folders_below(folder) for path in sorted(place.glob("*moodtheme*.tsv"))), None)
    if table is None:
        return None
    tracks = list(_tracks(table))
    files = _files(folder, tracks)
    norms = read_norms(Path(recipe.norms), recipe.norms_scale) if recipe.norms else None
    songs = [song for track in tracks if track.track_id in files and (song := _song(track, files, norms))]
    notes = [f"MTG-Jamendo: {len(files):,} of {len(tracks):,} tracks are there"]
    if not songs:
        raise LabelError(f"{table}: no track that is there has a tag that says how it feels; check the table")
    if norms:
        notes.append(norms.note)
    if silent := len(files) - len(songs):
        notes.append(f"{silent:,} tracks have no tag that says how they feel, and are left out")
    return Source(songs=songs, root=folder, layout="jamendo", labels="tags" if norms else "none", notes=tuple(notes))


def _tracks(table: Path) -> Iterator[_Track]:
    rows = csv.reader(io.StringIO(read_text(table), newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(rows, [])
    if header[: len(_HEADER)] != _HEADER:
        raise LabelError(f"{table}: is no table of MTG-Jamendo (its columns are not {', '.join(_HEADER)})")
    for number, cells in enumerate(rows, start=2):
        where = f"{table}, row {number}"
        if len(cells) < len(_HEADER):
            raise LabelError(f"{where}: has {len(cells)} values for {len(_HEADER)} columns; download the table again")
        track_id, artist, _, path, _, *tags = cells
        for name, text in (("TRACK_ID", track_id), ("ARTIST_ID", artist), ("PATH", path)):
            require_printable(text, where, name)
        moods = tuple(word for tag in tags if tag.startswith(_MOOD) for word in split_tags(tag))
        yield _Track(where=where, track_id=track_id, artist=artist, path=path, tags=moods)


def _files(folder: Path, tracks: list[_Track]) -> dict[str, Path]:
    """The audio files of the tracks that are there, below the folder that has most of a sample of them."""
    sample = tracks[:: max(1, len(tracks) // 500)]
    best, root = 0, folder
    for place in folders_below(folder, skip=lambda name: len(name) == 2 and name.isdigit()):
        count = sum(_file(place, track.path) is not None for track in sample)
        if count > best:
            best, root = count, place
    found = {track.track_id: path for track in tracks if (path := _file(root, track.path))}
    if not found:
        raise LabelError(
            f"{folder}: has MTG-Jamendo's table of {len(tracks):,} tracks, and none of the tracks (such as "
            f"{tracks[0].path if tracks else '48/948.mp3'}); unpack the audio there"
        )
    return found


def _file(root: Path, path: str) -> Path | None:
    whole = root / path
    small = whole.with_suffix(f".low{whole.suffix}")
    return whole if whole.is_file() else small if small.is_file() else None


def _song(track: _Track, files: Mapping[str, Path], norms: Norms | None) -> Song | None:
    """A track with what its tags say; None if they say nothing."""
    label = norms.label(track.tags) if norms else None
    sides = [SIDES[tag] for tag in track.tags if tag in SIDES]
    # Tags that contradict each other say nothing.
    weak = [max(-1, min(1, sum(side[at] for side in sides))) for at in range(2)]
    if label is None if norms else not any(weak):
        return None
    return Song(
        song_id=track.track_id,
        path=files[track.track_id],
        valence=label[0] if label else None,
        arousal=label[1] if label else None,
        group=track.artist,
        weak_labels=None if norms else (weak[0], weak[1]),
    )
