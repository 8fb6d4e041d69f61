"""The augmentation of clips before the discriminator sees them."""

import pytest
import torch

from sentio_mobile.models.cgan import SILENCE
from sentio_mobile.teacher.gan.augment import DiscriminatorAugmentation, diffaugment
from sentio_mobile.teacher.gan.config import GanTraining


def test_diffaugment_changes_every_clip_unless_strength_is_0() -> None:
    torch.manual_seed(0)
    clips = torch.rand(6, 64, 200) * 2 - 1
    assert diffaugment(clips, 0.0) is clips
    changed = diffaugment(clips, 1.0)
    assert changed.shape == clips.shape
    assert ((changed - clips).flatten(1).abs().amax(dim=1) > 0.01).all()
    assert len({round(float(clip.sum()), 2) for clip in changed}) == 6


def test_diffaugment_shifts_the_whole_clip_and_fills_with_silence() -> None:
    torch.manual_seed(1)
    clip = torch.full((1, 64, 200), SILENCE)
    clip[0, 20, 100] = 1.0
    positions = set()
    for _ in range(60):
        moved = diffaugment(clip, 1.0)[0]
        found = torch.nonzero(moved > 0.5)
        assert len(found) == 1
        positions.add(tuple(found[0].tolist()))
        assert (moved == SILENCE).sum() == moved.numel() - 1
    bands, frames = ({position[i] for position in positions} for i in (0, 1))
    assert bands == {18, 19, 20, 21, 22}
    assert min(frames) >= 75
    assert max(frames) <= 125
    assert len(frames) > 20


def test_diffaugment_has_gradients() -> None:
    torch.manual_seed(0)
    clips = torch.zeros(2, 32, 64, requires_grad=True)
    diffaugment(clips, 1.0).sum().backward()
    assert clips.grad is not None
    assert clips.grad.abs().sum() > 1000


def test_discriminator_augmentation_noise_fades_linearly() -> None:
    settings = GanTraining(epochs=10, steps=1, instance_noise=0.2, noise_until=0.5, diffaugment=0.0)
    clips = torch.zeros(4, 64, 200)
    deviations = [float(DiscriminatorAugmentation(settings, epoch)(clips).std()) for epoch in (0.0, 2.5, 5.0, 9.0)]
    assert deviations == [pytest.approx(0.2, rel=0.05), pytest.approx(0.1, rel=0.05), 0.0, 0.0]
