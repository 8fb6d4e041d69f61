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
        address = next(line.strip() for line in lines if line[:1].isdigit())

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
