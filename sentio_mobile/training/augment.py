"""Augmentation of training clips: rotation in time, equalizer, gain drift, noise and SpecAugment's masks.

It is applied to normalized log-mels, before a model's own normalization. A constant gain is not part of it: the front
end removes it, because levels are relative to the loudest value of the clip.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.config import AugmentSettings

_CURVE_POINTS = 6
"""Number of random points of a curve over bands or time, which is linear between them."""

_NOISE_SHARE = 0.5
"""Share of the clips that get noise: quiet recordings must stay as common as noisy ones."""
_NOISE_TILT = 6.0
"""Largest tilt of noise over the bands, in dB at either end. White noise rises: a higher band is wider."""
_NOISE_SD = 3.0
"""Standard deviation of noise around its level, in dB: a band's power is a mean over few frequencies."""


class Augmented(NamedTuple):
    """Augmented clips.

    Attributes:
        log_mel: Normalized log-mels [batch, n_mels, n_frames] in [0, 1].
        shift: Share of the clip, from 0 to below 1, by which each was rotated in time [batch]: what sounded at second t
            sounds at (t - shift * clip seconds) modulo the clip's seconds.
    """

    log_mel: torch.Tensor
    shift: torch.Tensor


def augment(
    log_mel: torch.Tensor, spec: AudioSpec, settings: AugmentSettings, random: np.random.Generator
) -> Augmented:
    """Rotate clips in time, change their levels over bands and time, add noise, and mask bands and frames.

    Masked values become 0, the floor. After the equalizer and the gain drift, levels are made relative to the clip's
    loudest value again.

    Args:
        log_mel: Normalized log-mels [batch, n_mels, n_frames] in [0, 1]; not changed.
        spec: Their front end, which defines the range in dB.
        settings: Strength of each augmentation.
        random: Random number generator; the result depends on nothing else.

    Returns:
        Augmented log-mels of the same shape, and how far each was rotated.
    """
    # Passes over the clip take most of the time of loading it, so that each one here works in place.
    batch, bands, frames = log_mel.shape
    shift = np.zeros((batch, 1), dtype=np.int64)
    if settings.roll:
        shift = random.integers(frames, size=(batch, 1))
        rotated = zip(log_mel, shift[:, 0], strict=True)
        log_mel = torch.stack([clip.roll(-int(by), dims=1) for clip, by in rotated])
    else:
        log_mel = log_mel.clone()
    if settings.equalizer_db or settings.gain_db:
        # Values at the floor stay there: how far below it they were is unknown.
        above = log_mel > 0
        log_mel += _curve(log_mel, bands, settings.equalizer_db, random)[:, :, None] / -spec.floor_db
        log_mel += _curve(log_mel, frames, settings.gain_db, random)[:, None, :] / -spec.floor_db
        log_mel *= above
        loudest = log_mel.amax(dim=(1, 2), keepdim=True)
        log_mel += torch.where(loudest > 0, 1 - loudest, -torch.inf)
        log_mel.clamp_(0, 1).mul_(above)
    if settings.noise_db:
        log_mel = torch.stack([_with_noise(clip, spec, settings.noise_db, random) for clip in log_mel])
    band_mask = _masks(
        log_mel, bands, count=settings.frequency_masks, max_width=settings.frequency_width, random=random
    )
    frame_mask = _masks(log_mel, frames, count=settings.time_masks, max_width=settings.time_width, random=random)
    for clip, masked_bands, masked_frames in zip(log_mel, band_mask, frame_mask, strict=True):
        clip[masked_bands] = 0
        clip[:, masked_frames] = 0
    return Augmented(log_mel, _to(log_mel, (shift[:, 0] / frames).astype(np.float32)))


def _with_noise(log_mel: torch.Tensor, spec: AudioSpec, loudest: float, random: np.random.Generator) -> torch.Tensor:
    """Add steady noise to one clip [bands, frames], at a random level up to `loudest` dB over the floor."""
    if random.random() >= _NOISE_SHARE:
        return log_mel
    level = random.uniform(0, loudest) + random.uniform(-_NOISE_TILT, _NOISE_TILT) * np.linspace(-1, 1, len(log_mel))
    spread = _NOISE_SD * random.standard_normal(log_mel.shape, dtype=np.float32)
    noise = _to(log_mel, ((level[:, None] + spread) / -spec.floor_db).astype(np.float32))
    decades = -spec.floor_db / 10
    power = torch.pow(10.0, decades * log_mel) + torch.pow(10.0, decades * noise)
    return (torch.log10(power) / decades).clamp(0, 1)


def _curve(like: torch.Tensor, length: int, limit: float, random: np.random.Generator) -> torch.Tensor:
    """One random curve per clip [batch, length], with values from -limit to limit."""
    points = _to(like, random.uniform(-limit, limit, (len(like), 1, _CURVE_POINTS)).astype(np.float32))
    return interpolate(points, length, mode="linear", align_corners=True)[:, 0]


def _masks(like: torch.Tensor, length: int, *, count: int, max_width: int, random: np.random.Generator) -> torch.Tensor:
    """Which of `length` positions are covered by one of `count` masks [batch, length]."""
    width = random.integers(min(max_width, length) + 1, size=(len(like), count, 1))
    start = random.integers(length - width + 1)
    position = np.arange(length)
    return _to(like, np.any((position >= start) & (position < start + width), axis=1))


def _to(like: torch.Tensor, values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values).to(like.device)
