"""Songs on which the ranges of activations are measured, before these are rounded to 8 bits.

They are training songs, spread over the valence-arousal plane, so that the ranges hold for calm and for wild music, and
no validation or test song has a say in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.image import mel_to_image, to_input
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.spec import ModelSpec

CLIPS = 64
"""As many as a range needs to settle; each is run once by each runtime."""

CELLS = 5
"""Of each side of the plane."""


@dataclass(frozen=True)
class Calibration:
    """Pictures [clips, height, width] float32 of normalized log-mels, not yet standardized, and where they are from."""

    pictures: NDArray[np.float32]
    origin: dict[str, Any]

    def inputs(self, spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
        """What a network in the form `spectrogram` is fed: [1, 3, height, width] each."""
        for picture in self.pictures:
            yield to_input(picture, spec)

    def save(self, path: Path) -> None:
        """Write the pictures alone, for a process that converts."""
        np.save(path, self.pictures, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what `save` wrote."""
        return cls(np.load(path, allow_pickle=False), {})


def calibration_of(data: PreparedData, spec: ModelSpec, clips: int = CLIPS, seed: int = 0) -> Calibration:
    """Training songs for a model, as many from each cell of the plane as there are.

    Args:
        data: prepared songs.
        spec: of the model.
        clips: how many; fewer where there are fewer training songs.
        seed: of the draw.

    Raises:
        DataError: the songs were prepared for another front end.
    """
    if data.audio.log_mel != spec.audio.log_mel:
        raise DataError(f"{data.folder}: was prepared for another front end than the model's; prepare the songs for it")
    songs = data.split("train")
    chosen = spread_over_plane(songs.labels, clips, np.random.default_rng(seed))
    rows = songs.rows[chosen]
    units = np.asarray(data.mels[rows], dtype=np.float32)
    pictures = np.stack([mel_to_image(unit, spec.audio) for unit in units])
    digest = hashlib.sha256(data.store.checksums[rows].tobytes()).hexdigest()
    origin = {"clips": len(chosen), "seed": seed, "fingerprint": data.sheet["fingerprint"], "clips_sha256": digest}
    return Calibration(pictures, origin)


def spread_over_plane(labels: NDArray[np.float32], count: int, random: np.random.Generator) -> list[int]:
    """Indices of `count` songs, one after another from each cell of a 5 x 5 grid that has songs left.

    Args:
        labels: [songs, 2] in [-1, 1].
        count: how many; all songs where there are fewer.
        random: what is drawn with.
    """
    cells = np.clip(((labels + 1) / 2 * CELLS).astype(int), 0, CELLS - 1)
    of_cell: dict[tuple[int, ...], list[int]] = {}
    for song in random.permutation(len(labels)):
        of_cell.setdefault(tuple(cells[song]), []).append(int(song))
    chosen: list[int] = []
    while len(chosen) < count and of_cell:
        for cell in sorted(of_cell):
            chosen.append(of_cell[cell].pop())
            if not of_cell[cell]:
                del of_cell[cell]
    return sorted(chosen[:count])
