"""Whether generated clips differ from each other as songs do, and whether they are copies of training clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import NonNegative, Record, Share, Size
from sentio_mobile.data.checks.fingerprint import MIN_SIMILARITY, similarity
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips

Vectors = NDArray[np.float64]
MAX_CLIPS = 1_000_000

NEAREST_LABELS = 5
"""Clips with the nearest labels that a clip is compared with, for the diversity at one label."""

NEAREST_CLIPS = 3
"""Nearest training clips that a clip is compared with closely."""

MAX_COPY_SHARE = 0.05
"""Largest share of copies that does not count as memorization; unseen real songs may raise it."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedClips:
    """Clips and their vectors in the embedding [n, d]."""

    clips: Clips
    vectors: Vectors


class Diversity(Record, frozen=True, kw_only=True):
    """Mean distances between generated clips divided by those between real clips.

    1 is as diverse as songs; 0 is one clip again and again.
    """

    overall: NonNegative  # over all pairs of clips
    same_label: NonNegative  # over pairs of a clip and the 5 others with the nearest labels


class Memorization(Record, frozen=True, kw_only=True):
    """How near generated clips come to the training clips.

    A clip is a copy if it is as similar to one of its nearest training clips as two recordings of one performance are,
    or if it lies nearer to a training clip than `max_copy_distance`: half the distance that 95% of the unseen real
    songs keep.
    """

    # Distance from each generated clip to the nearest training clip.
    distances: Annotated[tuple[NonNegative, ...], Meta(max_length=MAX_CLIPS)]
    # Distance from each unseen real song to the nearest training clip.
    unseen_distances: Annotated[tuple[NonNegative, ...], Meta(max_length=MAX_CLIPS)]
    # Similarity of each generated clip to the most similar of its nearest training clips.
    similarities: Annotated[tuple[Annotated[float, Meta(ge=-1, le=1.001)], ...], Meta(max_length=MAX_CLIPS)]
    # Index of that training clip.
    nearest: Annotated[tuple[Size, ...], Meta(max_length=MAX_CLIPS)]
    # Median distance of generated clips divided by that of unseen real songs.
    distance_ratio: NonNegative
    # Distance below which a clip is a copy.
    max_copy_distance: NonNegative
    # Share of generated clips that are copies.
    copies: Share
    # Share of unseen real songs that count as copies.
    unseen_copies: Share
    # Whether there are more copies than chance explains.
    is_memorized: bool


def measure_diversity(generated: EmbeddedClips, real: EmbeddedClips) -> Diversity:
    """Measure how diverse generated clips are, relative to real ones."""
    distances = [
        (_mean_distance(side.vectors), _mean_distance_at_label(side.vectors, side.clips.labels))
        for side in (generated, real)
    ]
    (overall, same_label), (real_overall, real_same_label) = distances
    return Diversity(overall=overall / max(real_overall, 1e-12), same_label=same_label / max(real_same_label, 1e-12))


def find_copies(
    generated: EmbeddedClips, unseen: EmbeddedClips, train: EmbeddedClips, *, audio: AudioSpec, progress: Progress
) -> Memorization:
    """Look for copies of training clips.

    Args:
        generated: Generated clips.
        unseen: Real songs that the generator was not trained on.
        train: All clips that it was trained on.
        audio: Front end of all clips.
        progress: Progress, clip by clip.
    """
    progress.start("looking for copies", len(generated.clips) + len(unseen.clips))
    (distances, similarities, nearest), (unseen_distances, unseen_similarities, _) = (
        _nearest(side, train, audio, progress) for side in (generated, unseen)
    )
    progress.finish()
    max_copy_distance = float(np.quantile(unseen_distances, 0.05)) / 2
    copies, unseen_copies = (
        float(((distance < max_copy_distance) | (nearest_similarity >= MIN_SIMILARITY)).mean())
        for distance, nearest_similarity in ((distances, similarities), (unseen_distances, unseen_similarities))
    )
    return Memorization(
        distances=_rounded(distances),
        unseen_distances=_rounded(unseen_distances),
        similarities=_rounded(similarities),
        nearest=tuple(nearest.tolist()),
        distance_ratio=float(np.median(distances) / max(np.median(unseen_distances), 1e-12)),
        max_copy_distance=max_copy_distance,
        copies=copies,
        unseen_copies=unseen_copies,
        is_memorized=copies > max(MAX_COPY_SHARE, unseen_copies),
    )


def _rounded(values: Vectors) -> tuple[float, ...]:
    return tuple(np.round(values, 4).tolist())


def _nearest(
    side: EmbeddedClips, train: EmbeddedClips, audio: AudioSpec, progress: Progress
) -> tuple[Vectors, Vectors, NDArray[np.int64]]:
    """Distance to the nearest training clip, largest similarity among the nearest ones, and the index of that one."""
    from scipy.spatial import cKDTree

    clips, count = side.clips, min(NEAREST_CLIPS, len(train.clips))
    distances, indices = cKDTree(train.vectors).query(side.vectors, k=count)
    distances, indices = distances.reshape(len(clips), count), indices.reshape(len(clips), count)
    similarities = np.empty((len(clips), count))
    for i in range(len(clips)):
        similarities[i] = [similarity(clips[i], train.clips[j], audio) for j in indices[i]]
        progress.advance()
    best = similarities.argmax(axis=1)
    rows = np.arange(len(clips))
    return distances[:, 0], similarities[rows, best], indices[rows, best]


def _mean_distance(vectors: Vectors) -> float:
    from scipy.spatial.distance import pdist

    return float(pdist(vectors).mean()) if len(vectors) > 1 else 0.0


def _mean_distance_at_label(vectors: Vectors, labels: NDArray[np.float32]) -> float:
    from scipy.spatial.distance import cdist

    label_distances = cdist(labels, labels)
    np.fill_diagonal(label_distances, np.inf)
    others = np.argsort(label_distances, axis=1, kind="stable")[:, : min(NEAREST_LABELS, len(labels) - 1)]
    return float(np.linalg.norm(vectors[:, None] - vectors[others], axis=2).mean())
