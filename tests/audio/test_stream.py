"""Streaming decodes hours of audio in blocks, in little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.audio.decode import estimate_seconds, measure, stream
from sentio_mobile.audio.packets import BLOCK
from sentio_mobile.audio.pcm import check_pcm
from sentio_mobile.errors import AudioError


def test_stream_yields_small_blocks_that_join_without_a_seam(tmp_path: Path) -> None:
    rate = 44100
    time = np.arange(10 * rate) / rate
    soundfile.write(tmp_path / "song.wav", (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), rate)
    blocks = list(stream(tmp_path / "song.wav", 22050))
    assert len(blocks) > 10
    assert max(map(len, blocks)) <= BLOCK
    assert min(map(len, blocks)) > 0
    pcm = np.concatenate(blocks)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(pcm)) / 22050)
    np.testing.assert_allclose(pcm[2000:-2000], wanted[2000:-2000], atol=1e-3)


def test_stream_from_a_late_start_decodes_nothing_before_it(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    pcm = (0.1 * np.random.default_rng(0).standard_normal(60 * 22050)).astype(np.float32)
    soundfile.write(path, pcm, 22050)
    late = np.concatenate(list(stream(path, 22050, start=40, seconds=5)))
    data = bytearray(path.read_bytes())
    data[len(data) // 4 : len(data) // 4 + 5000] = bytes(5000)
    path.write_bytes(data)
    part = stream(path, 22050, start=40, seconds=5)
    assert sum(map(len, part)) == len(late) == 5 * 22050
    assert part.notes == []
    whole = stream(path, 22050)
    assert 58 * 22050 < sum(map(len, whole)) < 60 * 22050
    assert "is damaged at 14.9 s" in whole.notes[0]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_length_is_counted_and_estimated(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"song.{suffix}", np.zeros(8 * 44100, dtype=np.float32), 44100)
    assert abs(measure(tmp_path / f"song.{suffix}").seconds - 8) < 0.005
    assert measure(tmp_path / f"song.{suffix}").notes == ()
    seconds = estimate_seconds(tmp_path / f"song.{suffix}")
    assert seconds is not None
    assert abs(seconds - 8) < 0.1


def test_check_pcm_refuses_empty_and_impossible_samples() -> None:
    check_pcm(np.zeros(5, dtype=np.float32), "PCM")
    for values, fault in (([], "no samples"), ([0, np.nan], "not numbers"), ([0, 1e20], "full scale")):
        with pytest.raises(AudioError, match=f"^song: .*{fault}"):
            check_pcm(np.array(values, dtype=np.float32), "song")


PEAK = """
import sys
from pathlib import Path
from sentio_mobile.audio.sliding import windows, with_mels
from sentio_mobile.audio.decode import stream
from sentio_mobile.spec import AudioSpec

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

for path in map(Path, sys.argv[1:]):
    count = sum(1 for _ in with_mels(windows(stream(path, 22050), AudioSpec(), 90.0), AudioSpec()))
    print(count, peak())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from Linux's /proc")
def test_stream_of_an_hour_takes_the_memory_of_two_minutes(tmp_path: Path) -> None:
    minute = (0.1 * np.sin(np.arange(60 * 16000) / 20)).astype(np.float32)
    for name, minutes in (("short", 2), ("long", 60)):
        with soundfile.SoundFile(tmp_path / f"{name}.wav", "w", 16000, 1, "PCM_U8") as file:
            for _ in range(minutes):
                file.write(minute)
    command = [sys.executable, "-c", PEAK, tmp_path / "short.wav", tmp_path / "long.wav"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    (few, small), (many, large) = (map(int, line.split()) for line in result.stdout.splitlines())
    assert (few, many) == (2, 40)
    # An hour is 318 MB of PCM at the model's rate.
    assert large - small < 30_000, f"{small} kB for 2 minutes, {large} kB for 60"
