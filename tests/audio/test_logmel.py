"""The reference front end against librosa, and where the two are meant to differ."""

import librosa
import numpy as np
import pytest

from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.logmel import apply_normalization, log_mel, normalize_log_mel
from sentio_mobile.spec import AudioSpec

SPEC = AudioSpec()


def music() -> np.ndarray:
    """Decaying detuned partials over a little noise: levels all over the range, as in music."""
    rng = np.random.default_rng(0)
    time = np.arange(SPEC.n_samples) / SPEC.sample_rate
    tones = sum(np.sin(2 * np.pi * f * time + np.sin(5 * time)) for f in (110, 220, 331, 440, 880, 1234, 4000))
    return (0.1 * tones * np.exp(-6 * (time % 0.5)) + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)


def reference(pcm: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=pcm, sr=22050, n_fft=2048, hop_length=512, n_mels=128, fmin=20, fmax=8000, pad_mode="reflect"
    )
    return librosa.power_to_db(mel, ref=np.max, top_db=80)


@pytest.mark.parametrize(
    "pcm",
    [
        music(),
        1e-3 * music(),
        np.sign(np.sin(2 * np.pi * 440 * np.arange(SPEC.n_samples) / 22050)).astype(np.float32),
        np.eye(1, SPEC.n_samples, 300_000, dtype=np.float32)[0],
        fit_length(music()[:200_000], SPEC),
    ],
    ids=["music", "60 dB softer", "full-scale square wave", "impulse", "short clip"],
)
def test_log_mel_equals_librosa_within_a_thousandth_of_a_decibel(pcm: np.ndarray) -> None:
    levels, wanted = log_mel(pcm, SPEC), reference(pcm)
    assert levels.shape == (128, 1292)
    assert wanted.min() < wanted.max() - 20
    assert np.abs(levels - wanted).max() < 1e-3


@pytest.mark.filterwarnings("ignore:Empty filters detected")
@pytest.mark.parametrize(("n_mels", "n_fft"), [(100, 2048), (9, 512), (256, 512)], ids=["100", "9", "empty bands"])
def test_log_mel_of_other_front_ends_equals_librosa(n_mels: int, n_fft: int) -> None:
    spec, pcm = AudioSpec(n_mels=n_mels, n_fft=n_fft), music()
    mel = librosa.feature.melspectrogram(
        y=pcm, sr=22050, n_fft=n_fft, hop_length=512, n_mels=n_mels, fmin=20, fmax=8000, pad_mode="reflect"
    )
    wanted = librosa.power_to_db(mel, ref=np.max, top_db=80)
    assert np.abs(log_mel(pcm, spec) - wanted).max() < 1e-3


def test_log_mel_of_silence_is_the_floor_everywhere() -> None:
    levels = log_mel(np.zeros(SPEC.n_samples, dtype=np.float32), SPEC)
    assert (levels == SPEC.floor_db).all()
    assert (normalize_log_mel(levels, SPEC) == 0).all()
    assert (apply_normalization(normalize_log_mel(levels, SPEC), AudioSpec(normalization="zscore")) == 0).all()


def test_normalization_db80_keeps_values_and_zscore_standardizes() -> None:
    levels = log_mel(music(), SPEC)
    mel = normalize_log_mel(levels, SPEC)
    assert mel.max() == 1
    assert mel.min() >= 0
    np.testing.assert_allclose(mel, (levels + 80) / 80, atol=1e-6)
    np.testing.assert_array_equal(apply_normalization(mel, SPEC), mel)
    zscore = apply_normalization(mel, AudioSpec(normalization="zscore"))
    assert abs(zscore.mean()) < 1e-4
    assert abs(zscore.std() - 1) < 1e-4
