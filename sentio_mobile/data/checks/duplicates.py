"""The same recording under two names: harmless within one split, a leak between two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Record, Share
from sentio_mobile.data.checks.fingerprint import MAX_DISTANCE_DB, MIN_SIMILARITY, similarity
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.spec import AudioSpec

MAX_NEIGHBOURS = 16
"""Clips that a clip is compared with, at most: the work grows with the number of clips, not with its square."""
_DIRECTIONS = 8
"""Principal directions of the fingerprints in which neighbours are searched."""

Names = Annotated[tuple[Annotated[str, Meta(max_length=131_072)], ...], Meta(min_length=2, max_length=10**7)]
"""Song ids or splits of the copies. A cell of a CSV has at most 131,072 characters."""


class Duplicate(Record, frozen=True, kw_only=True):
    """Songs that are one recording."""

    songs: Names  # song ids
    splits: Names  # split of each song
    how: Literal["bytes", "sound"]  # whether the files are equal to the last byte, or sound the same
    similarity: Share  # similarity of the least similar pair that was compared

    @property
    def is_leak(self) -> bool:
        """Whether the songs are in several splits."""
        return len(set(self.splits)) > 1


def near_pairs(fingerprints: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Find pairs of clips whose fingerprints are at most `MAX_DISTANCE_DB` apart; only the nearest of each clip.

    A k-d tree searches in the few directions with most of the variance. A distance there is never larger than the
    whole distance, so that no pair is missed.

    Args:
        fingerprints: Fingerprints [clips, numbers], as `fingerprints_of` returns them.

    Returns:
        Pairs of indices, the nearest first.
    """
    from scipy.spatial import cKDTree

    if len(fingerprints) < 2:
        return []
    centred = fingerprints - fingerprints.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    projected = centred @ directions[:, -_DIRECTIONS:]
    neighbours = min(MAX_NEIGHBOURS + 1, len(projected))
    found = cKDTree(projected).query(projected, k=neighbours, distance_upper_bound=MAX_DISTANCE_DB, workers=-1)[1]
    one, rank = np.nonzero(found < len(projected))
    other = found[one, rank]
    pairs = np.unique(np.sort(np.stack([one, other], axis=1)[one != other], axis=1), axis=0)
    distances = np.linalg.norm(fingerprints[pairs[:, 0]] - fingerprints[pairs[:, 1]], axis=1)
    order = np.argsort(distances, kind="stable")[: int((distances <= MAX_DISTANCE_DB).sum())]
    return [(int(a), int(b)) for a, b in pairs[order]]


def find_duplicates(
    clips: Sequence[ClipRow],
    rows: NDArray[np.int64],
    *,
    fingerprints: NDArray[np.float32],
    read: Callable[[int], NDArray[np.float32]],
    audio: AudioSpec,
    progress: Progress,
) -> tuple[Duplicate, ...]:
    """Find songs that are the same recording.

    Args:
        clips: Clips of the prepared folder.
        rows: Store rows of clips with sound, each once [n].
        fingerprints: Fingerprints of those [n, numbers].
        read: Returns the normalized log-mel [n_mels, n_frames] of a store row.
        audio: Front end.
        progress: Progress bar, advanced pair by pair.

    Returns:
        Each recording with several names, leaks first.
    """
    split_of = {clip.song_id: clip.split for clip in clips}
    recordings = _Recordings()
    for key_of in (lambda clip: clip.sha256, lambda clip: f"row {clip.row}"):
        first: dict[str, ClipRow] = {}
        for clip in clips:
            if key := key_of(clip):
                same = first.setdefault(key, clip)
                # Segments of one file are songs of one group on purpose.
                if clip.group != same.group or clip.segment == same.segment:
                    recordings.join(same.song_id, clip.song_id, 1.0, "bytes")
    song_of = {clip.row: clip.song_id for clip in reversed(clips)}
    near = near_pairs(fingerprints)
    progress.start("comparing similar clips", len(near))
    for a, b in near:
        one, other = song_of[int(rows[a])], song_of[int(rows[b])]
        if recordings.find(one) != recordings.find(other):
            found = similarity(read(int(rows[a])), read(int(rows[b])), audio)
            if found >= MIN_SIMILARITY:
                recordings.join(one, other, found, "sound")
        progress.advance()
    progress.finish()
    duplicates = [
        Duplicate(songs=tuple(songs), splits=tuple(split_of[song] for song in songs), how=how, similarity=lowest)
        for songs, how, lowest in recordings.groups()
    ]
    return tuple(sorted(duplicates, key=lambda duplicate: (not duplicate.is_leak, duplicate.songs)))


class _Recordings:
    """A union-find structure of songs that are the same recording."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._similarity: dict[str, float] = {}
        self._how: dict[str, Literal["bytes", "sound"]] = {}

    def find(self, song: str) -> str:
        """Return the song that represents all that were joined with this one."""
        while (parent := self._parent.get(song, song)) != song:
            self._parent[song] = self._parent.get(parent, parent)
            song = parent
        return song

    def join(self, one: str, other: str, similarity: float, how: Literal["bytes", "sound"]) -> None:
        """Note that two songs are one recording."""
        a, b = self.find(one), self.find(other)
        if a == b:
            return
        self._parent[b] = a
        self._parent.setdefault(a, a)
        self._similarity[a] = min(similarity, self._similarity.get(a, 1.0), self._similarity.get(b, 1.0))
        hows = {how, self._how.get(a, how), self._how.get(b, how)}
        self._how[a] = "sound" if "sound" in hows else "bytes"

    def groups(self) -> list[tuple[list[str], Literal["bytes", "sound"], float]]:
        """Return the songs that were joined, group by group, in the order of their names."""
        members: dict[str, list[str]] = {}
        for song in sorted(self._parent):
            members.setdefault(self.find(song), []).append(song)
        return [(songs, self._how[top], min(1.0, round(self._similarity[top], 3))) for top, songs in members.items()]
