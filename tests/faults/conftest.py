"""What tests of faults share: a disk that is too small, a limit on files, and short commands that write something."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec

TRAINING = "[training]\nepochs = 1\nbatch_size = 8\nlearning_rate = 1e-3\n"
TEACHER = (
    "[model]\nlayers = 1\nheads = 2\nwidth = 32\nmlp_width = 64\nhead_widths = [16]\nhead_dropout = [0.0, 0.0]\n"
    + TRAINING
)
STUDENT = (
    "[model]\nstem_widths = [8, 16, 32]\nlayers = 1\nheads = 2\nhead_width = 16\nwidth = 32\nmlp_width = 64\n"
    "output_width = 32\n" + TRAINING + "[response]\nsoft = 0.0\nhard = 1.0\n[features]\nweight = 0.0\n"
    "[attention]\nweight = 0.0\n"
)
RUN = 'source = "generated"\nstudent_start = "random"\n[generated]\nsongs = 30\naudio_format = "wav"\n[distill]\n'
Commands = Callable[[str, Path], list[object]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place: Path, option: str) -> None:
    """Give a small disk another size, or make it read only."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)


@contextmanager
def files_of_at_most(n: int) -> Iterator[None]:
    """Let this process write files of at most `n` bytes: what it writes beyond fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some music."""
    import soundfile

    path = tmp_path_factory.mktemp("song") / "song.wav"
    soundfile.write(path, render(draw_songs(1, seed=5)[0])[: 22_050 * 5], 22_050)
    return path


@pytest.fixture(scope="session")
def checkpoint(tiny_student: DistillRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that learned nothing."""
    out, spec = tmp_path_factory.mktemp("checkpoint") / "student", spec_of(tiny_student.model, AudioSpec())
    torch.manual_seed(0)
    Checkpoint(model=build(spec), spec=spec).save(out)
    return out


@pytest.fixture
def command(data: PreparedData, checkpoint: Path, song: Path, tmp_path: Path) -> Commands:
    """The arguments of a short command by its name, and where it writes."""
    run = RUN + STUDENT.replace("[", "[distill.").replace("= [distill.", "= [")
    for name, text in (("teacher", TEACHER), ("student", STUDENT), ("run", run)):
        (tmp_path / f"{name}.toml").write_text(text)

    def arguments(name: str, out: Path) -> list[object]:
        given: dict[str, list[object]] = {
            "train": ["teacher", "train", "--data", data.folder, "--recipe", tmp_path / "teacher.toml"],
            "distill": ["distill", "--data", data.folder, "--recipe", tmp_path / "student.toml", "--start", "random"],
            "export": ["export", "--checkpoint", checkpoint, "--format", "torchscript", "--form", "spectrogram"],
            "predict": ["predict", song],
            "run": ["run", tmp_path / "run.toml"],
        }
        return [*given[name], "--out", out]

    return arguments
