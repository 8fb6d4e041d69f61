"""A folder of audio that nobody labelled: songs that a student can learn from by its teacher's answers alone."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from sentio_mobile.audio.decode import AUDIO_SUFFIXES
from sentio_mobile.data.songs import Song
from sentio_mobile.errors import LabelError


def read_folder(root: Path) -> list[Song]:
    """The audio files under a folder, however deep, in the order of their paths, without labels.

    A song's id is its path below `root` without the suffix (with it, where two files differ by nothing else). Its group
    is the folder that it lies in: an album is usually one. Files right under `root` are groups of their own. Whatever
    is hidden is passed over, and links to folders are not followed, so that a loop of them ends.

    Raises:
        LabelError: there is no audio file.
    """
    files = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not _unwanted(name)]
        files += [
            (Path(folder) / name).relative_to(root)
            for name in names
            if not _unwanted(name) and Path(name).suffix.lower() in AUDIO_SUFFIXES
        ]
    if not files:
        kinds = ", ".join(suffix[1:] for suffix in AUDIO_SUFFIXES)
        raise LabelError(f"{root}: holds no audio file ({kinds}); give DEAM's root folder, a CSV, or a folder of audio")
    files.sort(key=Path.as_posix)
    names_of = Counter(file.with_suffix("") for file in files)
    songs = []
    for file in files:
        song_id = (file.with_suffix("") if names_of[file.with_suffix("")] == 1 else file).as_posix()
        album = file.parent.as_posix()
        songs.append(
            Song(
                song_id=song_id, path=root / file, valence=None, arousal=None, group=song_id if album == "." else album
            )
        )
    return songs


def _unwanted(name: str) -> bool:
    # A Mac's archives carry a shadow of each file under this name.
    return name.startswith(".") or name == "__MACOSX"
