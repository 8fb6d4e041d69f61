"""Augmentation: what it changes, what it must leave alone, and that a seed decides all of it."""

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.errors import RecordError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.augment import augment
from sentio_mobile.training.config import AugmentSettings

SPEC = AudioSpec(seconds=6.0)
NOTHING = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)


@pytest.fixture(scope="module")
def log_mel() -> torch.Tensor:
    """Log-mels of four generated songs."""
    clips = [render(song, SPEC.sample_rate)[: SPEC.n_samples] for song in draw_songs(4, seed=5)]
    return torch.from_numpy(np.stack([clip_to_mel(clip, SPEC) for clip in clips]))


def changed(log_mel: torch.Tensor, settings: AugmentSettings, seed: int = 0) -> torch.Tensor:
    return augment(log_mel, SPEC, settings, np.random.default_rng(seed)).log_mel


def test_augment_everything_off(log_mel: torch.Tensor) -> None:
    assert torch.equal(changed(log_mel, NOTHING), log_mel)


def test_augment_seed_and_unchanged_input(log_mel: torch.Tensor) -> None:
    before = log_mel.clone()
    full = AugmentSettings(equalizer_db=6.0, gain_db=6.0)
    assert torch.equal(changed(log_mel, full, 1), changed(log_mel, full, 1))
    assert not torch.equal(changed(log_mel, full, 1), changed(log_mel, full, 2))
    assert torch.equal(log_mel, before)


def test_augment_clips_of_a_batch_differ(log_mel: torch.Tensor) -> None:
    same = log_mel[:1].expand(4, -1, -1)
    augmented = changed(same, AugmentSettings())
    assert not torch.equal(augmented[0], augmented[1])


def test_augment_mask_widths(log_mel: torch.Tensor) -> None:
    settings = replace(NOTHING, frequency_masks=1, frequency_width=9, time_masks=1, time_width=30)
    masked = changed(log_mel.clamp_min(0.01), settings) == 0
    bands, frames = masked.all(dim=2).sum(dim=1), masked.all(dim=1).sum(dim=1)
    assert bands.max() <= 9
    assert frames.max() <= 30
    assert bands.max() > 0
    assert frames.max() > 0


def test_augment_roll(log_mel: torch.Tensor) -> None:
    rolled = changed(log_mel, replace(NOTHING, roll=True))
    assert not torch.equal(rolled, log_mel)
    assert torch.equal(rolled.sort(dim=2).values, log_mel.sort(dim=2).values)


def test_augment_equalizer_range(log_mel: torch.Tensor) -> None:
    augmented = changed(log_mel, replace(NOTHING, equalizer_db=6.0))
    inside = (log_mel > 0.2) & (augmented > 0) & (augmented < 1)
    decibels = torch.where(inside, (augmented - log_mel) * 80, torch.nan)
    middle = decibels.nanmedian(dim=2, keepdim=True).values
    assert (decibels - middle).abs().nan_to_num(0).max() < 1e-3
    spread = middle.nan_to_num(0).amax(dim=1) - middle.nan_to_num(0).amin(dim=1)
    # From -6 to +6, and the new reference moves all bands of a clip alike.
    assert spread.max() <= 12 + 1e-3
    assert spread.max() > 3
    assert (augmented.amax(dim=(1, 2)) == 1).all()


def test_augment_equalizer_floor(log_mel: torch.Tensor) -> None:
    floored = torch.where(log_mel < 0.3, 0.0, log_mel)
    augmented = changed(floored, replace(NOTHING, equalizer_db=12.0, gain_db=12.0))
    assert (augmented[floored == 0] == 0).all()


def test_augment_gain_drift(log_mel: torch.Tensor) -> None:
    augmented = changed(log_mel, replace(NOTHING, gain_db=10.0))
    inside = (log_mel > 0.2) & (augmented > 0) & (augmented < 1)
    decibels = torch.where(inside, (augmented - log_mel) * 80, torch.nan)
    middle = decibels.nanmedian(dim=1, keepdim=True).values
    assert (decibels - middle).abs().nan_to_num(0).max() < 1e-3
    assert middle.nan_to_num(0).std() > 0.5


def test_augment_silence() -> None:
    silent = torch.zeros(2, SPEC.n_mels, SPEC.n_frames)
    augmented = changed(silent, AugmentSettings(equalizer_db=12.0, gain_db=12.0))
    assert torch.equal(augmented, silent)


def test_front_end_removes_constant_gain() -> None:
    clip = render(draw_songs(1, seed=5)[0], SPEC.sample_rate)[: SPEC.n_samples]
    np.testing.assert_allclose(clip_to_mel(clip * np.float32(0.25), SPEC), clip_to_mel(clip, SPEC), atol=1e-5)


def test_augment_settings_negative() -> None:
    with pytest.raises(RecordError, match=r"gain_db must be a number from 0 to 80, not -3"):
        AugmentSettings(gain_db=-3)


def test_augment_noise_fills_quiet_cells_and_leaves_loud_ones() -> None:
    clip = torch.zeros(40, 128, 60)
    clip[:, :, 30:] = 0.9
    noisy = changed(clip, replace(NOTHING, noise_db=40.0))
    with_noise = (noisy != clip).flatten(1).any(dim=1)
    assert 10 <= with_noise.sum() <= 30
    raised = (noisy - clip)[with_noise]
    assert raised.min() >= 0
    assert raised[:, :, :30].mean() > 0.15
    assert raised[:, :, 30:].max() < 0.05
    assert noisy.max() <= 1
