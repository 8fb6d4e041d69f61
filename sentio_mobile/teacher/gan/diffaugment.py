"""Changes that real and made-up clips undergo alike before they are judged (DiffAugment, Zhao et al. 2020).

A discriminator with a hundred songs soon knows them by heart. Changed anew each time they last longer; and since the
changes have gradients and meet the generator's clips too, the generator does not learn to make changed clips.

Cutout, the paper's third change, is left out: a hole in a spectrogram is a rest, and a generator learnt to make them.
"""

from __future__ import annotations

import torch

from sentio_mobile.models.cgan import SILENCE

_SHIFT = (1 / 32, 1 / 8)
"""Largest shift along bands and frames, as a share of them. Pitch and timbre are of the song: bands move little."""
_BRIGHTNESS = 0.1


def diffaugment(levels: torch.Tensor, strength: float) -> torch.Tensor:
    """Brightness and translation (silence comes in), drawn for each clip from torch's generator.

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
    for length, shift, view in zip((bands, frames), _SHIFT, ((1, -1, 1), (1, 1, -1)), strict=True):
        most = round(shift * strength * length)
        moved_by = torch.randint(-most, most + 1, (batch, 1, 1), device=device)
        source = torch.arange(length, device=device).view(view) + moved_by
        inside = inside & (source >= 0) & (source < length)
        places.append(source.clamp(0, length - 1))
    clips = torch.arange(batch, device=device).view(-1, 1, 1)
    return torch.where(inside, levels[clips, places[0], places[1]], SILENCE)
