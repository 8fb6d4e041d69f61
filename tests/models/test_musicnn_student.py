"""musicnn as a student: the encoder's network behind our front end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.audio.logmel import log_mel, normalize_log_mel
from sentio_mobile.errors import InputError
from sentio_mobile.models.capture import HasFeatureMap, HasLinearHead
from sentio_mobile.models.config import MusicnnSettings
from sentio_mobile.models.encoders.musicnn import Musicnn, log_mel_patches, weights_path
from sentio_mobile.models.first_weights import first_weights_for, load_first_weights
from sentio_mobile.models.musicnn_student import MusicnnStudent
from sentio_mobile.models.musicnn_weights import weights_of
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec

AUDIO = AudioSpec(image_size=(128, 1292))
SETTINGS = MusicnnSettings(filters=(30, 30, 10, 10, 10), middle=24)


def encoder(*, constant: float) -> Musicnn:
    """The encoder's network with random weights, and with norms that have the statistics of some training.

    As in the real weights most channels of the front, and of the layer behind it, are constant.
    """
    torch.manual_seed(0)
    network = Musicnn()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1)
            torch.nn.init.uniform_(module.bias, -1, 1)
    for layer in network.middle:
        layer.norm.weight.data[::4] *= -1
    numbers = (*SETTINGS.filters, SETTINGS.middle, 64, 64)
    first = 0
    for layer, number in zip((*network.timbral, *network.temporal, *network.middle), numbers, strict=True):
        width = len(layer.norm.bias)
        silent = torch.randperm(width)[number:]
        layer.conv.bias.data[silent] = -1e6  # ReLU leaves nothing
        layer.norm.bias.data[silent] = constant
        layer.norm.running_mean[silent] = 0
        for pooled in (2 * (first + silent), 2 * (first + silent) + 1):
            network.pooled_norm.running_mean[pooled] = constant
            network.pooled_norm.running_var[pooled] = 0
        # Maxima have ranges that differ by far.
        network.pooled_norm.running_var[2 * first : 2 * (first + width) : 2] *= torch.logspace(-1, 2, width)
        first += width
    return network.eval()


def student_of(network: Musicnn) -> MusicnnStudent:
    student = MusicnnStudent(SETTINGS, AUDIO)
    student.load_state_dict({**student.state_dict(), **weights_of(network, SETTINGS)})
    return student.eval()


@pytest.fixture(scope="module")
def trained() -> Musicnn:
    return encoder(constant=0.1)


@pytest.fixture(scope="module")
def student(trained: Musicnn) -> MusicnnStudent:
    return student_of(trained)


def music(rate: int) -> NDArray[np.float32]:
    """30 s: six seconds of chords, each with an attack, five times."""
    random = np.random.default_rng(0)
    time = np.arange(6 * rate) / rate
    pcm = np.zeros(len(time))
    for start in np.arange(0, 6, 0.5):
        chord = random.choice([220.0, 277.2, 329.6, 440.0, 660.0, 1320.0], 3, replace=False)
        sounding = np.exp(-4 * np.clip(time - start, 0, None)) * (time >= start)
        pcm += 0.1 * sounding * sum(np.sin(2 * np.pi * hz * time) for hz in chord)
    pcm += 0.003 * random.standard_normal(len(time))
    return np.tile(pcm, 5).astype(np.float32)


def patches_of_noise() -> torch.Tensor:
    return 3 * torch.rand(2, 187, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("constant", "tolerance"), [(0.0, 1e-4), pytest.param(0.1, 0.02, id="edges of a patch are approximated")]
)
def test_student_embeds_patches_as_the_encoder_does(constant: float, tolerance: float) -> None:
    network = encoder(constant=constant)
    patches = patches_of_noise()
    with torch.inference_mode():
        expected = network(patches)[0]
        found = student_of(network).embed(patches.transpose(1, 2))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=tolerance * float(expected.std()), rtol=tolerance)


def test_channels_of_large_variance_are_divided_by_more(trained: Musicnn) -> None:
    patches = patches_of_noise()
    student = student_of(trained)
    sd = trained.pooled_norm.running_var[0:408:2].sqrt()
    kept = sd.argsort(descending=True)[: SETTINGS.filters[0]].sort().values
    with torch.inference_mode():
        own = trained.timbral[0](torch.nn.functional.pad(trained.input_norm(patches[:, None]), (0, 0, 3, 3)))
        levels = patches.transpose(1, 2)[:, None] * student.input_scale + student.input_shift
        found = student.front[0](levels)[:, :, 0].transpose(1, 2)
    units = (own[..., kept] / found).flatten(0, 1).median(dim=0).values
    torch.testing.assert_close(found * units, own[..., kept], atol=1e-3, rtol=1e-3)
    assert np.corrcoef(units.log(), sd[kept].log())[0, 1] > 0.9
    assert (sd[kept] / units).log().std() < 0.6 * sd[kept].log().std()


def test_patches_are_near_the_encoders_own_log_mels_of_the_same_sound(student: MusicnnStudent) -> None:
    levels = normalize_log_mel(log_mel(music(AUDIO.sample_rate), AUDIO), AUDIO)
    cut = student.patches(to_input_batch(torch.from_numpy(levels)[None], spec_of(student.settings, AUDIO)))[0]
    own = log_mel_patches(music(16_000)[student.starts[0] * 30 * 16_000 // 1292 :])[0].T
    assert cut.shape == (5, 96, 187)
    # The spectrum's windows are three times as long, so that onsets differ; the time and the bands are the same.
    assert np.corrcoef(cut[0].numpy().ravel(), own.ravel())[0, 1] > 0.9
    shifted = np.roll(own, 40, axis=1)
    assert np.corrcoef(cut[0].numpy().ravel(), shifted.ravel())[0, 1] < 0.9


def test_student_captures_one_column_a_patch(student: MusicnnStudent) -> None:
    assert isinstance(student, HasFeatureMap)
    assert isinstance(student, HasLinearHead)
    image = torch.rand(2, 3, 128, 1292)
    captured = student.capture_map(image)
    assert captured.features.shape == (2, student.map_width, 1, 5)
    torch.testing.assert_close(captured.pooled, captured.features.mean(dim=(2, 3)))
    torch.testing.assert_close(captured.output, student(image))


@pytest.mark.parametrize(("size", "patches"), [((128, 224), 10), ((96, 432), 1)])
def test_student_takes_images_of_other_sizes(size: tuple[int, int], patches: int) -> None:
    network = build(spec_of(MusicnnSettings(patches=patches), replace(AUDIO, image_size=size))).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, *size)).shape == (1, 2)


def test_student_takes_a_clip_that_is_one_patch_long() -> None:
    audio = replace(AUDIO, seconds=3.0, image_size=(64, 64))
    network = build(spec_of(MusicnnSettings(patches=1), audio)).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, 2)


def test_student_refuses_clips_that_are_too_short_and_levels_that_are_gone() -> None:
    with pytest.raises(InputError, match=r"clips of 5 s do not hold 5 patches of 2.992 s; lower patches"):
        MusicnnStudent(MusicnnSettings(), replace(AUDIO, seconds=5.0))
    with pytest.raises(InputError, match="musicnn needs levels"):
        MusicnnStudent(MusicnnSettings(), replace(AUDIO, normalization="zscore"))


def test_first_weights_are_the_installed_encoders(
    trained: Musicnn, student: MusicnnStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    spec = spec_of(SETTINGS, AUDIO)
    with pytest.raises(InputError, match="encoder install musicnn"):
        first_weights_for(spec)
    weights_path("msd").parent.mkdir(parents=True)
    save_file(trained.state_dict(), weights_path("msd"))
    weights = first_weights_for(spec)
    assert weights is not None
    network = build(spec)
    load_first_weights(network, weights)
    patches = torch.rand(1, 96, 187)
    with torch.inference_mode():
        torch.testing.assert_close(network.eval().get_submodule("").embed(patches), student.embed(patches))
