"""Two commands for one place: the second gets one line, whatever it would have written there."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Refused, Sentio

from sentio_mobile._internal.claims import claimed
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec

HOLD = """
import sys
from pathlib import Path
from sentio_mobile._internal.claims import claimed
with claimed(Path(sys.argv[1]), inside=sys.argv[2] == "inside"):
    print("holds", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def hold() -> Iterator[Callable[[Path, str], None]]:
    """Lets another process write a place until the test ends."""
    processes: list[subprocess.Popen[str]] = []

    def start(place: Path, where: str) -> None:
        command = [sys.executable, "-c", HOLD, str(place), where]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"

    yield start
    for process in processes:
        process.communicate("\n")


@pytest.mark.parametrize("name", ["prepare", "train", "distill", "export", "run", "label", "embed"])
def test_command_whose_place_another_process_writes_is_refused(
    name: str,
    hold: Callable[[Path, str], None],
    sentio: Sentio,
    data: PreparedData,
    deam: Path,
    tiny_student: DistillRecipe,
    tmp_path: Path,
) -> None:
    out, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    spec = spec_of(tiny_student.model, AudioSpec())
    Checkpoint(model=build(spec), spec=spec).save(checkpoint)
    hold(out, "inside" if name in ("prepare", "run") else "beside")
    recipe = tmp_path / "recipe.toml"
    training = "[training]\nepochs = 1\nbatch_size = 8\nlearning_rate = 1e-3\n"
    recipe.write_text(
        f"[model]\n{training}[response]\nsoft = 0.0\nhard = 1.0\n[features]\nweight = 0.0\n[attention]\nweight = 0.0\n"
    )
    commands: dict[str, list[object]] = {
        "prepare": ["data", "prepare", deam],
        "train": ["teacher", "train", "--data", data.folder, "--recipe", "vit_small"],
        "distill": ["distill", "--data", data.folder, "--recipe", recipe],
        "export": ["export", "--checkpoint", checkpoint, "--format", "torchscript", "--precision", "fp32"],
        "run": ["run", "tiny"],
        "label": ["teacher", "label", "--teacher", checkpoint, "--on", data.folder, deam],
        "embed": ["teacher", "embed", "--data", data.folder, "--music", deam],
    }
    before = sorted(path.name for path in tmp_path.iterdir())
    result = sentio(*commands[name], "--out", out)
    assert result.exit_code == 2, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith(f"Error: {out}: another process (")
    assert line.endswith(") is writing there; wait for it to end or choose another place")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_finished_place_is_refused_without_force_and_holds_no_lock(
    refused: Refused, deam: Path, tmp_path: Path
) -> None:
    with claimed(tmp_path / "out"):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").touch()
    refused("exists already", "data", "prepare", deam, "--out", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]
