"""The second half of the reference front end: from a normalized log-mel to the image that a model is fed.

A bilinear resize is linear and separable. It is written as two constant matrices, so that numpy, torch and every mobile
runtime multiply by the same numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.logmel import MIN_SD, apply_normalization, log_mel, normalize_log_mel
from sentio_mobile.spec import AudioSpec, ModelSpec

if TYPE_CHECKING:
    import torch


def clip_to_mel(clip: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Turn a clip of PCM [n_samples] into a normalized log-mel [n_mels, n_frames] with values in [0, 1]."""
    return normalize_log_mel(log_mel(clip, spec), spec)


def clip_to_image(clip: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Turn a clip of PCM [n_samples] into an image [height, width], before channel standardization."""
    return mel_to_image(clip_to_mel(clip, spec), spec)


def mel_to_image(mel: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Turn a normalized log-mel [n_mels, n_frames], as stores hold it, into an image [height, width]."""
    return resize_to_image(apply_normalization(mel, spec), spec.image_size)


def clip_to_input(clip: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Turn a clip of PCM [n_samples] into a model input [1, 3, height, width]."""
    return to_input(clip_to_image(clip, spec.audio), spec)


def mel_to_input(mel: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Turn a normalized log-mel [n_mels, n_frames] into a model input [1, 3, height, width]."""
    return to_input(mel_to_image(mel, spec.audio), spec)


@lru_cache(maxsize=8)
def resize_matrix(inputs: int, outputs: int) -> NDArray[np.float32]:
    """Matrix [outputs, inputs] that resizes one axis bilinearly: half-pixel centres, repeated edges, no antialiasing.

    Equal to `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.
    """
    centres = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    left = np.minimum(centres.astype(int), inputs - 2)
    share = centres - left
    matrix = np.zeros((outputs, inputs))
    rows = np.arange(outputs)
    matrix[rows, left] = 1 - share
    matrix[rows, left + 1] += share
    return matrix.astype(np.float32)


def resize_to_image(mel: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize a log-mel [n_mels, n_frames], after normalization, to an image of `size`, [height, width]."""
    frequency, time = resize_matrix(mel.shape[0], size[0]), resize_matrix(mel.shape[1], size[1])
    return frequency @ (mel @ time.T)


def to_input(image: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Repeat an image [height, width] over three channels and standardize each: [1, 3, height, width]."""
    mean = np.asarray(spec.image_mean, dtype=np.float32)[:, None, None]
    sd = np.asarray(spec.image_sd, dtype=np.float32)[:, None, None]
    return ((image[None] - mean) / sd)[None]


def to_input_batch(mels: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Normalize, resize and standardize a batch in torch, for training.

    Args:
        mels: Normalized log-mels [batch, n_mels, n_frames] with values in [0, 1].
        spec: Front end and channel statistics.

    Returns:
        Model inputs [batch, 3, height, width].
    """
    import torch

    height, width = spec.audio.image_size
    if spec.audio.normalization == "zscore":
        sd = mels.std(dim=(1, 2), correction=0, keepdim=True).clamp_min(float(MIN_SD))
        mels = (mels - mels.mean(dim=(1, 2), keepdim=True)) / sd
    if mels.shape[2] != width:
        mels = torch.matmul(mels, torch.from_numpy(resize_matrix(mels.shape[2], width)).to(mels).T)
    if mels.shape[1] != height:
        mels = torch.matmul(torch.from_numpy(resize_matrix(mels.shape[1], height)).to(mels), mels)
    image = mels.unsqueeze(1)
    mean = torch.tensor(spec.image_mean).to(mels).view(1, 3, 1, 1)
    sd = torch.tensor(spec.image_sd).to(mels).view(1, 3, 1, 1)
    return (image - mean) / sd
