import numpy as np
import pytest

from sentio_mobile.evaluation.perturbations import PERTURBATIONS, gain, mp3, tilt, white_noise
from sentio_mobile.teacher.ensemble.features import NAMES, features_of

RATE = 22050
TIME = np.arange(3 * RATE) / RATE


def tone(hertz: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def power(pcm: np.ndarray) -> float:
    return float(np.mean(pcm.astype(np.float64) ** 2))


def test_a_gain_is_a_gain_and_ends_at_full_scale() -> None:
    assert gain(-12)(tone(440), RATE) == pytest.approx(tone(440) * 10**-0.6, abs=1e-6)
    assert np.abs(gain(12)(tone(440, 0.9), RATE)).max() == 1


@pytest.mark.parametrize(("hertz", "decibels"), [(100, -6.0), (894.4, 0.0), (8000, 6.0)])
def test_the_equalizer_is_straight_over_log_frequency(hertz: float, decibels: float) -> None:
    change = 10 * np.log10(power(tilt(6)(tone(hertz), RATE)) / power(tone(hertz)))
    assert change == pytest.approx(decibels, abs=0.1)


def test_noise_lies_so_far_under_the_music_and_is_the_same_each_time() -> None:
    noise = white_noise(20)(tone(440), RATE) - tone(440)
    assert 10 * np.log10(power(tone(440)) / power(noise)) == pytest.approx(20, abs=0.2)
    assert np.array_equal(white_noise(20)(tone(440), RATE), white_noise(20)(tone(440), RATE))
    assert not white_noise(20)(np.zeros(100, dtype=np.float32), RATE).any()


def test_an_mp3_keeps_the_music_and_not_the_samples() -> None:
    before = tone(440) + tone(1200, 0.05)
    after = mp3(64)(before, RATE)[: len(before)]
    assert abs(len(mp3(64)(before, RATE)) - len(before)) < RATE // 10
    assert np.abs(after - before).max() > 0
    assert power(after[RATE:-RATE]) == pytest.approx(power(before[RATE:-RATE]), rel=0.15)


def test_every_perturbation_changes_what_is_heard() -> None:
    pcm = tone(440, 0.8) + tone(3000, 0.1)
    for one in PERTURBATIONS:
        if one.change is None:
            assert one.offset > 0
        else:
            assert not np.array_equal(one.change(pcm, RATE)[: len(pcm)], pcm)


def test_the_features_are_164_and_hear_what_their_names_say() -> None:
    low, high = (dict(zip(NAMES, features_of(tone(hertz), RATE), strict=True)) for hertz in (220, 3520))
    assert len(NAMES) == len(set(NAMES)) == 164
    assert [sum(name.startswith(kind) for name in NAMES) for kind in ("mfcc", "chroma")] == [52, 48]
    assert low["centroid, mean"] < 600 < 3000 < high["centroid, mean"]
    assert low["zero crossings, mean"] == pytest.approx(2 * 220 / RATE, rel=0.1)
    assert low["chroma 9, mean"] > 0.9
    assert low["chroma 3, mean"] < 0.3
    assert low["chroma 9, mean"] == pytest.approx(high["chroma 9, mean"], abs=0.1)


def test_pulse_is_heard_in_clicks_and_not_in_a_tone() -> None:
    clicks = np.zeros(len(TIME), dtype=np.float32)
    clicks[:: RATE // 2] = 1.0
    heard, not_heard = (dict(zip(NAMES, features_of(p, RATE), strict=True)) for p in (clicks, tone(440)))
    assert heard["onset strength, max"] > not_heard["onset strength, mean"] + 1
    assert heard["change of level, mean"] > not_heard["change of level, mean"]


def test_features_are_those_of_the_music_whatever_its_volume_and_silence_has_some() -> None:
    music = white_noise(20)(tone(440), RATE)
    assert features_of(music, RATE) == pytest.approx(features_of(music / 7, RATE), abs=1e-3, rel=1e-3)
    assert np.isfinite(features_of(np.zeros(RATE, dtype=np.float32), RATE)).all()
