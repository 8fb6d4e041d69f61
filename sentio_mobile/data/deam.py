"""The DEAM data set as its authors lay it out (Aljanaki, Yang & Soleymani 2017), found from its root folder."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile.audio.decode import SUFFIXES
from sentio_mobile.data.songs import Song, read_label, read_rows
from sentio_mobile.errors import LabelError

AUDIO = Path("DEAM_audio/MEMD_audio")
LABELS = Path("DEAM_Annotations/annotations/annotations averaged per song/song_level")
TABLES = ("static_annotations_averaged_songs_1_2000.csv", "static_annotations_averaged_songs_2000_2058.csv")
GENERATED_NOTE = "generated.json"
"""Stands in the root folder of music that a program made, and says so."""


def is_deam(root: Path) -> bool:
    """Whether the folder is laid out as DEAM."""
    return (root / AUDIO).is_dir() and (root / LABELS).is_dir()


def read_deam(root: Path) -> list[Song]:
    """The songs of a DEAM folder: static labels (1-9) and the audio file of the same number.

    Raises:
        LabelError: a table is missing or wrong, or no labelled song has an audio file.
    """
    audio = {file.stem: file for file in sorted((root / AUDIO).iterdir()) if file.suffix.lower() in SUFFIXES}
    songs: dict[str, Song] = {}
    for table in TABLES:
        path = root / LABELS / table
        for number, row in enumerate(read_rows(path, ("song_id", "valence_mean", "arousal_mean")), start=2):
            where, song_id = f"{path}, row {number}", row["song_id"]
            if song_id in songs:
                raise LabelError(f"{where}: song {song_id!r} is labelled twice; remove one")
            songs[song_id] = Song(
                song_id=song_id,
                # A label without its audio is a clip that cannot be decoded: it is skipped, counted and named.
                path=audio.get(song_id, root / AUDIO / f"{song_id}.mp3"),
                valence=read_label(row["valence_mean"], "1-9", f"{where}, valence_mean"),
                arousal=read_label(row["arousal_mean"], "1-9", f"{where}, arousal_mean"),
                group=song_id,
            )
    return list(songs.values())
