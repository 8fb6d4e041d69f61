"""The whole front end in one call: an audio file, or PCM, to what a model is fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.decode import decode, fit
from sentio_mobile.audio.image import to_image
from sentio_mobile.audio.logmel import log_mel, normalize
from sentio_mobile.spec import ModelSpec


def image_of_pcm(pcm: NDArray[np.float32], spec: ModelSpec, start: int = 0) -> NDArray[np.float32]:
    """The clip of `pcm` [samples] that starts at sample `start`, as a model's input [1, 3, image_size, image_size]."""
    return to_image(normalize(log_mel(fit(pcm, spec.audio, start), spec.audio), spec.audio), spec)


def image_of_file(path: Path, spec: ModelSpec) -> NDArray[np.float32]:
    """The first clip of an audio file, as a model's input [1, 3, image_size, image_size].

    Raises:
        AudioError: the file holds no usable audio.
    """
    return image_of_pcm(decode(path, spec.audio.sample_rate), spec)
