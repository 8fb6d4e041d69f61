"""Decoding of every common kind of file, and one clear line for files that are no audio."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from matplotlib.figure import Figure

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.errors import AudioError
from sentio_mobile.spec import AudioSpec


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def music(rate: int, seconds: float, channels: int = 2) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((int(rate * seconds), channels))
    return (0.1 * noise + tone(rate, seconds)[:, None]).astype(np.float32)


def frequency(pcm: np.ndarray, rate: int) -> float:
    middle = pcm[len(pcm) // 5 : 4 * len(pcm) // 5]
    return float(np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle))


def cut(path: Path, share: float) -> Path:
    short = path.with_name(f"cut-{path.name}")
    data = path.read_bytes()
    short.write_bytes(data[: int(len(data) * share)])
    return short


def refused(path: Path, *words: str) -> str:
    with pytest.raises(AudioError) as caught:
        decode(path, 22050)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [22050, 44100])
def test_decode_downmixes_and_resamples(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"song.{suffix}"
    soundfile.write(path, np.stack([tone(rate), 0 * tone(rate)], axis=1), rate)
    pcm = decode(path, 22050)
    assert pcm.dtype == np.float32
    assert abs(len(pcm) - 22050) < 2500
    assert abs(frequency(pcm, 22050) - 440) < 2
    assert abs(np.abs(pcm[4000:18000]).max() - 0.25) < 0.02


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000])
def test_decode_equals_reading_and_resampling_the_whole_file(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"song.{suffix}"
    soundfile.write(path, music(rate, 5.3), rate)
    channels, _ = soundfile.read(path, dtype="float32", always_2d=True)
    whole = channels.mean(axis=1)
    if rate == 22050 and suffix in ("wav", "flac"):
        np.testing.assert_array_equal(decode(path, 22050), whole)
    else:  # another program's decoder of ogg and mp3 rounds otherwise
        wanted = whole if rate == 22050 else soxr.resample(whole, rate, 22050)
        np.testing.assert_allclose(decode(path, 22050), wanted, atol=5e-6)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_decode_of_a_part_equals_that_part_of_the_whole(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"song.{suffix}"
    soundfile.write(path, music(rate, 29.0), rate)
    whole = decode(path, 22050)
    for start, seconds in ((0.0, 4.0), (0.01, 1.0), (3.217, 2.5), (11.0, 0.5), (17.123, 2.5), (28.0, 30.0)):
        first = round(start * 22050)
        part = decode(path, 22050, start, seconds)
        wanted = whole[first : first + round(seconds * 22050)]
        assert len(part) == len(wanted)
        np.testing.assert_allclose(part, wanted, atol=1e-6)
    for start in (29.5, 42.0):
        with pytest.raises(AudioError, match="shorter"):
            decode(path, 22050, start)


@pytest.mark.parametrize("rate", [8000, 96000, 192000])
def test_decode_takes_low_and_high_rates(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "song.wav", tone(rate, 2), rate)
    pcm = decode(tmp_path / "song.wav", 22050)
    assert abs(len(pcm) - 44100) <= 2
    assert abs(frequency(pcm, 22050) - 440) < 1


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_decode_of_every_sample_width_has_full_scale_one(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "song.wav", tone(22050), 22050, subtype=subtype)
    np.testing.assert_allclose(decode(tmp_path / "song.wav", 22050), tone(22050), atol=0.01)


def test_decode_of_eight_channels_is_their_mean(tmp_path: Path) -> None:
    channels = np.random.default_rng(0).uniform(-1, 1, (5000, 8)).astype(np.float32)
    soundfile.write(tmp_path / "song.wav", channels, 22050, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "song.wav", 22050), channels.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_decode_refuses_values_that_are_no_sound_anywhere(tmp_path: Path, value: float) -> None:
    pcm = music(44100, 3.0)
    pcm[100_000, 1] = value
    soundfile.write(tmp_path / "song.wav", pcm, 44100, subtype="FLOAT")
    refused(tmp_path / "song.wav", "full scale" if value == 1e30 else "not numbers", "decode it again")


def test_decode_of_no_audio_names_the_file_and_its_fault(tmp_path: Path) -> None:
    Figure(figsize=(4, 4)).savefig(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").rename(tmp_path / "photo.mp3")
    (tmp_path / "page.mp3").write_text("<!DOCTYPE html><html><body>not found</body></html>" * 50)
    (tmp_path / "void.wav").write_bytes(b"")
    (tmp_path / "headers.raw").write_bytes(bytes(5000))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, dtype=np.float32), 22050)
    soundfile.write(tmp_path / "slow.wav", tone(22050), 10)
    (tmp_path / "folder.wav").mkdir()
    refused(tmp_path / "none.wav", "no such audio file", "check the path")
    (tmp_path / "lfs.flac").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 412795\n")
    (tmp_path / "list.mp3").write_text("#EXTM3U\nhttp://localhost/a.mp3\n")
    (tmp_path / "words.mp3").write_text("not music " * 500)
    refused(tmp_path / "photo.mp3", "is a picture")
    refused(tmp_path / "page.mp3", "is a web page", "download it again")
    refused(tmp_path / "lfs.flac", "Git LFS pointer", "git lfs pull")
    refused(tmp_path / "list.mp3", "is a list")
    refused(tmp_path / "words.mp3", "cannot be decoded", "such as wav")
    refused(tmp_path / "headers.raw", "nothing but zeros")
    refused(tmp_path / "void.wav", "0 bytes")
    refused(tmp_path / "empty.wav", "no samples")
    refused(tmp_path / "slow.wav", "10 samples a second")
    refused(tmp_path / "folder.wav", "is a folder")
    refused(Path("/dev/null"), "no regular file")


def test_decode_of_an_unreadable_file_names_it() -> None:
    # Not in pytest's folder, into which only its owner may go. Root may read all: the child becomes nobody.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "song.wav")
        soundfile.write(path, tone(22050), 22050)
        path.chmod(0)
        code = (
            "import os, av, soxr; from pathlib import Path; from sentio_mobile.audio.decode import decode;"
            f"os.geteuid() or os.setuid(65534); decode(Path({str(path)!r}), 22050)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"{path}: cannot be read (Permission denied); check its permissions" in result.stderr


def test_fit_length_fills_short_clips_with_silence_or_loops_them() -> None:
    pcm = np.arange(1, 11, dtype=np.float32)
    spec = AudioSpec(sample_rate=1000, seconds=0.025, n_fft=16, hop_length=16, f_max=500)
    assert fit_length(pcm, spec).tolist() == [*range(1, 11), *[0] * 15]
    looped = fit_length(pcm, replace(spec, short_clip="loop"))
    assert looped.tolist() == [*range(1, 11), *range(1, 11), *range(1, 6)]
    assert fit_length(pcm, replace(spec, seconds=0.009), start=1).tolist() == [*range(2, 11)]
