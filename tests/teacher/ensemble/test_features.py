"""The features of tones, clicks and silence."""

import numpy as np
import pytest

from sentio_mobile.teacher.ensemble.features import FEATURE_NAMES, extract_features

RATE = 22050
TIME = np.arange(3 * RATE) / RATE
NOISE = np.random.default_rng(0).normal(0, 0.014, len(TIME)).astype(np.float32)


def tone(hertz: float) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def test_extract_features_of_tones() -> None:
    low, high = (dict(zip(FEATURE_NAMES, extract_features(tone(hertz), RATE), strict=True)) for hertz in (220, 3520))
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 164
    assert [sum(name.startswith(kind) for name in FEATURE_NAMES) for kind in ("mfcc", "chroma")] == [52, 48]
    assert low["centroid, mean"] < 600 < 3000 < high["centroid, mean"]
    assert low["zero crossings, mean"] == pytest.approx(2 * 220 / RATE, rel=0.1)
    assert low["chroma 9, mean"] > 0.9
    assert low["chroma 3, mean"] < 0.3
    assert low["chroma 9, mean"] == pytest.approx(high["chroma 9, mean"], abs=0.1)


def test_extract_features_of_clicks_and_a_tone() -> None:
    clicks = np.zeros(len(TIME), dtype=np.float32)
    clicks[:: RATE // 2] = 1.0
    clicking, steady = (dict(zip(FEATURE_NAMES, extract_features(p, RATE), strict=True)) for p in (clicks, tone(440)))
    assert clicking["onset strength, max"] > steady["onset strength, mean"] + 1
    assert clicking["change of level, mean"] > steady["change of level, mean"]


def test_extract_features_ignore_volume_and_are_finite_for_silence() -> None:
    music = tone(440) + NOISE
    assert extract_features(music, RATE) == pytest.approx(extract_features(music / 7, RATE), abs=1e-3, rel=1e-3)
    assert np.isfinite(extract_features(np.zeros(RATE, dtype=np.float32), RATE)).all()
