"""Folders of labelled sounds."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.logmel import mel_power
from sentio_mobile.errors import AudioError, DataError
from sentio_mobile.teacher.gan.classes import CLASS_AUDIO, class_mel, from_log1p, read_classes, to_log1p

RATE = 16000


def tone(hz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    root = tmp_path / "sounds"
    for name, low, kind in (("high", 2000, "FLAC"), ("low", 200, "WAV")):
        (root / name).mkdir(parents=True)
        for i in range(3):
            soundfile.write(root / name / f"{i}.{kind.lower()}", tone(low + 20 * i, 1 + 4 * i), RATE, format=kind)
    return root


class CountProgress(NoProgress):
    def __init__(self) -> None:
        self.total = self.done = 0

    def start(self, what: str, total: int) -> None:
        self.total = total

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n


def test_read_classes_folders_are_classes(sounds: Path) -> None:
    (sounds / "high" / "notes.txt").write_text("not a sound")
    (sounds / ".hidden").mkdir()
    (sounds / "low" / "._0.wav").write_bytes(b"a Mac's shadow")
    progress = CountProgress()
    found = read_classes(sounds, progress)
    assert found.names == ("high", "low")
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert [path.name for path in found.paths] == ["0.flac", "1.flac", "2.flac", "0.wav", "1.wav", "2.wav"]
    assert progress.total == progress.done == len(found) == 6
    assert found.mels.shape == (6, 128, 512)
    assert found.mels.dtype == np.float32
    assert found.mels.min() == 0.0
    np.testing.assert_allclose(found.mels.max(axis=(1, 2)), 1, atol=1e-6)
    loudest = found.mels.mean(axis=2).argmax(axis=1)
    assert loudest[:3].min() > loudest[3:].max() + 20


def test_read_classes_pads_short_sounds_and_cuts_long_ones(sounds: Path) -> None:
    found = read_classes(sounds)
    ends = round(1.1 * CLASS_AUDIO.sample_rate / CLASS_AUDIO.hop_length)
    assert found.mels[0, :, ends:].max() < 1e-4 < found.mels[0, :, : ends - 20].max(axis=0).min()
    assert found.mels[2].max(axis=0).min() > 0.5


def test_from_log1p_inverts_to_log1p() -> None:
    rng = np.random.default_rng(0)
    pcm = (rng.normal(size=CLASS_AUDIO.n_samples) * np.linspace(1, 0, CLASS_AUDIO.n_samples)).astype(np.float32)
    power = mel_power(np.pad(fit_length(pcm, CLASS_AUDIO), CLASS_AUDIO.n_fft // 2, mode="reflect"), CLASS_AUDIO)
    np.testing.assert_allclose(from_log1p(to_log1p(power)), power / power.max(), rtol=1e-3, atol=1e-8)


def test_class_mel_ignores_loudness_and_accepts_silence() -> None:
    pcm = tone(500)
    np.testing.assert_allclose(class_mel(pcm), class_mel(0.1 * pcm), atol=1e-4)
    assert not class_mel(np.zeros(100, np.float32)).any()


def test_read_classes_single_sound_is_refused_by_name(sounds: Path) -> None:
    for i in (1, 2):
        (sounds / "low" / f"{i}.wav").unlink()
    with pytest.raises(DataError, match=r"low: holds one sound, 0\.wav; a class needs at least 2"):
        read_classes(sounds)


def test_read_classes_empty_class_is_refused_by_name(sounds: Path) -> None:
    (sounds / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no audio file"):
        read_classes(sounds)


@pytest.mark.parametrize(
    ("place", "fault"), [("missing", "no such folder"), ("sounds/high", "no class folders"), ("one", "only one class")]
)
def test_read_classes_without_classes_is_refused(sounds: Path, place: str, fault: str) -> None:
    (sounds.parent / "one" / "dog").mkdir(parents=True)
    with pytest.raises(DataError, match=fault):
        read_classes(sounds.parent / place)


def test_read_classes_damaged_audio_is_named(sounds: Path) -> None:
    whole = io.BytesIO()
    soundfile.write(whole, tone(300, 4), RATE, format="WAV")
    (sounds / "low" / "1.wav").write_bytes(whole.getvalue()[:5000])
    with pytest.raises(AudioError, match=r"low/1\.wav.*cut"):
        read_classes(sounds)
    (sounds / "low" / "1.wav").write_bytes(b"hello")
    with pytest.raises(AudioError, match=r"low/1\.wav"):
        read_classes(sounds)
