"""A cluster of two nodes, songs of a second, and the command line in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.spec import AudioSpec

RATE = 22_050


@dataclass(frozen=True)
class TwoNodes:
    """The cluster's address, and how its second node is killed."""

    address: str
    kill_second: Callable[[], None]


def environment() -> dict[str, str]:
    """That of this process, with its paths of modules, for processes that must find the same ones."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def two_nodes() -> Iterator[TwoNodes]:
    """A cluster of two nodes with a core each. Everything of it has ended when the test has."""
    helper = Path(__file__).with_name("two_nodes.py")
    with subprocess.Popen(
        [sys.executable, helper],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        address = next((line.strip() for line in lines if line[:1].isdigit()), None)
        assert address is not None, "the cluster did not start; see /tmp/ray/session_latest/logs"

        def kill_second() -> None:
            process.stdin.write("kill\n")
            process.stdin.flush()
            assert any(line == "killed\n" for line in lines)

        try:
            yield TwoNodes(address, kill_second)
        finally:
            process.stdin.close()
            assert process.wait(120) == 0


@pytest.fixture
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Starts `sentio-mobile` in a process of its own."""

    def run(*arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "sentio_mobile", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment(), "COLUMNS": "200"},
        )

    return run


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder of 24 songs in two albums, each of a second, no two alike."""
    folder = tmp_path / "music"
    rng = np.random.default_rng(0)
    for number in range(24):
        place = folder / f"album-{number % 2}" / f"song-{number:02}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, rng.normal(0, 0.02 * (1 + number), RATE).clip(-1, 1), RATE)
    return folder


TOY_RATE = 8000
TOY = AudioSpec(sample_rate=TOY_RATE, seconds=2.0, n_fft=512, hop_length=256, n_mels=32, f_max=4000)
"""A front end that is quick."""


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 24 songs of 3 s with labels, which follow their loudness."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(1)
    lines = ["path,valence_mean,arousal_mean"]
    for number in range(24):
        level = 0.03 * (1 + number)
        soundfile.write(folder / f"{number:02}.wav", rng.uniform(-level, level, 3 * TOY_RATE), TOY_RATE)
        lines.append(f"{number:02}.wav,{number % 7 / 4 - 0.75:.3f},{number / 16 - 0.7:.3f}")
    (folder / "songs.csv").write_text("\n".join(lines) + "\n")
    return folder / "songs.csv"


@pytest.fixture(scope="session")
def prepared(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """The same, prepared with two windows a song and a perturbed copy of each."""
    out = tmp_path_factory.mktemp("prepared") / "songs"
    recipe = DataRecipe(windows=2, perturb=1, scale="-1-1", fractions=(0.5, 0.25, 0.25))
    assert prepare(labelled, out, recipe=recipe, audio=TOY) == []
    return open_data(out)


@pytest.fixture
def loudness_on_nodes(cache: None) -> None:
    """The same for the nodes of a cluster, which is started afterwards."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loudness_encoder: None) -> None:
    """An empty cache, and the encoders of tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
