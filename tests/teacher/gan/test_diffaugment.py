"""What clips undergo before they are judged."""

import torch

from sentio_mobile.models.cgan import SILENCE
from sentio_mobile.teacher.gan.diffaugment import diffaugment


def test_nothing_changes_at_no_strength_and_every_clip_otherwise() -> None:
    torch.manual_seed(0)
    clips = torch.rand(6, 64, 200) * 2 - 1
    assert diffaugment(clips, 0.0) is clips
    changed = diffaugment(clips, 1.0)
    assert changed.shape == clips.shape
    assert ((changed - clips).flatten(1).abs().amax(dim=1) > 0.01).all()
    assert len({round(float(clip.sum()), 2) for clip in changed}) == 6


def test_a_clip_moves_as_a_whole_and_silence_comes_in() -> None:
    torch.manual_seed(1)
    clip = torch.full((1, 64, 200), SILENCE)
    clip[0, 20, 100] = 1.0
    places = set()
    for _ in range(60):
        moved = diffaugment(clip, 1.0)[0]
        at = torch.nonzero(moved > 0.5)
        assert len(at) == 1
        places.add(tuple(at[0].tolist()))
        assert (moved == SILENCE).sum() == moved.numel() - 1
    bands, frames = ({place[i] for place in places} for i in (0, 1))
    assert bands == {18, 19, 20, 21, 22}
    assert min(frames) >= 75
    assert max(frames) <= 125
    assert len(frames) > 20


def test_gradients_flow_back_to_the_generator() -> None:
    torch.manual_seed(0)
    clips = torch.zeros(2, 32, 64, requires_grad=True)
    diffaugment(clips, 1.0).sum().backward()
    assert clips.grad is not None
    assert clips.grad.abs().sum() > 1000
