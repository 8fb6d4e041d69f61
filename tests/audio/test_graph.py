"""The front end as a torch module: librosa's levels, the reference's image, and the sizes that it refuses."""

import librosa
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.dft import band_groups, transform
from sentio_mobile.audio.graph import FrontEnd, multiply_accumulates
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.audio.logmel import mel_bank
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec, ModelSpec

AUDIO = AudioSpec()
SPEC = ModelSpec(architecture="mobilevit")
N = AUDIO.n_samples

CLOSE_DB = 5e-3
"""Largest difference from librosa where a level is above `AUDIBLE_DB`."""

AUDIBLE_DB = -79.0
"""Just above the floor, on which a rounding error may put a cell that librosa leaves above it."""


def tones(samples: int = N) -> NDArray[np.float32]:
    """Decaying partials of slowly turning pitch over a little noise."""
    rng, time = np.random.default_rng(0), np.arange(samples) / 22050
    partials = sum(np.sin(2 * np.pi * f * time + np.sin(5 * time)) for f in (110, 331, 880, 1234, 4000))
    return (0.1 * partials * np.exp(-6 * (time % 0.5)) + 1e-4 * rng.standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def front_end() -> FrontEnd:
    return FrontEnd(SPEC).eval()


@pytest.fixture(scope="module")
def sounds() -> dict[str, NDArray[np.float32]]:
    """Clips of 30 s [n_samples] by what they are."""
    music = render(draw_songs(1, seed=11)[0])
    noise = np.random.default_rng(1).normal(0, 0.1, N)
    square = np.sign(np.sin(2 * np.pi * 440 * np.arange(N) / 22050))
    sounds = {
        "music": music,
        "tones": tones(),
        "60 dB softer": 1e-3 * music,
        "on a constant": music + 0.5,
        "square wave": square,
        "impulse": np.eye(1, N, 300_000)[0],
        "impulse at the start": np.eye(1, N, 3)[0],
        "short": fit_length(music[:200_000], AUDIO),
        "white noise": noise,
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def run(module: FrontEnd, *clips: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        return module(torch.from_numpy(np.stack(clips))).numpy()


@pytest.mark.parametrize(
    "name",
    [
        "music",
        "tones",
        "60 dB softer",
        "on a constant",
        "square wave",
        "impulse",
        "impulse at the start",
        "short",
        "white noise",
    ],
)
def test_front_end_equals_librosas_levels_and_the_reference_image(
    name: str, front_end: FrontEnd, sounds: dict[str, NDArray[np.float32]]
) -> None:
    pcm = sounds[name]
    with torch.no_grad():
        levels = front_end.log_mel(torch.from_numpy(pcm)[None])[0].numpy()
    mel = librosa.feature.melspectrogram(
        y=pcm.astype(np.float64), sr=22050, n_fft=2048, hop_length=512, fmin=20, fmax=8000, pad_mode="reflect"
    )
    wanted = librosa.power_to_db(mel, ref=np.max, top_db=80)
    audible = wanted > AUDIBLE_DB
    assert levels.shape == wanted.shape == (128, 1292)
    assert audible.sum() > 200
    assert np.abs(levels - wanted)[audible].max() < CLOSE_DB
    assert (levels[~audible] < AUDIBLE_DB + CLOSE_DB).all()
    assert levels.min() >= AUDIO.floor_db - 1e-4
    image = run(front_end, pcm)
    assert image.shape == SPEC.input_shape
    np.testing.assert_allclose(image, clip_to_input(pcm, SPEC), atol=1e-3)


@pytest.mark.parametrize("normalization", ["db80", "zscore"])
def test_front_end_of_silence_is_the_floor_and_never_nan(normalization: str) -> None:
    spec = replace(SPEC, audio=AudioSpec(seconds=1.0, normalization=normalization))
    silence = np.zeros(spec.audio.n_samples, dtype=np.float32)
    # Power of some 1e-12, under the 1e-10 that counts as sound.
    barely = (1e-8 * np.sin(2 * np.pi * 440 * np.arange(len(silence)) / 22050)).astype(np.float32)
    for clip in (silence, barely):
        np.testing.assert_allclose(run(FrontEnd(spec), clip), clip_to_input(clip, spec), atol=1e-6)


def test_front_end_of_a_batch_equals_each_clip(front_end: FrontEnd, sounds: dict[str, NDArray[np.float32]]) -> None:
    clips = [sounds["music"], 1e-3 * sounds["tones"]]
    both = run(front_end, *clips)
    for clip, one in zip(clips, both, strict=True):
        np.testing.assert_allclose(one, run(front_end, clip)[0], atol=1e-5)


@pytest.mark.parametrize("normalization", ["db80", "zscore"])
@pytest.mark.parametrize(
    "fields",
    [
        {"seconds": 1.0},
        {"seconds": 2.0, "image_size": (32, 48)},
        {"seconds": 3.0},
        {"seconds": 6.015},
        {"seconds": 0.1},
        {"seconds": 5.0, "n_fft": 512, "hop_length": 128, "n_mels": 40, "f_min": 100.0},
        {"seconds": 2.0, "sample_rate": 16_000, "f_max": 8000.0, "n_mels": 64},
        {"seconds": 7.0, "image_size": (3, 3), "floor_db": -60.0},
    ],
    ids=str,
)
def test_front_end_takes_other_lengths_and_sizes(fields: dict[str, float], normalization: str) -> None:
    spec = replace(SPEC, audio=AudioSpec(**fields, normalization=normalization))
    clip = tones(spec.audio.n_samples)
    image = run(FrontEnd(spec), clip)
    assert image.shape == spec.input_shape
    np.testing.assert_allclose(image, clip_to_input(clip, spec), atol=3e-3)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"hop_length": 441}, "hop_length 441"),
        ({"n_fft": 1000, "hop_length": 250}, "n_fft 1000"),
        ({"seconds": 0.05}, "too short"),
        ({"f_min": 0.0}, "mel bands from 0"),
    ],
)
def test_front_end_refuses_sizes_that_do_not_factor(fields: dict[str, float], fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        FrontEnd(replace(SPEC, audio=AudioSpec(**fields)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n_fft", "bins"), [(2048, 744), (512, 257), (128, 40)])
def test_transform_of_three_products_is_a_fourier_transform(n_fft: int, bins: int) -> None:
    parts = transform(n_fft, bins)
    frames = np.random.default_rng(0).standard_normal((n_fft, 5))
    spectrum = parts.second @ (parts.first @ frames.reshape(16, -1)).reshape(8, 16, -1)
    real, imaginary = np.split(parts.third @ spectrum.reshape(len(parts.third), -1, 5), 2, axis=1)
    wanted = np.fft.fft(frames, axis=0)[parts.bins % n_fft]
    np.testing.assert_allclose(real + 1j * imaginary, wanted, atol=1e-5 * np.abs(wanted).max())
    assert set(range(bins)) <= set(parts.bins.flat)
    assert (parts.bins // 64 == np.arange(parts.bins.shape[1])).all()


def test_band_groups_read_every_bin_of_their_filters() -> None:
    bank, _ = mel_bank(AUDIO)
    groups = band_groups(bank, 64)
    assert [band for bands, _ in groups for band in range(len(bank))[bands]] == list(range(len(bank)))
    for bands, segments in groups:
        used = np.flatnonzero(bank[bands].any(axis=0)) // 64
        assert set(used) <= set(range(segments.start, segments.stop))


def test_multiply_accumulates_are_counted_by_stage() -> None:
    counts = multiply_accumulates(SPEC)
    assert counts["log"] == 128 * 448
    assert 190e6 < sum(counts.values()) < 230e6
    assert sum(multiply_accumulates(replace(SPEC, audio=AudioSpec(seconds=3.0))).values()) < 30e6
