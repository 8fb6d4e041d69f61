"""From a normalized log-mel spectrogram to the picture that a model looks at.

A bilinear resize is linear and separable, so it is written as two constant matrices: numpy, torch and every mobile
runtime multiply by the same numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.logmel import FLATTEST
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


def to_picture(mel: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A normalized spectrogram [n_mels, n_frames], resized to `size`, [height, width]."""
    frequency, time = resize_matrix(mel.shape[0], size[0]), resize_matrix(mel.shape[1], size[1])
    return frequency @ (mel @ time.T)


def to_input(picture: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """A picture [height, width] as three equal channels, standardized: [1, 3, height, width]."""
    mean = np.asarray(spec.image_mean, dtype=np.float32)[:, None, None]
    sd = np.asarray(spec.image_sd, dtype=np.float32)[:, None, None]
    return ((picture[None] - mean) / sd)[None]


def to_input_batch(units: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Normalize, resize and standardize in torch, for training.

    Args:
        units: log-mels in unit levels [batch, n_mels, n_frames], each in [0, 1].
        spec: the front end and the channel statistics.

    Returns:
        Inputs [batch, 3, height, width].
    """
    import torch

    height, width = spec.audio.image_size
    if spec.audio.normalization == "zscore":
        sd = units.std(dim=(1, 2), correction=0, keepdim=True).clamp_min(float(FLATTEST))
        units = (units - units.mean(dim=(1, 2), keepdim=True)) / sd
    frequency = torch.from_numpy(resize_matrix(units.shape[1], height)).to(units)
    time = torch.from_numpy(resize_matrix(units.shape[2], width)).to(units)
    picture = torch.matmul(frequency, torch.matmul(units, time.T)).unsqueeze(1)
    mean = torch.tensor(spec.image_mean).to(units).view(1, 3, 1, 1)
    sd = torch.tensor(spec.image_sd).to(units).view(1, 3, 1, 1)
    return (picture - mean) / sd
