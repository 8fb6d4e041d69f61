"""Sliding windows equal the clips cut out at the same places."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.audio.sliding import count_windows, windows, with_mels
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec

SPEC = AudioSpec()
SHORT = AudioSpec(seconds=3.0)


@pytest.fixture(scope="module")
def song() -> NDArray[np.float32]:
    """Two minutes whose loudness changes every second, so that each window has a maximum of its own."""
    rng = np.random.default_rng(0)
    time = np.arange(120 * 22050) / 22050
    tones = sum(np.sin(2 * np.pi * f * time + np.sin(5 * time)) for f in (110, 220, 331, 880, 1234, 4000))
    loudness = np.repeat(10 ** rng.uniform(-3, 0, 120), 22050)
    return (loudness * (0.1 * tones + 0.01 * rng.standard_normal(len(time)))).astype(np.float32)


def blocks(pcm: NDArray[np.float32], size: int) -> list[NDArray[np.float32]]:
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


@pytest.mark.parametrize(
    ("spec", "every"),
    [
        (SPEC, 1.0),
        (SPEC, 7.3),
        (SPEC, 29.99),
        (SPEC, 45.0),
        (SHORT, 0.0233),
        (SHORT, 0.5),
        (SHORT, 2.99),
        (SHORT, 10.0),
        (AudioSpec(seconds=2.0, hop_length=441, n_fft=1024), 0.3),
    ],
)
def test_with_mels_equals_the_log_mel_of_the_clip_cut_out(
    song: NDArray[np.float32], spec: AudioSpec, every: float
) -> None:
    found = list(with_mels(windows(iter(blocks(song[: 80 * 22050], 16_001)), spec, every), spec))
    assert len(found) > 1
    for window, mel in found[:: max(1, len(found) // 25)]:
        clip = song[window.start : window.start + spec.n_samples]
        np.testing.assert_array_equal(window.pcm, clip)
        assert window.valid_samples == spec.n_samples
        np.testing.assert_allclose(mel, clip_to_mel(clip, spec), atol=1e-6)


@pytest.mark.parametrize("every", [0.5, 1.0, 3.7, 50.0])
@pytest.mark.parametrize("samples", [661_500, 992_250, 1_000_000, 2_646_000])
def test_windows_start_on_the_grid_and_end_within_the_song(
    song: NDArray[np.float32], every: float, samples: int
) -> None:
    starts = [window.start for window in windows(iter(blocks(song[:samples], 50_000)), SPEC, every)]
    for k, start in enumerate(starts):
        assert start % SPEC.hop_length == 0
        assert -SPEC.hop_length < start - k * every * 22050 < 1
    assert starts[-1] + SPEC.n_samples <= samples
    assert samples - (starts[-1] + SPEC.n_samples) < every * 22050 + SPEC.hop_length
    assert count_windows(samples, SPEC, every) == len(starts)


def test_windows_of_45_seconds_are_sixteen(song: NDArray[np.float32]) -> None:
    assert len(list(windows(iter([song[: 45 * 22050]]), SPEC, 1.0))) == 16


@pytest.mark.parametrize("size", [1, 700, 22_050, 500_000])
def test_windows_do_not_depend_on_the_size_of_blocks(song: NDArray[np.float32], size: int) -> None:
    pcm = song[: 5 * 22050] if size == 1 else song
    found, wanted = (
        [(w.start, w.pcm.sum()) for w in windows(iter(blocks(pcm, s)), SHORT, 0.7)] for s in (size, len(pcm))
    )
    assert found == wanted


@pytest.mark.parametrize("short_clip", ["silence", "loop"])
def test_windows_of_a_short_song_are_one_that_is_filled_up(song: NDArray[np.float32], short_clip: str) -> None:
    spec = AudioSpec(short_clip="loop" if short_clip == "loop" else "silence")
    (window,) = windows(iter(blocks(song[:100_000], 30_000)), spec, 1.0)
    assert (window.start, window.valid_samples, len(window.pcm)) == (0, 100_000, spec.n_samples)
    assert (window.pcm[100_000:200_000] == (song[:100_000] if short_clip == "loop" else 0)).all()
    assert count_windows(100_000, spec, 1.0) == 1


def test_with_mels_of_silence_after_music_is_the_floor(song: NDArray[np.float32]) -> None:
    pcm = np.concatenate([song[: 5 * 22050], np.zeros(5 * 22050, dtype=np.float32)])
    mels = [mel for _, mel in with_mels(windows(iter([pcm]), SHORT, 0.5), SHORT)]
    assert mels[0].max() == 1
    assert (mels[-1] == 0).all()


@pytest.mark.parametrize("every", [0.0, -1.0, 0.01, float("nan"), float("inf")])
def test_windows_refuse_a_wrong_distance_at_once(every: float) -> None:
    with pytest.raises(InputError, match=r"give 0.024 s or more"):
        windows(iter([]), SPEC, every)
