"""A bundle of a small student whose answers tell songs apart, and songs."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from conversions import build_shared
from numpy.typing import NDArray

from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.export.config import ExportRecipe

RATE = 22050


@pytest.fixture(scope="session")
def songs() -> list[NDArray[np.float32]]:
    """Six generated songs of 30 s."""
    return [render(song, RATE).astype(np.float32) for song in draw_songs(6, seed=5)]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX in both forms, made by the real converter from the student of the golden files."""
    out = tmp_path_factory.mktemp("predict") / "bundle"
    assert not build_shared(tmp_path_factory, ExportRecipe(formats=("onnx",)), out=out).failed
    return out


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
