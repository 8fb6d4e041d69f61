"""The GAN's networks: shapes, the effect of labels, and spectral normalization."""

from typing import Any

import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.errors import RecordError
from sentio_mobile.models.cgan import Discriminator, Generator, coarsest_grid
from sentio_mobile.models.config import GanSettings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.checkpoint import build_gan

TINY = GanSettings(noise=8, condition_widths=(8, 16), seed_width=2, widths=(16, 8, 8, 8))


def test_coarsest_grid_of_a_song_is_8_by_81() -> None:
    audio = AudioSpec()
    assert coarsest_grid(GanSettings(), (audio.n_mels, audio.n_frames)) == (8, 81)


@pytest.mark.parametrize(("numbers", "shape"), [(2, (128, 1292)), (3, (128, 512)), (2, (40, 77))])
def test_generator_and_discriminator_shapes(numbers: int, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    samples = Generator(TINY, numbers, shape)(torch.randn(2, 8), torch.rand(2, numbers))
    assert samples.shape == (2, *shape)
    assert samples.abs().max() < 1
    assert Discriminator(TINY, numbers, shape)(samples, torch.rand(2, numbers)).shape == (2,)


def test_generator_sample_depends_on_its_noise_and_label_alone() -> None:
    torch.manual_seed(0)
    generator = Generator(TINY, 2, (128, 129)).eval()
    noise, labels = torch.randn(3, 8), torch.rand(3, 2)
    together = generator(noise, labels)
    torch.testing.assert_close(together[1:2], generator(noise[1:2], labels[1:2]), atol=1e-5, rtol=0)
    assert (generator(noise, 1 - labels) - together).abs().max() > 1e-4
    assert (generator(noise.flip(0), labels) - together)[0].abs().max() > 1e-4


def test_discriminator_spectral_norm_bounds_every_map() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(TINY, 2, (128, 129))
    with torch.no_grad():
        for module in discriminator.modules():
            if hasattr(module, "parametrizations"):
                module.parametrizations.weight.original.mul_(50)
        for _ in range(30):
            discriminator(torch.rand(1, 128, 129), torch.rand(1, 2))
    discriminator.eval()
    norms = [
        torch.linalg.matrix_norm(module.weight.flatten(1), 2).item()
        for module in discriminator.modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
    ]
    assert len(norms) > 12
    assert max(norms) < 1.1
    without_norm = Discriminator(replace(TINY, spectral_norm=False), 2, (128, 129))
    assert not any(hasattr(module, "parametrizations") for module in without_norm.modules())


def test_build_gan_every_weight_gets_a_gradient() -> None:
    torch.manual_seed(0)
    generator, discriminator = build_gan(TINY, AudioSpec(seconds=3), ())
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            if name == "attention.gain":
                weight.data.fill_(0.5)
    discriminator(generator(torch.randn(2, 8), torch.rand(2, 2)), torch.rand(2, 2)).sum().backward()
    idle = [
        name
        for network in (generator, discriminator)
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert idle == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"attention_at": 4}, "attention_at must be from 0 to 3"),
        ({"condition_widths": ()}, "condition_widths must be a list of 1 to 8 values"),
        ({"widths": (20, 8)}, "multiples of 8"),
    ],
)
def test_gan_settings_impossible_values_are_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(RecordError, match=fault):
        GanSettings(**settings)
