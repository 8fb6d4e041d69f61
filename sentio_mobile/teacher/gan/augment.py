"""Augmentation of clips, real and generated alike, before the discriminator sees them.

DiffAugment (Zhao et al. 2020): a discriminator soon memorizes a hundred songs, and takes longer if they change each
time. The changes are differentiable and applied to generated clips too, so that the generator does not learn to
generate changed clips. Cutout, the paper's third change, is left out: a hole in a spectrogram is a rest, and a
generator learned to make rests.

Instance noise (Sønderby et al. 2017, section 3.3) is added as well. It fades linearly; DiffAugment stays.
"""

from __future__ import annotations

import torch

from sentio_mobile.models.cgan import SILENCE
from sentio_mobile.teacher.gan.config import GanTraining

_MAX_SHIFT = (1 / 32, 1 / 8)
"""Largest shift along bands and frames, as a share of them. Bands move little: pitch and timbre belong to the song."""

_MAX_GAIN = 0.1


class DiscriminatorAugmentation:
    """The augmentation at one moment of the training.

    Args:
        settings: Training settings.
        epoch: The moment in epochs from the beginning, with a fraction.
    """

    def __init__(self, settings: GanTraining, epoch: float) -> None:
        self.strength = settings.diffaugment
        end = settings.noise_until * settings.epochs
        self.noise = settings.instance_noise * max(0.0, 1 - epoch / end) if end else 0.0

    def __call__(self, clips: torch.Tensor) -> torch.Tensor:
        """Augment clips [batch, bands, frames] in [-1, 1]."""
        clips = diffaugment(clips, self.strength)
        return clips + self.noise * torch.randn_like(clips) if self.noise else clips


def diffaugment(clips: torch.Tensor, strength: float) -> torch.Tensor:
    """Change the gain of each clip and shift it, filled up with silence, by random draws from torch's generator.

    Args:
        clips: Log-mels [batch, bands, frames] in [-1, 1].
        strength: Factor on each change; 0 changes nothing.
    """
    if strength == 0:
        return clips
    batch, bands, frames = clips.shape
    device = clips.device
    gain = (torch.rand(batch, 1, 1, device=device) * 2 - 1) * _MAX_GAIN * strength
    # Scaled relative to the floor, so that silence stays silence.
    clips = (clips - SILENCE) * (1 + gain) + SILENCE
    sources, inside = [], torch.ones_like(clips, dtype=torch.bool)
    for length, share, view in zip((bands, frames), _MAX_SHIFT, ((1, -1, 1), (1, 1, -1)), strict=True):
        limit = round(share * strength * length)
        shift = torch.randint(-limit, limit + 1, (batch, 1, 1), device=device)
        source = torch.arange(length, device=device).view(view) + shift
        inside = inside & (source >= 0) & (source < length)
        sources.append(source.clamp(0, length - 1))
    rows = torch.arange(batch, device=device).view(-1, 1, 1)
    return torch.where(inside, clips[rows, sources[0], sources[1]], SILENCE)
