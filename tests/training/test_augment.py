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
def units() -> torch.Tensor:
    """Log-mels of four generated songs."""
    clips = [render(song, SPEC.sample_rate)[: SPEC.n_samples] for song in draw_songs(4, seed=5)]
    return torch.from_numpy(np.stack([clip_to_mel(clip, SPEC) for clip in clips]))


def changed(units: torch.Tensor, settings: AugmentSettings, seed: int = 0) -> torch.Tensor:
    return augment(units, SPEC, settings, np.random.default_rng(seed))


def test_with_everything_off_nothing_changes(units: torch.Tensor) -> None:
    assert torch.equal(changed(units, NOTHING), units)


def test_the_seed_decides_and_the_input_is_left_alone(units: torch.Tensor) -> None:
    before = units.clone()
    full = AugmentSettings(equalizer_db=6.0, gain_db=6.0)
    assert torch.equal(changed(units, full, 1), changed(units, full, 1))
    assert not torch.equal(changed(units, full, 1), changed(units, full, 2))
    assert torch.equal(units, before)


def test_clips_of_a_batch_are_changed_each_in_its_own_way(units: torch.Tensor) -> None:
    same = units[:1].expand(4, -1, -1)
    answers = changed(same, AugmentSettings())
    assert not torch.equal(answers[0], answers[1])


def test_masks_are_no_wider_than_asked_and_whole_bands_or_frames(units: torch.Tensor) -> None:
    settings = replace(NOTHING, frequency_masks=1, frequency_width=9, time_masks=1, time_width=30)
    masked = changed(units.clamp_min(0.01), settings) == 0
    bands, frames = masked.all(dim=2).sum(dim=1), masked.all(dim=1).sum(dim=1)
    assert bands.max() <= 9
    assert frames.max() <= 30
    assert bands.max() > 0
    assert frames.max() > 0


def test_a_turn_moves_time_and_keeps_every_value(units: torch.Tensor) -> None:
    turned = changed(units, replace(NOTHING, roll=True))
    assert not torch.equal(turned, units)
    assert torch.equal(turned.sort(dim=2).values, units.sort(dim=2).values)


def test_the_equalizer_moves_bands_alike_at_all_times_and_by_no_more_than_asked(units: torch.Tensor) -> None:
    answers = changed(units, replace(NOTHING, equalizer_db=6.0))
    inside = (units > 0.2) & (answers > 0) & (answers < 1)
    decibels = torch.where(inside, (answers - units) * 80, torch.nan)
    middle = decibels.nanmedian(dim=2, keepdim=True).values
    assert (decibels - middle).abs().nan_to_num(0).max() < 1e-3
    spread = middle.nan_to_num(0).amax(dim=1) - middle.nan_to_num(0).amin(dim=1)
    # From -6 to +6, and the new reference moves all bands of a clip alike.
    assert spread.max() <= 12 + 1e-3
    assert spread.max() > 3
    assert (answers.amax(dim=(1, 2)) == 1).all()


def test_the_equalizer_does_not_lift_what_lay_under_the_floor(units: torch.Tensor) -> None:
    floored = torch.where(units < 0.3, 0.0, units)
    answers = changed(floored, replace(NOTHING, equalizer_db=12.0, gain_db=12.0))
    assert (answers[floored == 0] == 0).all()


def test_a_drifting_gain_moves_frames_alike_at_all_bands(units: torch.Tensor) -> None:
    answers = changed(units, replace(NOTHING, gain_db=10.0))
    inside = (units > 0.2) & (answers > 0) & (answers < 1)
    decibels = torch.where(inside, (answers - units) * 80, torch.nan)
    middle = decibels.nanmedian(dim=1, keepdim=True).values
    assert (decibels - middle).abs().nan_to_num(0).max() < 1e-3
    assert middle.nan_to_num(0).std() > 0.5


def test_silence_stays_silence() -> None:
    silent = torch.zeros(2, SPEC.n_mels, SPEC.n_frames)
    answers = changed(silent, AugmentSettings(equalizer_db=12.0, gain_db=12.0))
    assert torch.equal(answers, silent)


def test_a_constant_gain_is_taken_away_by_the_front_end_itself() -> None:
    clip = render(draw_songs(1, seed=5)[0], SPEC.sample_rate)[: SPEC.n_samples]
    np.testing.assert_allclose(clip_to_mel(clip * np.float32(0.25), SPEC), clip_to_mel(clip, SPEC), atol=1e-5)


def test_a_negative_setting_is_refused() -> None:
    with pytest.raises(RecordError, match=r"gain_db must be a number from 0 to 80, not -3"):
        AugmentSettings(gain_db=-3)
