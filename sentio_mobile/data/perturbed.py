"""Perturbed windows of training songs: the same music as phones and codecs pass it on, with the same labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from sentio_mobile.audio.perturb import ChangePcm, gain, mp3, tilt, white_noise

CHANGES: Mapping[str, ChangePcm] = {
    "mp3 64 kbit/s": mp3(64),
    "noise 30 dB": white_noise(30),
    "bright": tilt(6),
    "dark": tilt(-6),
    "gain +12 dB": gain(12),
}
"""Each change by its name. A softer sound is not among them: the front end makes every clip equally loud."""

MAX_CHANGES = len(CHANGES)
"""Most perturbed copies of a window."""


def changes_of(song_id: str, count: int, seed: int) -> tuple[str, ...]:
    """Draw different changes for a song.

    Args:
        song_id: The song. The draw depends on it and on the seed alone, so that it is the same in every split.
        count: Number of changes, 0 to `MAX_CHANGES`.
        seed: Random seed.
    """
    digest = hashlib.sha256(f"{seed} {song_id}".encode("utf-8", "surrogatepass")).digest()
    drawn = np.random.default_rng(int.from_bytes(digest[:8], "big")).permutation(MAX_CHANGES)[:count]
    names = tuple(CHANGES)
    return tuple(names[number] for number in drawn)
