"""Calibration clips: the songs on which activation ranges are measured before activations are rounded to 8 bits.

They are training songs, spread over the valence-arousal plane, so that the ranges fit calm and energetic music alike
and no validation or test song influences them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Record, Seed, Sha256
from sentio_mobile.audio.image import mel_to_image, to_input
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.spec import ModelSpec

CLIPS = 64
"""Default number of clips. Ranges hardly change with more, and every runtime runs each clip once."""

GRID = 5
"""Cells along each axis of the valence-arousal plane."""


class CalibrationOrigin(Record, frozen=True, kw_only=True):
    """Which songs a calibration was drawn from, as the bundle's manifest records it."""

    # Number of clips.
    clips: Count
    # Random seed of the draw.
    seed: Seed
    # Fingerprint of the prepared data.
    fingerprint: Sha256
    # SHA-256 over the checksums of the clips' log-mels, in order.
    clips_sha256: Sha256


@dataclass(frozen=True)
class Calibration:
    """Calibration images.

    Attributes:
        images: Resized log-mels [clips, height, width], float32, before ImageNet standardization.
        origin: Where the images come from; None where that is not known, as in a conversion process.
    """

    images: NDArray[np.float32]
    origin: CalibrationOrigin | None = None

    def inputs(self, spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
        """Yield the network's input for each image, in the form `spectrogram`: [1, 3, height, width]."""
        for image in self.images:
            yield to_input(image, spec)

    def save(self, path: Path) -> None:
        """Write the images, without their origin, for a conversion process."""
        np.save(path, self.images, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what `save` wrote."""
        return cls(np.load(path, allow_pickle=False))


def collect_calibration(data: PreparedData, spec: ModelSpec, clips: int = CLIPS, seed: int = 0) -> Calibration:
    """Collect training songs as calibration images, drawn evenly from the cells of the valence-arousal plane.

    Args:
        data: Prepared songs.
        spec: The model's spec.
        clips: Number of clips; fewer if there are fewer training songs.
        seed: Random seed of the draw.

    Raises:
        DataError: The songs were prepared for another front end.
    """
    if data.audio.log_mel != spec.audio.log_mel:
        raise DataError(f"{data.folder}: was prepared for another front end than the model's; prepare the songs for it")
    songs = data.split("train")
    chosen = sample_over_plane(songs.labels, clips, np.random.default_rng(seed))
    rows = songs.rows[chosen]
    log_mels = np.asarray(data.mels[rows], dtype=np.float32)
    images = np.stack([mel_to_image(log_mel, spec.audio) for log_mel in log_mels])
    origin = CalibrationOrigin(
        clips=len(chosen),
        seed=seed,
        fingerprint=data.sheet.fingerprint,
        clips_sha256=hashlib.sha256(data.store.checksums[rows].tobytes()).hexdigest(),
    )
    return Calibration(images, origin)


def sample_over_plane(labels: NDArray[np.float32], count: int, random: np.random.Generator) -> list[int]:
    """Draw songs in turns from the cells of a 5 x 5 valence-arousal grid, until a cell has no songs left.

    Args:
        labels: Valence and arousal [songs, 2] in [-1, 1].
        count: Number of songs; all songs if there are fewer.
        random: Random number generator.

    Returns:
        Sorted indices of the drawn songs.
    """
    cells = np.clip(((labels + 1) / 2 * GRID).astype(int), 0, GRID - 1)
    songs_of: dict[tuple[int, ...], list[int]] = {}
    for song in random.permutation(len(labels)):
        songs_of.setdefault(tuple(cells[song]), []).append(int(song))
    drawn: list[int] = []
    while len(drawn) < count and songs_of:
        for cell in sorted(songs_of):
            drawn.append(songs_of[cell].pop())
            if not songs_of[cell]:
                del songs_of[cell]
    return sorted(drawn[:count])
