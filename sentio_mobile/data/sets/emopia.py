"""EMOPIA (Hung et al. 2021): clips of piano music whose names begin with Russell's quadrant, as weak labels.

    Q1_0vLPYiPN7qY_0.mp3   quadrant, song, number of the clip; in one folder
    label.csv              ID, 4Q, annotator; not needed

The authors publish MIDI files and the songs' addresses; the clips are cut from what is downloaded.
"""

from __future__ import annotations

import re
from pathlib import Path

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.layouts import audio_by_stem, find_table, folders_below
from sentio_mobile.data.sets.quadrants import QUADRANTS
from sentio_mobile.data.songs import Song, require_printable
from sentio_mobile.errors import LabelError

_CLIP = re.compile(r"(Q[1-4])_(.+)_(\d+)")
_MIN_CLIPS = 3
"""Clips of such a name that make a folder EMOPIA's."""


def read(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read EMOPIA below a folder; None if it is not there.

    Raises:
        LabelError: Its tables are there and its audio is not.
    """
    songs = []
    for place in folders_below(folder):
        clips = [(path, match) for stem, path in audio_by_stem(place).items() if (match := _CLIP.fullmatch(stem))]
        if len(clips) < _MIN_CLIPS:
            continue
        for path, match in clips:
            require_printable(path.name, str(place), "file name")
            songs.append(
                Song(
                    song_id=match[0],
                    path=path,
                    valence=None,
                    arousal=None,
                    # Clips of one song stay together.
                    group=match[2],
                    weak_labels=QUADRANTS[match[1]],
                )
            )
        break
    if not songs:
        if find_table(folder, "label.csv", ("ID", "4Q")):
            raise LabelError(
                f"{folder}: looks like EMOPIA (label.csv) and has no audio; put the clips there, named as "
                "Q1_0vLPYiPN7qY_0.mp3"
            )
        return None
    notes = (
        f"EMOPIA: {len(songs):,} clips of {len({song.group for song in songs}):,} songs, quadrants as weak labels",
    )
    return Source(songs=songs, root=folder, layout="emopia", labels="none", notes=notes)
