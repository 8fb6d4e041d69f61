"""Changes to training clips that leave their emotion as it is, or mix it as they mix the sound.

They work on log-mels in unit levels, before a model's own normalization. A constant gain is not among them: the front
end takes it away, since levels are relative to the clip's maximum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.config import AugmentSettings

_CURVE_POINTS = 6
"""Points between which a random curve over bands or time is a straight line."""


def augment(
    units: torch.Tensor, spec: AudioSpec, settings: AugmentSettings, random: np.random.Generator
) -> torch.Tensor:
    """A turn around the time axis, an equalizer, a drifting gain and SpecAugment's masks, drawn anew for each clip.

    A masked cell becomes 0, the floor. After equalizer and gain, levels are again relative to the clip's maximum.

    Args:
        units: log-mels in unit levels [batch, bands, frames].
        spec: their front end, which says how many decibels the unit is.
        settings: how much of each.
        random: what is drawn depends on this alone.

    Returns:
        The same shape, in [0, 1]; the input is left as it was.
    """
    batch, bands, frames = units.shape
    if settings.roll:
        shift = _to(units, random.integers(frames, size=(batch, 1)))
        index = (torch.arange(frames, device=units.device) + shift) % frames
        units = units.gather(2, index[:, None, :].expand(-1, bands, -1))
    if settings.equalizer_db or settings.gain_db:
        change = _curve(units, bands, settings.equalizer_db, random)[:, :, None]
        change = change + _curve(units, frames, settings.gain_db, random)[:, None, :]
        # What lay under the floor is not known, so it stays there.
        levels = torch.where(units > 0, units + change / -spec.floor_db, 0.0)
        loudest = levels.amax(dim=(1, 2), keepdim=True)
        units = torch.where((units > 0) & (loudest > 0), levels - loudest + 1, 0.0).clamp(0, 1)
    hidden = _bands(units, bands, count=settings.frequency_masks, widest=settings.frequency_width, random=random)[
        :, :, None
    ]
    hidden = (
        hidden | _bands(units, frames, count=settings.time_masks, widest=settings.time_width, random=random)[:, None, :]
    )
    return units.masked_fill(hidden, 0.0)


def _curve(like: torch.Tensor, length: int, largest: float, random: np.random.Generator) -> torch.Tensor:
    """A curve of random height between -`largest` and `largest` for each clip [batch, length]."""
    points = _to(like, random.uniform(-largest, largest, (len(like), 1, _CURVE_POINTS)).astype(np.float32))
    return interpolate(points, length, mode="linear", align_corners=True)[:, 0]


def _bands(like: torch.Tensor, length: int, *, count: int, widest: int, random: np.random.Generator) -> torch.Tensor:
    """Which of `length` places lie under one of `count` masks [batch, length]."""
    width = random.integers(min(widest, length) + 1, size=(len(like), count, 1))
    start = random.integers(length - width + 1)
    place = np.arange(length)
    return _to(like, np.any((place >= start) & (place < start + width), axis=1))


def _to(like: torch.Tensor, values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values).to(like.device)
