"""Whether made-up clips differ from each other as songs do, and whether they are copies of what was learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.checks.fingerprint import MIN_SIMILARITY, similarity
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips

Places = NDArray[np.float64]

SAME_LABEL = 5
"""Clips with the nearest labels that a clip is compared with, for the diversity at one label."""

CANDIDATES = 3
"""Nearest training clips that a clip is compared with closely."""

MOST_COPIES = 0.05
"""Share of copies from which on a set of clips counts as memorised, unless unseen real songs have as many."""


@dataclass(frozen=True)
class Diversity:
    """Mean distances between clips over those between real ones: 1 is as various as songs, 0 one clip again and again.

    `overall` is over all pairs, `same_label` over pairs of a clip and the `SAME_LABEL` others with the nearest labels.
    """

    overall: float
    same_label: float


@dataclass(frozen=True, kw_only=True)
class Memory:
    """How near clips come to what was learnt from.

    A clip is a copy when it has the likeness of one recording, as between files that are the same song, to one of the
    nearest training clips; or when it lies nearer to one than `limit`: half the distance that all but a twentieth of
    the unseen real songs keep.

    Attributes:
        distances: from each made-up clip to the nearest training clip [n].
        unseen: the same from each unseen real song [m].
        likeness: of each made-up clip to the most alike of its nearest training clips [n].
        nearest: index of that training clip [n].
        limit: distance under which a clip is a copy.
        copies: share of the made-up clips that are copies.
        unseen_copies: the same of the unseen real songs.
    """

    distances: Places
    unseen: Places
    likeness: Places
    nearest: NDArray[np.int64]
    limit: float
    copies: float
    unseen_copies: float

    @property
    def ratio(self) -> float:
        """Median distance over that of unseen real songs."""
        return float(np.median(self.distances) / max(np.median(self.unseen), 1e-12))

    @property
    def is_memorised(self) -> bool:
        """Whether there are more copies than chance leaves."""
        return self.copies > max(MOST_COPIES, self.unseen_copies)


def diversity(made: Clips, places: Places, real: Clips, real_places: Places) -> Diversity:
    """How various clips are.

    Args:
        made: the made-up clips, n.
        places: where they lie [n, d].
        real: real ones, m.
        real_places: where they lie [m, d].
    """
    pairs = [
        (_mean_distance(x), _mean_distance_at_label(x, clips.labels))
        for x, clips in ((places, made), (real_places, real))
    ]
    (all_made, label_made), (all_real, label_real) = pairs
    return Diversity(all_made / max(all_real, 1e-12), label_made / max(label_real, 1e-12))


def memory(
    made: tuple[Clips, Places],
    unseen: tuple[Clips, Places],
    *,
    learnt: tuple[Clips, Places],
    audio: AudioSpec,
    progress: Progress,
) -> Memory:
    """Look for copies of training clips.

    Args:
        made: made-up clips, n, and where they lie [n, d].
        unseen: real songs that were not learnt from, m, and where they lie [m, d].
        learnt: all clips that were, and where they lie.
        audio: the front end that all follow.
        progress: shown clip by clip.
    """
    progress.start("looking for copies", len(made[0]) + len(unseen[0]))
    (distances, alike, nearest), (unseen_distances, unseen_alike, _) = (
        _nearest(clips, places, learnt=learnt[0], learnt_places=learnt[1], audio=audio, progress=progress)
        for clips, places in (made, unseen)
    )
    progress.finish()
    limit = float(np.quantile(unseen_distances, 0.05)) / 2
    copies, unseen_copies = (
        float(((d < limit) | (a >= MIN_SIMILARITY)).mean())
        for d, a in ((distances, alike), (unseen_distances, unseen_alike))
    )
    return Memory(
        distances=distances,
        unseen=unseen_distances,
        likeness=alike,
        nearest=nearest,
        limit=limit,
        copies=copies,
        unseen_copies=unseen_copies,
    )


def _nearest(
    clips: Clips, places: Places, *, learnt: Clips, learnt_places: Places, audio: AudioSpec, progress: Progress
) -> tuple[Places, Places, NDArray[np.int64]]:
    """Distance to the nearest learnt clip, largest likeness among the nearest few, and which one that is."""
    from scipy.spatial import cKDTree

    count = min(CANDIDATES, len(learnt))
    far, which = cKDTree(learnt_places).query(places, k=count)
    far, which = far.reshape(len(clips), count), which.reshape(len(clips), count)
    alike = np.empty((len(clips), count))
    for i in range(len(clips)):
        alike[i] = [similarity(clips[i], learnt[j], audio) for j in which[i]]
        progress.advance()
    best = alike.argmax(axis=1)
    rows = np.arange(len(clips))
    return far[:, 0], alike[rows, best], which[rows, best]


def _mean_distance(places: Places) -> float:
    from scipy.spatial.distance import pdist

    return float(pdist(places).mean()) if len(places) > 1 else 0.0


def _mean_distance_at_label(places: Places, labels: NDArray[np.float32]) -> float:
    from scipy.spatial.distance import cdist

    apart = cdist(labels, labels)
    np.fill_diagonal(apart, np.inf)
    others = np.argsort(apart, axis=1, kind="stable")[:, : min(SAME_LABEL, len(labels) - 1)]
    return float(np.linalg.norm(places[:, None] - places[others], axis=2).mean())
