"""The whole reference front end in one call: a clip of PCM to what a model is fed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.image import to_input, to_picture
from sentio_mobile.audio.logmel import log_mel, normalize, to_unit
from sentio_mobile.spec import AudioSpec, ModelSpec


def unit_of_clip(clip: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """A clip of PCM [n_samples] as a log-mel in unit levels [n_mels, n_frames], each in [0, 1]."""
    return to_unit(log_mel(clip, spec), spec)


def picture_of_clip(clip: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """A clip of PCM [n_samples] as the resized picture [height, width], not yet standardized."""
    return picture_of_unit(unit_of_clip(clip, spec), spec)


def picture_of_unit(unit: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """A log-mel in unit levels [n_mels, n_frames], as stores keep them, as the resized picture [height, width]."""
    return to_picture(normalize(unit, spec), spec.image_size)


def input_of_clip(clip: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """A clip of PCM [n_samples] as a model's input [1, 3, height, width]."""
    return to_input(picture_of_clip(clip, spec.audio), spec)


def input_of_unit(unit: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """A log-mel in unit levels [n_mels, n_frames] as a model's input [1, 3, height, width]."""
    return to_input(picture_of_unit(unit, spec.audio), spec)
