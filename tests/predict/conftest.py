"""A bundle of a small student whose answers tell songs apart, and songs."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.audio.decode import fit
from sentio_mobile.audio.frontend import input_of_clip
from sentio_mobile.data.synth import draw_songs, render
from sentio_mobile.export.build import build_bundle
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.models.settings import MobileViTSettings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.checkpoint import Checkpoint

RATE = 22050

SMALL = MobileViTSettings(
    layers=2, heads=2, head_width=16, width=64, mlp_width=128, output_width=32, stem_widths=(8, 16, 32)
)


@pytest.fixture(scope="session")
def songs() -> list[NDArray[np.float32]]:
    """Six generated songs of 30 s."""
    return [render(song, RATE).astype(np.float32) for song in draw_songs(6, seed=5)]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, songs: list[NDArray[np.float32]]) -> Path:
    """ONNX in both forms, made by the real converter from an untrained student that was spread over the songs."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    spec = spec_of(SMALL, AudioSpec())
    model = build(spec)
    inputs = torch.from_numpy(np.concatenate([input_of_clip(fit(song, spec.audio), spec) for song in songs]))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                # Residual branches start at zero: without this, they would see nothing.
                nn.init.uniform_(module.weight, 1, 3)
                nn.init.normal_(module.bias, std=0.1)
        model.train()
        for _ in range(20):
            model(inputs)
        raw = model.eval()(inputs).atanh()
        weight, bias = model.get_parameter("output.weight"), model.get_parameter("output.bias")
        gain = 0.5 / raw.std(dim=0)
        weight.mul_(gain.unsqueeze(1))
        bias.copy_((bias - raw.mean(dim=0)) * gain)
    torch.random.set_rng_state(generator)
    folder = tmp_path_factory.mktemp("predict")
    Checkpoint(model, spec).save(folder / "checkpoint")
    assert build_bundle(folder / "checkpoint", ("onnx",), folder / "bundle") == {}
    return folder / "bundle"


@pytest.fixture(scope="session")
def medley(tmp_path_factory: pytest.TempPathFactory, songs: list[NDArray[np.float32]]) -> Path:
    """A file of 70 s in which three songs follow each other."""
    path = tmp_path_factory.mktemp("medley") / "medley.wav"
    soundfile.write(path, np.concatenate(songs[:3])[: 70 * RATE], RATE, subtype="FLOAT")
    return path


@pytest.fixture
def library(tmp_path: Path, songs: list[NDArray[np.float32]]) -> Path:
    """A folder with three songs, a file that is none, and hidden ones."""
    root = tmp_path / "library"
    for name, song in (("b/2.flac", 0), ("b/10.wav", 1), ("a.ogg", 2), (".hidden/4.wav", 3), ("b/.5.wav", 4)):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, songs[song][: 10 * RATE], RATE)
    (root / "b" / "cover.jpg").write_bytes(b"no song")
    return root
