"""Sound from spectrograms, compared by the spectrogram of that sound."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.audio import invert
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.invert import PEAK_DB, mel_to_power, spread_bands, to_pcm, write_wav
from sentio_mobile.audio.logmel import log_mel, mel_bank, mel_power, normalize_log_mel
from sentio_mobile.errors import MissingExtraError, OutputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.classes import CLASS_AUDIO, class_mel, from_log1p

SPEC = replace(AudioSpec(), seconds=6.0)


def there_and_back(pcm: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The log-mel of a sound, the sound synthesized from it, and the log-mel of that sound."""
    levels = log_mel(fit_length(pcm, SPEC), SPEC)
    pcm_again = to_pcm(mel_to_power(normalize_log_mel(levels, SPEC), SPEC), SPEC, seed=0)
    return levels, pcm_again, log_mel(fit_length(pcm_again, SPEC), SPEC)


def test_to_pcm_of_a_song_comes_back_within_a_few_decibels(deam: Path) -> None:
    song = sorted(deam.rglob("*.wav"))[0]
    levels, pcm_again, again = there_and_back(decode(song, SPEC.sample_rate, start=5, seconds=SPEC.seconds))
    audible = levels > -40
    assert audible.mean() > 0.1
    assert np.abs(again - levels)[audible].mean() < 1.5
    assert np.corrcoef(again.ravel(), levels.ravel())[0, 1] > 0.98
    assert np.abs(pcm_again).max() == pytest.approx(10 ** (PEAK_DB / 20), abs=1e-4)


@pytest.mark.parametrize("hz", [110.0, 440.0, 2000.0])
def test_to_pcm_of_a_tone_keeps_its_pitch(hz: float) -> None:
    time = np.arange(SPEC.n_samples) / SPEC.sample_rate
    _, pcm_again, _ = there_and_back((0.3 * np.sin(2 * np.pi * hz * time)).astype(np.float32))
    spectrum = np.abs(np.fft.rfft(pcm_again * np.hanning(len(pcm_again))))
    found = np.fft.rfftfreq(len(pcm_again), 1 / SPEC.sample_rate)[spectrum.argmax()]
    assert found == pytest.approx(hz, rel=0.01)


def test_to_pcm_of_beats_keeps_their_tempo() -> None:
    pcm = np.zeros(SPEC.n_samples, dtype=np.float32)
    rng = np.random.default_rng(0)
    burst = (rng.normal(size=1500) * np.exp(-np.arange(1500) / 300)).astype(np.float32)
    for at in np.arange(0, SPEC.seconds - 0.2, 0.5):
        start = round(at * SPEC.sample_rate)
        pcm[start : start + len(burst)] += burst
    _, pcm_again, _ = there_and_back(pcm)
    loudness = np.sqrt(np.convolve(pcm_again**2, np.ones(256) / 256, mode="same"))[::256]
    loudness -= loudness.mean()
    echo = np.correlate(loudness, loudness, mode="full")[len(loudness) :]
    least = round(0.2 * SPEC.sample_rate / 256)
    lag = (least + echo[least : 3 * least].argmax() + 1) * 256 / SPEC.sample_rate
    assert lag == pytest.approx(0.5, abs=0.02)


def test_spread_bands_gives_a_spectrum_with_the_same_bands(deam: Path) -> None:
    pcm = fit_length(decode(sorted(deam.rglob("*.wav"))[1], SPEC.sample_rate, seconds=SPEC.seconds), SPEC)
    power = mel_power(pcm, SPEC)
    spectrum = spread_bands(power, SPEC)
    bank, bins = mel_bank(SPEC)
    assert spectrum.min() >= 0
    assert not spectrum[bins:].any()
    audible = power > 1e-6 * power.max()
    error = 10 * np.log10((bank @ spectrum[:bins])[audible] / power[audible])
    assert np.abs(error).mean() < 0.3


def test_to_pcm_depends_on_the_seed(deam: Path) -> None:
    power = mel_power(decode(sorted(deam.rglob("*.wav"))[0], SPEC.sample_rate, seconds=2), SPEC)
    np.testing.assert_array_equal(to_pcm(power, SPEC, seed=1), to_pcm(power, SPEC, seed=1))
    assert not np.array_equal(to_pcm(power, SPEC, seed=1), to_pcm(power, SPEC, seed=2))


def test_to_pcm_of_silence_is_silent() -> None:
    pcm_again = to_pcm(mel_to_power(np.zeros((SPEC.n_mels, 20), np.float32), SPEC), SPEC, seed=0)
    assert pcm_again.shape == (19 * SPEC.hop_length,)
    assert not pcm_again.any()


def test_to_pcm_of_a_class_sound_comes_back(deam: Path) -> None:
    pcm = decode(sorted(deam.rglob("*.wav"))[0], CLASS_AUDIO.sample_rate, start=5, seconds=2)
    mel = class_mel(pcm)
    again = class_mel(to_pcm(from_log1p(mel), CLASS_AUDIO, seed=0))
    assert np.corrcoef(mel.ravel(), again.ravel())[0, 1] > 0.97
    # The sound ends after two of nearly six seconds, and so does what is pcm_again of it.
    assert again[:, 200:].mean() < 0.01 < again[:, :150].mean()


def test_to_pcm_without_librosa_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "librosa", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentio-mobile\[render\]'"):
        invert.to_pcm(np.ones((SPEC.n_mels, 4), np.float32), SPEC, seed=0)


def test_write_wav_writes_all_or_nothing(tmp_path: Path) -> None:
    pcm = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
    write_wav(tmp_path / "a.wav", pcm, 22050)
    np.testing.assert_allclose(decode(tmp_path / "a.wav", 22050), pcm, atol=1e-4)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        write_wav(tmp_path / "file" / "a.wav", pcm, 22050)
