import numpy as np
import pytest

from sentio_mobile.audio.perturb import gain, mp3, tilt, white_noise
from sentio_mobile.evaluation.perturbations import PERTURBATIONS

RATE = 22050
TIME = np.arange(3 * RATE) / RATE


def tone(hertz: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def power(pcm: np.ndarray) -> float:
    return float(np.mean(pcm.astype(np.float64) ** 2))


def test_gain_clips_at_full_scale() -> None:
    assert gain(-12)(tone(440), RATE) == pytest.approx(tone(440) * 10**-0.6, abs=1e-6)
    assert np.abs(gain(12)(tone(440, 0.9), RATE)).max() == 1


@pytest.mark.parametrize(("hertz", "decibels"), [(100, -6.0), (894.4, 0.0), (8000, 6.0)])
def test_tilt_is_linear_over_log_frequency(hertz: float, decibels: float) -> None:
    change = 10 * np.log10(power(tilt(6)(tone(hertz), RATE)) / power(tone(hertz)))
    assert change == pytest.approx(decibels, abs=0.1)


def test_white_noise_has_its_ratio_and_is_reproducible() -> None:
    noise = white_noise(20)(tone(440), RATE) - tone(440)
    assert 10 * np.log10(power(tone(440)) / power(noise)) == pytest.approx(20, abs=0.2)
    assert np.array_equal(white_noise(20)(tone(440), RATE), white_noise(20)(tone(440), RATE))
    assert not white_noise(20)(np.zeros(100, dtype=np.float32), RATE).any()


def test_mp3_keeps_the_power_but_not_the_samples() -> None:
    before = tone(440) + tone(1200, 0.05)
    after = mp3(64)(before, RATE)[: len(before)]
    assert abs(len(mp3(64)(before, RATE)) - len(before)) < RATE // 10
    assert np.abs(after - before).max() > 0
    assert power(after[RATE:-RATE]) == pytest.approx(power(before[RATE:-RATE]), rel=0.15)


def test_perturbations_all_change_the_clip() -> None:
    pcm = tone(440, 0.8) + tone(3000, 0.1)
    for one in PERTURBATIONS:
        if one.change is None:
            assert one.offset > 0
        else:
            assert not np.array_equal(one.change(pcm, RATE)[: len(pcm)], pcm)
