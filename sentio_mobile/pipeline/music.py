"""Prepared music with the folder of its audio, and the check that songs by which a model is judged are not in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.errors import DataError


@dataclass(frozen=True)
class Music:
    """A prepared folder, and the folder that the paths in its songs.csv start from."""

    data: PreparedData
    root: Path


def require_apart(songs: PreparedData, others: Iterable[Music], *, judged: Sequence[str], source: str) -> None:
    """Refuse other music that holds songs by which a model is judged: it would be trained on them.

    Args:
        songs: The labelled songs.
        others: Music without labels of its own.
        judged: Names of the splits that judge a model.
        source: Where the labelled songs come from, for the message.

    Raises:
        DataError: A clip of other music is a clip of one of these splits.
    """
    rows = np.concatenate([songs.split(name).windows.ravel() for name in judged])
    for music in others:
        found = music.data.split(UNLABELLED)
        same = np.isin(music.data.store.checksums[found.windows], songs.store.checksums[rows]).any(axis=1)
        if same.any():
            first = found.song_ids[int(np.argmax(same))]
            raise DataError(
                f"{music.root}: {int(same.sum())} of its songs, such as {first!r}, are labelled songs of {source} that "
                "the model is judged by; leave them out"
            )
