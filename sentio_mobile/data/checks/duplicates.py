"""The same recording under two names: harmless in one split, a leak in two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.checks.fingerprint import ALIKE, NEAR_DB, likeness
from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.spec import AudioSpec

NEIGHBOURS = 16
"""Clips that a clip is compared with, at most: the work grows with the number of clips, not with its square."""
_DIRECTIONS = 8
"""Directions in which the sketches differ most, by which neighbours are looked for."""


@dataclass(frozen=True)
class Duplicate:
    """Songs that are one recording, and the split of each. `likeness` is that of the least alike pair found.

    `how` is `bytes` where the files are the same to the last, and `sound` where one is a copy of the other.
    """

    songs: tuple[str, ...]
    splits: tuple[str, ...]
    how: Literal["bytes", "sound"]
    likeness: float

    @property
    def is_leak(self) -> bool:
        """Whether songs of several splits are among them."""
        return len(set(self.splits)) > 1


def near_pairs(sketches: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs of clips whose sketches are at most `NEAR_DB` apart, nearest first; of each clip its nearest only.

    Neighbours are looked for with a k-d tree in the few directions that hold most of the variance. A distance there is
    never larger than the whole one, so that nothing is missed for it.

    Args:
        sketches: [clips, numbers], as `sketch` makes them.
    """
    from scipy.spatial import cKDTree

    if len(sketches) < 2:
        return []
    centred = sketches - sketches.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    places = centred @ directions[:, -_DIRECTIONS:]
    neighbours = min(NEIGHBOURS + 1, len(places))
    found = cKDTree(places).query(places, k=neighbours, distance_upper_bound=NEAR_DB, workers=-1)[1]
    one, rank = np.nonzero(found < len(places))
    other = found[one, rank]
    pairs = np.unique(np.sort(np.stack([one, other], axis=1)[one != other], axis=1), axis=0)
    distances = np.linalg.norm(sketches[pairs[:, 0]] - sketches[pairs[:, 1]], axis=1)
    order = np.argsort(distances, kind="stable")[: int((distances <= NEAR_DB).sum())]
    return [(int(a), int(b)) for a, b in pairs[order]]


def find_duplicates(
    listed: Sequence[ClipRow],
    rows: NDArray[np.int64],
    *,
    sketches: NDArray[np.float32],
    read: Callable[[int], NDArray[np.float32]],
    audio: AudioSpec,
    progress: Progress,
) -> tuple[Duplicate, ...]:
    """Songs that are the same recording.

    Args:
        listed: the clips of the prepared folder.
        rows: rows of the store [clips], each once.
        sketches: of those rows [clips, numbers].
        read: gives the unit levels of a row [bands, frames].
        audio: the front end.
        progress: shown as pairs are compared.

    Returns:
        Each recording that is there under several names, leaks first.
    """
    split_of = {clip.song_id: clip.split for clip in listed}
    union = _Union()
    for same in (lambda clip: clip.sha256, lambda clip: f"row {clip.row}"):
        first: dict[str, str] = {}
        for clip in listed:
            if key := same(clip):
                union.join(first.setdefault(key, clip.song_id), clip.song_id, 1.0, "bytes")
    owner = {clip.row: clip.song_id for clip in reversed(listed)}
    near = near_pairs(sketches)
    progress.start("comparing clips that are near", len(near))
    for a, b in near:
        one, other = owner[int(rows[a])], owner[int(rows[b])]
        if union.find(one) != union.find(other):
            alike = likeness(read(int(rows[a])), read(int(rows[b])), audio)
            if alike >= ALIKE:
                union.join(one, other, alike, "sound")
        progress.advance()
    progress.finish()
    found = [
        Duplicate(tuple(songs), tuple(split_of[song] for song in songs), how, round(least, 3))
        for songs, how, least in union.groups()
    ]
    return tuple(sorted(found, key=lambda copies: (not copies.is_leak, copies.songs)))


class _Union:
    """Songs that belong together, joined pair by pair."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self._least: dict[str, float] = {}
        self._how: dict[str, Literal["bytes", "sound"]] = {}

    def find(self, song: str) -> str:
        """The song that stands for all that were joined with this one."""
        while (above := self._above.get(song, song)) != song:
            self._above[song] = self._above.get(above, above)
            song = above
        return song

    def join(self, one: str, other: str, alike: float, how: Literal["bytes", "sound"]) -> None:
        """Both are one recording."""
        a, b = self.find(one), self.find(other)
        if a == b:
            return
        self._above[b] = a
        self._above.setdefault(a, a)
        self._least[a] = min(alike, self._least.get(a, 1.0), self._least.get(b, 1.0))
        hows = {how, self._how.get(a, how), self._how.get(b, how)}
        self._how[a] = "sound" if "sound" in hows else "bytes"

    def groups(self) -> list[tuple[list[str], Literal["bytes", "sound"], float]]:
        """All songs that were joined, together, in the order of their names."""
        members: dict[str, list[str]] = {}
        for song in sorted(self._above):
            members.setdefault(self.find(song), []).append(song)
        return [(songs, self._how[top], self._least[top]) for top, songs in members.items()]
