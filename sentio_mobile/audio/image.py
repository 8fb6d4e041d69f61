"""From a normalized log-mel spectrogram to the square image that a model looks at.

A bilinear resize is linear and separable, so it is written as two constant matrices: numpy, torch and every mobile
runtime multiply by the same numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.spec import ModelSpec

if TYPE_CHECKING:
    import torch


@lru_cache(maxsize=8)
def resize_matrix(inputs: int, outputs: int) -> NDArray[np.float32]:
    """Bilinear resize of one axis as a matrix [outputs, inputs]: half-pixel centres, edges repeated, no antialiasing.

    The same as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.
    """
    centres = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    left = np.minimum(centres.astype(int), inputs - 2)
    share = centres - left
    matrix = np.zeros((outputs, inputs))
    rows = np.arange(outputs)
    matrix[rows, left] = 1 - share
    matrix[rows, left + 1] += share
    return matrix.astype(np.float32)


def to_image(mel: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """A normalized spectrogram [n_mels, n_frames] as a model's input [1, 3, image_size, image_size]."""
    size = spec.audio.image_size
    frequency, time = resize_matrix(mel.shape[0], size), resize_matrix(mel.shape[1], size)
    return to_input(frequency @ (mel @ time.T), spec)


def to_input(image: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """A resized image [size, size] as three equal channels, standardized: [1, 3, size, size]."""
    mean = np.asarray(spec.image_mean, dtype=np.float32)[:, None, None]
    sd = np.asarray(spec.image_sd, dtype=np.float32)[:, None, None]
    return ((image[None] - mean) / sd)[None]


def to_image_batch(mels: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """`to_image` in torch: spectrograms [batch, n_mels, n_frames] to inputs [batch, 3, image_size, image_size]."""
    import torch

    size = spec.audio.image_size
    frequency = torch.from_numpy(resize_matrix(mels.shape[1], size)).to(mels)
    time = torch.from_numpy(resize_matrix(mels.shape[2], size)).to(mels)
    image = torch.matmul(frequency, torch.matmul(mels, time.T)).unsqueeze(1)
    mean = torch.tensor(spec.image_mean).to(mels).view(1, 3, 1, 1)
    sd = torch.tensor(spec.image_sd).to(mels).view(1, 3, 1, 1)
    return (image - mean) / sd
