"""Commands that are stopped at random moments end, when they are given again, with what an undisturbed run makes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def research(script: str, *arguments: object) -> None:
    """Run a script of benchmarks/research, which must find no fault."""
    command = [sys.executable, str(ROOT / "benchmarks" / "research" / script), *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "command",
    [
        *("data prepare", "teacher train", "teacher embed", "pretrain", "distill", "export", "predict", "run", "train"),
    ],
)
def test_command_stopped_by_any_signal_goes_on(command: str, tmp_path: Path) -> None:
    research("kill_table.py", tmp_path / "table.json", "--points", 1, "--commands", command, "--work", tmp_path)
    points = json.loads((tmp_path / "table.json").read_text())["points"]
    # A signal comes to nothing only where every moment that was tried came too late.
    assert points
    assert all(point["status"] for point in points), points


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_same_seed_and_threads_give_the_same_weights(tmp_path: Path) -> None:
    research("thread_spread.py", tmp_path / "spread.json", "--threads", "1,1,2", "--work", tmp_path)
