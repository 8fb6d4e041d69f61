"""A small student whose answers depend on its input, and its artifact in every format that can be made here."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.base import missing_packages
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import Artifact, AudioSpec, Form

SMALL = MobileViTSettings(
    layers=2, heads=2, head_width=16, width=64, mlp_width=128, output_width=32, stem_widths=(8, 16, 32)
)


@pytest.fixture(scope="session")
def images() -> NDArray[np.float32]:
    """Six pictures of different brightness and texture, [6, 3, 224, 224]."""
    random = np.random.default_rng(1)
    scale = np.linspace(0.2, 4, 6).reshape(6, 1, 1, 1)
    picture = random.random((6, 1, 224, 224)) * scale - 1
    return np.repeat(picture, 3, axis=1).astype(np.float32)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, images: NDArray[np.float32]) -> Path:
    """A checkpoint of the small student: not trained, but with statistics and a spread of answers."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    spec = spec_of(SMALL, AudioSpec())
    model = build(spec)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                # Residual branches start at zero: without this, the attention would not be tested at all.
                nn.init.uniform_(module.weight, 1, 3)
                nn.init.normal_(module.bias, std=0.1)
        model.train()
        for _ in range(20):
            model(torch.from_numpy(images))
        # The last linear map is made to spread its answers for these pictures: mean 0, deviation 0.5 before the tanh.
        raw = model.eval()(torch.from_numpy(images)).atanh()
        weight, bias = model.get_parameter("output.weight"), model.get_parameter("output.bias")
        gain = 0.5 / raw.std(dim=0)
        weight.mul_(gain.unsqueeze(1))
        bias.copy_((bias - raw.mean(dim=0)) * gain)
    torch.random.set_rng_state(generator)
    folder = tmp_path_factory.mktemp("export") / "checkpoint"
    Checkpoint(model=model, spec=spec).save(folder)
    return folder


@pytest.fixture(scope="session")
def loaded(checkpoint: Path) -> Checkpoint:
    """The checkpoint, its norms not folded."""
    return Checkpoint.load(checkpoint)


@pytest.fixture(scope="session")
def answers(loaded: Checkpoint, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """PyTorch's answers for `images`, [6, 2]."""
    with torch.no_grad():
        found: NDArray[np.float32] = loaded.model(torch.from_numpy(images)).numpy()
    assert found.std(axis=0).min() > 0.2, "answers that are all alike would prove nothing"
    return found


@pytest.fixture(scope="session")
def artifacts(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """Each format's artifact fed spectrograms, by the real converter; one without its packages is left out."""
    return converted(checkpoint, "spectrogram", tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def waveforms(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The same, fed PCM."""
    return converted(checkpoint, "waveform", tmp_path_factory.mktemp("waveforms"))


def converted(checkpoint: Path, form: Form, folder: Path) -> dict[str, Artifact]:
    names = [name for name in format_names() if not missing_packages(get_format(name).converters)]
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(
            lambda name: convert(
                checkpoint,
                ConversionJob(format=name, form=form),
                folder=folder,
                log=folder / f"{name}.log",
                timeout_s=280,
            ),
            names,
        )
        return {name: one.artifacts[0] for name, one in zip(names, made, strict=True)}
