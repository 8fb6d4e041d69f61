"""Changes that real and made-up clips undergo alike before they are judged (DiffAugment, Zhao et al. 2020).

A discriminator with a hundred songs soon knows them by heart. Changed anew each time they last longer; and since the
changes have gradients and meet the generator's clips too, the generator does not learn to make changed clips.
"""

from __future__ import annotations

import torch

from sentio_mobile.models.cgan import SILENCE

_SHIFT = (1 / 32, 1 / 8)
"""Largest shift along bands and frames, as a share of them. Pitch and timbre are of the song: bands move little."""
_BRIGHTNESS = 0.1
_HOLE = (1 / 4, 1 / 4)
"""Sides of the hole that is cut, as a share of bands and frames."""


def diffaugment(levels: torch.Tensor, strength: float) -> torch.Tensor:
    """Brightness, translation (silence comes in) and cutout, drawn for each clip from torch's generator.

    Args:
        levels: [batch, bands, frames] in [-1, 1].
        strength: scales each change; 0 changes nothing.
    """
    if strength == 0:
        return levels
    batch, bands, frames = levels.shape
    device = levels.device
    brighter = (torch.rand(batch, 1, 1, device=device) * 2 - 1) * _BRIGHTNESS * strength
    # Scaled about the floor, so that silence stays silence.
    levels = (levels - SILENCE) * (1 + brighter) + SILENCE
    places, inside = [], torch.ones_like(levels, dtype=torch.bool)
    hole = torch.ones_like(inside)
    for axis, (length, shift, side) in enumerate(zip((bands, frames), _SHIFT, _HOLE, strict=True)):
        view = (1, -1, 1) if axis == 0 else (1, 1, -1)
        at = torch.arange(length, device=device).view(view)
        most = round(shift * strength * length)
        source = at + torch.randint(-most, most + 1, (batch, 1, 1), device=device)
        inside = inside & (source >= 0) & (source < length)
        places.append(source.clamp(0, length - 1))
        size = round(side * strength * length)
        start = torch.randint(0, length, (batch, 1, 1), device=device) - size // 2
        hole = hole & (at >= start) & (at < start + size)
    clips = torch.arange(batch, device=device).view(-1, 1, 1)
    moved = levels[clips, places[0], places[1]]
    return torch.where(inside & ~hole, moved, SILENCE)
