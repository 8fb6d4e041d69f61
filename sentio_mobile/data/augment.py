"""Changes to training clips that leave their emotion as it is."""

from __future__ import annotations

import torch

from sentio_mobile.recipes import AugmentSettings


def augment(mels: torch.Tensor, settings: AugmentSettings) -> torch.Tensor:
    """SpecAugment's masks, and a turn around the time axis, drawn anew for each clip.

    A masked cell becomes 0: the floor of a `db80` spectrogram, the mean of a `zscore` one.

    Args:
        mels: normalized spectrograms [batch, bands, frames].
        settings: number and largest width of the masks.

    Returns:
        The same shape; the input is left as it was.
    """
    batch, bands, frames = mels.shape
    if settings.roll:
        shift = torch.randint(frames, (batch, 1), device=mels.device)
        index = (torch.arange(frames, device=mels.device) + shift) % frames
        mels = mels.gather(2, index[:, None, :].expand(-1, bands, -1))
    hidden = _bands(mels, bands, settings.frequency_masks, settings.frequency_width)[:, :, None]
    hidden = hidden | _bands(mels, frames, settings.time_masks, settings.time_width)[:, None, :]
    return mels.masked_fill(hidden, 0.0)


def _bands(like: torch.Tensor, length: int, count: int, widest: int) -> torch.Tensor:
    """Which of `length` places lie under one of `count` masks [batch, length]."""
    shape = (len(like), count, 1)
    width = torch.randint(min(widest, length) + 1, shape, device=like.device)
    start = (torch.rand(shape, device=like.device) * (length - width + 1)).long()
    place = torch.arange(length, device=like.device)
    return ((place >= start) & (place < start + width)).any(dim=1)
