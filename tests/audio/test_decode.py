"""Files of every common kind, and files that are none."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.audio.decode import decode, fit
from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [22050, 44100])
def test_decodes_downmixes_and_resamples(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"song.{suffix}"
    soundfile.write(path, np.stack([tone(rate), 0 * tone(rate)], axis=1), rate)
    pcm = decode(path, 22050)
    assert pcm.dtype == np.float32
    assert abs(len(pcm) - 22050) < 2500
    spectrum = np.abs(np.fft.rfft(pcm[4000:18000]))
    assert abs(np.argmax(spectrum) * 22050 / 14000 - 440) < 2
    assert abs(np.abs(pcm[4000:18000]).max() - 0.25) < 0.02


def test_a_missing_file_a_picture_an_empty_and_a_broken_one_are_named(tmp_path: Path) -> None:
    picture, empty, broken = tmp_path / "photo.mp3", tmp_path / "empty.wav", tmp_path / "nan.wav"
    picture.write_bytes(b"\xff\xd8\xff\xe0" + bytes(500))
    soundfile.write(empty, np.zeros(0, dtype=np.float32), 22050)
    soundfile.write(broken, np.full(100, np.nan, dtype=np.float32), 22050, subtype="FLOAT")
    cases = {
        tmp_path / "none.wav": "no such",
        picture: "cannot be decoded",
        empty: "no samples",
        broken: "not numbers",
    }
    for path, fault in cases.items():
        with pytest.raises(AudioError, match=fault) as caught:
            decode(path, 22050)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_short_clips_are_filled_with_silence_or_looped() -> None:
    pcm = np.arange(1, 11, dtype=np.float32)
    spec = AudioSpec(sample_rate=1, seconds=25)
    assert fit(pcm, spec).tolist() == [*range(1, 11), *[0] * 15]
    looped = fit(pcm, AudioSpec(sample_rate=1, seconds=25, short_clip="loop"))
    assert looped.tolist() == [*range(1, 11), *range(1, 11), *range(1, 6)]
    assert fit(pcm, AudioSpec(sample_rate=1, seconds=4), start=3).tolist() == [4, 5, 6, 7]
